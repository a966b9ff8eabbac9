#!/usr/bin/env python3
"""Writes objects of real traces: OTLP protobuf, by the minute and by ten seconds.

usage: real_objects.py NEZHA OUT [--minutes N]

NEZHA is a clone of the public data set IntelligentDDS/Nezha. Of its traces of TrainTicket are the ids, times, names and
parents. The resource, the scope and the attributes are those that the OpenTelemetry Java agent 1.21 gives such spans; ids
and ports in them are random. The same arguments give the same bytes. Needs `opentelemetry-proto`.
"""

import argparse
import collections
import csv
import pathlib
import random
import re

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SECOND = 1_000_000_000


def text(attributes, key, value):
    attributes.add(key=key).value.string_value = value


def number(attributes, key, value):
    attributes.add(key=key).value.int_value = value


class Pods:
    """What every span of a pod repeats."""

    def __init__(self, draw):
        self.draw, self.known = draw, {}

    def of(self, pod):
        if pod not in self.known:
            draw = self.draw
            self.known[pod] = {
                "container": draw.randbytes(32).hex(), "pid": draw.randrange(1, 9),
                "ip": f"10.244.{draw.randrange(8)}.{draw.randrange(2, 250)}", "port": draw.randrange(8000, 20000)}
        return self.known[pod]


def service(pod):
    return "-".join(pod.split("-")[:-2])


def resource(attributes, pod, facts):
    text(attributes, "container.id", facts["container"])
    text(attributes, "host.arch", "amd64")
    text(attributes, "host.name", pod)
    text(attributes, "os.description", "Linux 5.4.0-125-generic")
    text(attributes, "os.type", "linux")
    text(attributes, "process.command_line", "/usr/lib/jvm/java-1.8-openjdk/jre/bin/java -Xmx200m -javaagent:/app/agent.jar")
    text(attributes, "process.executable.path", "/usr/lib/jvm/java-1.8-openjdk/jre/bin/java")
    number(attributes, "process.pid", facts["pid"])
    text(attributes, "process.runtime.description", "IcedTea OpenJDK 64-Bit Server VM 25.212-b04")
    text(attributes, "process.runtime.name", "OpenJDK Runtime Environment")
    text(attributes, "process.runtime.version", "1.8.0_212-b04")
    text(attributes, "service.name", service(pod))
    text(attributes, "telemetry.auto.version", "1.21.0")
    text(attributes, "telemetry.sdk.language", "java")
    text(attributes, "telemetry.sdk.name", "opentelemetry")
    text(attributes, "telemetry.sdk.version", "1.21.0")


def shape(name):
    """Kind and instrumentation scope of a span by its name."""
    if name.startswith("HTTP "):
        return Span.SPAN_KIND_CLIENT, "io.opentelemetry.http-url-connection"
    if name.startswith("/"):
        return Span.SPAN_KIND_SERVER, "io.opentelemetry.tomcat-7.0"
    if re.match(r"(SELECT|INSERT|UPDATE|DELETE) ts\.", name):
        return Span.SPAN_KIND_CLIENT, "io.opentelemetry.jdbc"
    if name.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "Session", "Transaction")):
        return Span.SPAN_KIND_INTERNAL, "io.opentelemetry.hibernate-4.0"
    if "Repository." in name:
        return Span.SPAN_KIND_INTERNAL, "io.opentelemetry.spring-data-1.8"
    return Span.SPAN_KIND_INTERNAL, "io.opentelemetry.spring-webmvc-3.1"


def attributes(span, kind, scope, pod, facts, other, draw):
    into, name = span.attributes, span.name
    number(into, "thread.id", draw.randrange(20, 60))
    text(into, "thread.name", f"http-nio-{facts['port']}-exec-{draw.randrange(1, 11)}")
    if kind == Span.SPAN_KIND_SERVER:
        route = name.replace("{", "").replace("}", "")
        text(into, "http.flavor", "1.1")
        text(into, "http.method", "GET")
        text(into, "http.route", name)
        text(into, "http.scheme", "http")
        number(into, "http.status_code", 200)
        text(into, "http.target", route)
        text(into, "http.user_agent", "Java/1.8.0_212")
        text(into, "net.host.name", service(pod))
        number(into, "net.host.port", facts["port"])
        text(into, "net.sock.peer.addr", other["ip"])
        number(into, "net.sock.peer.port", draw.randrange(32768, 61000))
    elif scope.endswith("http-url-connection"):
        text(into, "http.flavor", "1.1")
        text(into, "http.method", name.split(" ")[1])
        number(into, "http.status_code", 200)
        text(into, "http.url", f"http://{other['service']}:{other['port']}/api/v1/{other['service'].removeprefix('ts-')}")
        text(into, "net.peer.name", other["service"])
        number(into, "net.peer.port", other["port"])
    elif scope.endswith("jdbc"):
        verb, table = name.split(" ")[0], name.split(".")[-1]
        text(into, "db.connection_string", "mysql://nacosdb-mysql-leader:3306")
        text(into, "db.name", "ts")
        text(into, "db.operation", verb)
        text(into, "db.sql.table", table)
        text(into, "db.statement", f"{verb.lower()} {table}0_.id as id1_0_, {table}0_.name as name2_0_ from {table} {table}0_ where {table}0_.id=?")
        text(into, "db.system", "mysql")
        text(into, "db.user", "ts")
        text(into, "net.peer.name", "nacosdb-mysql-leader")
        number(into, "net.peer.port", 3306)


def rows(folder, minutes):
    """Spans as the data set has them, of so many of its files."""
    files = sorted(folder.glob("rca_data/2023-01-29/trace/*.csv"))[:minutes]
    for file in files:
        for row in csv.DictReader(file.open()):
            if len(row["TraceID"]) == 32 and len(row["SpanID"]) == 16:
                yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nezha", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=int, default=24)
    args = parser.parse_args()
    draw = random.Random(1)
    pods, seen, spans = Pods(draw), set(), []
    for row in rows(args.nezha, args.minutes):
        if (row["TraceID"], row["SpanID"]) not in seen:
            seen.add((row["TraceID"], row["SpanID"]))
            spans.append(row)
    names = sorted({row["PodName"] for row in spans})
    for seconds in (60, 10):
        folder = args.out / f"{seconds}s"
        folder.mkdir(parents=True, exist_ok=True)
        objects = collections.defaultdict(list)
        for row in spans:
            objects[int(row["EndTimeUnixNano"]) // (seconds * SECOND)].append(row)
        for at, members in sorted(objects.items()):
            draw = random.Random(at)
            request, scopes = ExportTraceServiceRequest(), {}
            resources = {}
            for row in members:
                pod, (kind, scope) = row["PodName"], shape(row["OperationName"])
                facts = pods.of(pod)
                if pod not in resources:
                    resources[pod] = request.resource_spans.add()
                    resource(resources[pod].resource.attributes, pod, facts)
                if (pod, scope) not in scopes:
                    scopes[pod, scope] = resources[pod].scope_spans.add()
                    scopes[pod, scope].scope.name = scope
                    scopes[pod, scope].scope.version = "1.21.0-alpha"
                parent = row["ParentID"]
                span = scopes[pod, scope].spans.add(
                    trace_id=bytes.fromhex(row["TraceID"]), span_id=bytes.fromhex(row["SpanID"]),
                    parent_span_id=b"" if parent == "root" else bytes.fromhex(parent), name=row["OperationName"],
                    kind=kind, start_time_unix_nano=int(row["StartTimeUnixNano"]),
                    end_time_unix_nano=int(row["EndTimeUnixNano"]))
                span.status.SetInParent()
                peer = draw.choice(names)
                attributes(span, kind, scope, pod, facts, {**pods.of(peer), "service": service(peer)}, draw)
            (folder / f"{at * seconds}.binpb").write_bytes(request.SerializeToString())
        print(f"{folder}: {len(spans)} spans in {len(objects)} objects")


if __name__ == "__main__":
    main()
