"""A function's program and the Runtime API that it asks for work, as Lambda has it."""

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue


class Function:
    """A running program, which answers one invocation after another."""

    def __init__(self, program, environment, seconds=60):
        self.events, self.answers, self.seconds = Queue(), Queue(), seconds
        function = self

        class Api(BaseHTTPRequestHandler):
            def do_GET(self):  # .../invocation/next
                body = json.dumps(function.events.get()).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + function.seconds) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):  # .../invocation/<id>/response or /error
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                function.answers.put((self.path.rsplit("/", 1)[1], json.loads(body or b"null")))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        api = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}"}
        api |= {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST"}
        api |= {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769", "AWS_LAMBDA_LOG_STREAM_NAME": "s", "AWS_LAMBDA_LOG_GROUP_NAME": "g"}
        self.process = subprocess.Popen(
            [program], env=api | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()

    def invoke(self, event):
        """The answer to an event."""
        self.events.put(event)
        kind, answer = self.answers.get(timeout=60)
        assert kind == "response", (answer, self.lines)
        return answer

    def end(self):
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
