"""The login service of the incident: what an application with an OpenTelemetry SDK does, and nothing of fluo.

`POST /login` with `{"user": …, "password": …}` checks the password, then signs a session with the token in the file that
AUTH_TOKEN_FILE names, as the other services of the shop verify it. When somebody rolls out a wrong token, every login
fails, whoever logs in. Answers say which span stands for the request.

Everything about telemetry comes from the environment, in the variables of every OpenTelemetry SDK. Writes its port as a
line of standard output; ends when standard input does, and sends what it still has.
"""

import hashlib
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

PASSWORDS = {"ada": "engine", "grace": "cobol", "linus": "kernel"}
# What the other services verify sessions with.
VERIFIED = hashlib.sha256(b"shop-sessions-2026").hexdigest()

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop.auth", "1.4.0")


class AuthenticationError(Exception):
    """Nobody is let in."""


def session(user: str) -> str:
    """A session that the other services take."""
    with open(os.environ["AUTH_TOKEN_FILE"], encoding="utf-8") as file:
        token = file.read().strip()
    if hashlib.sha256(token.encode()).hexdigest() != VERIFIED:
        raise AuthenticationError("the session's signature is not accepted")
    return hmac.new(token.encode(), user.encode(), "sha256").hexdigest()


def auth_user(user: str, password: str) -> str:
    """Checks who somebody is."""
    if PASSWORDS.get(user) != password:
        raise AuthenticationError("wrong user or password")
    with tracer.start_as_current_span("sign_session"):
        return session(user)


class Login(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802, the name is the library's
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {}
        with tracer.start_as_current_span(
            "auth_user", kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            span.set_attribute("http.method", "POST")
            span.set_attribute("http.route", self.path)
            span.set_attribute("user.id", body["user"])
            context = span.get_span_context()
            answer["trace_id"] = trace.format_trace_id(context.trace_id)
            answer["span_id"] = trace.format_span_id(context.span_id)
            try:
                answer["session"] = auth_user(body["user"], body["password"])
                status = 200
            except AuthenticationError as error:
                status = 401
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, str(error)))
                span.set_attribute("error.type", type(error).__name__)
            # An integer, as instrumentations set it.
            span.set_attribute("http.status_code", status)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Says nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Login)
Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
server.shutdown()
provider.shutdown()
