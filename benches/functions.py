#!/usr/bin/env python3
"""What the functions cost: start, memory and time of the binaries that Lambda runs, driven by a Runtime API server.

usage: functions.py start FOLDER [--runs N]
       functions.py evaluate FOLDER SPANS [--rules N] [--memory MIB] [--minutes N] [--on-arrival SECONDS]
       functions.py ingest FOLDER OTLP [--memory MIB] [--s3 URL] [--batch N]

FOLDER holds the binaries `ingest-spans` and `evaluate-rules`. SPANS is a folder that `fluo-bench-spans` made with
`--minutes` of spans; its files are put into a store minute by minute, before the evaluation that would see them. With
`--on-arrival` there are evaluations by arrival in between, and files are put there before those.
OTLP is an object as the collector writes it, which is put into a stand-in of S3 (`--s3`, for example moto's) as often
as it is ingested: in an invocation of its own, or `--batch` of them in one, as a queue has them.
"""

import argparse
import datetime
import json
import os
import pathlib
import queue
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MINUTE = 60_000


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A process that is ended leaves its connections as they are."""


class RuntimeApi:
    """Lambda's side of the Runtime API, for one process."""

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.ready = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, body, status=200, headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                api.ready.set()
                event = api.events.get()
                if event is None:
                    return
                deadline = int((time.time() + 300) * 1000)
                self.reply(json.dumps(event).encode(), headers=[
                    ("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                    ("Lambda-Runtime-Deadline-Ms", str(deadline)),
                    ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:f"),
                ])

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.endswith("/response"):
                    api.answers.put(json.loads(body))
                else:
                    api.answers.put({"failed": body.decode()})
                self.reply(b"", 202)

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server.server_port


class Topic:
    """A topic that takes everything."""

    def __init__(self):
        topic = self
        self.messages = 0

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                topic.messages += 1
                body = (b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
                        b"<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>"
                        b"<ResponseMetadata><RequestId>d74b8436</RequestId></ResponseMetadata></PublishResponse>")
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Function:
    """A function's process."""

    def __init__(self, binary, environment, memory):
        self.api = RuntimeApi()
        environment = {
            "AWS_LAMBDA_RUNTIME_API": self.api.address, "AWS_LAMBDA_FUNCTION_NAME": binary.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s", "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **environment,
        }
        self.log = tempfile.TemporaryFile()
        began = time.perf_counter()
        self.process = subprocess.Popen([str(binary)], env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        assert self.api.ready.wait(30), self.said()
        self.started = time.perf_counter() - began

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()

    def invoke(self, event):
        began = time.perf_counter()
        self.api.events.put(event)
        answer = self.api.answers.get(timeout=600)
        assert "failed" not in answer, answer
        return time.perf_counter() - began, answer

    def peak(self):
        """The most memory it has had, in MiB."""
        status = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def cpu(self):
        """Seconds of processor time that it has used."""
        fields = pathlib.Path("/proc/%d/stat" % self.process.pid).read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.api.events.put(None)
        self.api.server.shutdown()


def rules(number):
    """Half counts, a quarter ratios, a quarter percentiles, over twenty services."""
    services = ["auth-service", "cart", "catalogue", "checkout", "currency", "delivery", "email", "frontend", "gateway",
                "inventory", "invoices", "orders", "payments", "prices", "recommendations", "returns", "reviews",
                "search", "sessions", "users"]
    text = []
    for rule in range(number):
        service = services[rule % len(services)]
        if rule % 4 < 2:
            text.append(f"""
- name: errors-{rule}
  span: {{service_name: {service}, attributes: {{http.response.status_code: "{'500' if rule % 2 else '404'}"}}}}
  window: 1m
  aggregation: {{errors: count}}
  condition: errors > 100000
""")
        elif rule % 4 == 2:
            text.append(f"""
- name: error-ratio-{rule}
  span: {{service_name: {service}, kind: server}}
  window: 5m
  aggregation:
    total: count
    errors: {{count: {{where: "status = error"}}}}
  condition: errors / total > 50% and total >= 100
""")
        else:
            text.append(f"""
- name: latency-{rule}
  span: {{service_name: {service}, kind: server}}
  window: 5m
  aggregation:
    p99: {{p99: duration}}
    total: count
  condition: p99 > 10s and total >= 100
""")
    return "".join(text)


def start(args):
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder)
        (store / "rules").mkdir()
        (store / "rules" / "bench.yml").write_text(rules(1))
        for name in ["ingest-spans", "evaluate-rules"]:
            times = []
            for _ in range(args.runs):
                function = Function(args.folder / name, environment(store, "http://127.0.0.1:9"), 1769)
                times.append(function.started * 1000)
                function.stop()
            print(f"{name}: process start to first request for an invocation, ms: median "
                  f"{statistics.median(times):.1f}, largest {max(times):.1f}, of {args.runs}")


def environment(store, endpoint):
    return {"FLUO_STORE": str(store), "FLUO_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:t",
            "AWS_ENDPOINT_URL": endpoint}


def asking(moment):
    """The event that asks for the evaluation of a moment: the schedule's at whole minutes, else a request's."""
    at = datetime.datetime.fromtimestamp(moment / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if moment % MINUTE == 0:
        return {"detail-type": "Scheduled Event", "time": at}
    body = json.dumps({"schema": "fluo.request/v1", "eval_time": at})
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": body}]}


def evaluate(args):
    files = sorted((args.spans / "spans").rglob("*.parquet"), key=lambda file: int(file.name.split("-")[1]))
    first = int(files[0].name.split("-")[0])
    begin = first - first % MINUTE
    topic = Topic()
    with tempfile.TemporaryDirectory(dir=args.spans) as folder:
        store = pathlib.Path(folder)
        (store / "rules").mkdir()
        (store / "rules" / "bench.yml").write_text(rules(args.rules))
        endpoint = "http://127.0.0.1:%d" % topic.server.server_port
        function = Function(args.folder / "evaluate-rules", environment(store, endpoint), args.memory)
        print("minute  files  seconds  processor s  peak MiB")
        taken, used = [], []
        step = args.on_arrival * 1000 or MINUTE
        for moment in range(begin + step, begin + args.minutes * MINUTE + 1, step):
            arrived = [file for file in files if moment - step < int(file.name.split("-")[1]) <= moment]
            for file in arrived:
                place = store / "spans" / file.relative_to(args.spans / "spans")
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, place)
            before = function.cpu()
            seconds, _ = function.invoke(asking(moment))
            taken.append(seconds)
            used.append(function.cpu() - before)
            minute = (moment - begin) / MINUTE
            print(f"{minute:6.2f}  {len(arrived):5}  {seconds:7.2f}  {used[-1]:11.2f}  {function.peak():8.0f}")
        evaluations = [json.loads(line)["evaluation"] for line in function.said().splitlines() if '"evaluation":' in line]
        failed = [evaluation for evaluation in evaluations if evaluation["failed_rules"] or evaluation["rules"] != args.rules]
        steady = taken[len(taken) // 2:]
        last = sum(used[-(MINUTE // step):])
        print(f"{args.rules} rules; median of the last {len(steady)} evaluations {statistics.median(steady):.2f} s, "
              f"processor in the last minute {last:.2f} s, "
              f"peak {function.peak():.0f} MiB, {topic.messages} messages, {len(failed)} evaluations with failed rules")
        for evaluation in failed[:1]:
            print(evaluation)
        function.stop()


def put(url, body):
    # Left to itself, urllib says that it is a form, and the stand-in tries to read it as one.
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=body, method="PUT", headers=headers)
    urllib.request.urlopen(request).read()


def ingest(args):
    body = args.otlp.read_bytes()
    bucket = "bench"
    put(f"{args.s3}/{bucket}", b"")
    with tempfile.TemporaryDirectory() as folder:
        function = Function(args.folder / "ingest-spans", environment(pathlib.Path(folder), args.s3), args.memory)
        print("object  seconds  processor s  peak MiB")
        taken = []
        for number in range(args.objects):
            messages = []
            for member in range(args.batch):
                key = f"raw/traces_{number}_{member}.binpb"
                put(f"{args.s3}/{bucket}/{key}", body)
                messages.append({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                                              "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})
            event = messages[0] if args.batch == 1 else {"Records": [
                {"messageId": str(at), "eventSource": "aws:sqs", "body": json.dumps(message)}
                for at, message in enumerate(messages)]}
            shutil.rmtree(pathlib.Path(folder) / "spans", ignore_errors=True)
            before = function.cpu()
            seconds, _ = function.invoke(event)
            taken.append(seconds)
            print(f"{number:6}  {seconds:7.2f}  {function.cpu() - before:11.2f}  {function.peak():8.0f}")
        spans = re.findall(r'"Spans":(\d+)', function.said())
        print(f"{len(body)} bytes, {spans[-1] if spans else '?'} spans: median {statistics.median(taken):.3f} s, peak {function.peak():.0f} MiB")
        function.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    of_start = commands.add_parser("start")
    of_start.add_argument("folder", type=pathlib.Path)
    of_start.add_argument("--runs", type=int, default=20)
    of_start.set_defaults(run=start)
    of_evaluate = commands.add_parser("evaluate")
    of_evaluate.add_argument("folder", type=pathlib.Path)
    of_evaluate.add_argument("spans", type=pathlib.Path)
    of_evaluate.add_argument("--rules", type=int, default=100)
    of_evaluate.add_argument("--memory", type=int, default=3008)
    of_evaluate.add_argument("--minutes", type=int, default=12)
    of_evaluate.add_argument("--on-arrival", type=int, default=0, metavar="SECONDS")
    of_evaluate.set_defaults(run=evaluate)
    of_ingest = commands.add_parser("ingest")
    of_ingest.add_argument("folder", type=pathlib.Path)
    of_ingest.add_argument("otlp", type=pathlib.Path)
    of_ingest.add_argument("--memory", type=int, default=1769)
    of_ingest.add_argument("--objects", type=int, default=5)
    of_ingest.add_argument("--s3", required=True)
    of_ingest.add_argument("--batch", type=int, default=1)
    of_ingest.set_defaults(run=ingest)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
