"""S3, SQS, SNS and Secrets Manager on this machine, for as long as whoever started it lives.

Writes the port as a line of standard output; ends when standard input does, so that nothing is left running, however the
tests end.
"""

import logging
import sys

from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
