#!/usr/bin/env python3
"""Writes one object as a gateway collector writes it: OTLP protobuf in zstd, spans of twenty services of a shop.

usage: otlp_object.py OUT [--spans N]

Needs `opentelemetry-proto` and `zstandard`. The same arguments give the same bytes.
"""

import argparse
import pathlib
import random

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

START = 1_795_341_600_000_000_000
ROUTES = ["/login", "/cart", "/product/{id}", "/checkout", "/search", "/api/items", "/api/orders/{id}", "/health"]


def text(attributes, key, value):
    attributes.add(key=key).value.string_value = value


def number(attributes, key, value):
    attributes.add(key=key).value.int_value = value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--spans", type=int, default=50_000)
    args = parser.parse_args()
    draw = random.Random(1)
    request = ExportTraceServiceRequest()
    # As many SDKs' batches as a gateway puts together.
    scopes = []
    for instance in range(100):
        resource = request.resource_spans.add()
        attributes = resource.resource.attributes
        text(attributes, "service.name", f"service-{instance % 20}")
        text(attributes, "service.version", "1.42.0")
        text(attributes, "deployment.environment.name", "production")
        text(attributes, "k8s.namespace.name", "shop")
        text(attributes, "k8s.pod.name", f"service-{instance % 20}-{instance:04x}")
        text(attributes, "host.name", f"node-{instance % 7}")
        text(attributes, "telemetry.sdk.language", "java")
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = "io.opentelemetry.http", "2.10.0"
        scopes.append(scope)
    for at in range(args.spans):
        end = START + at * 4_300_000_000 // args.spans
        span = scopes[draw.randrange(100)].spans.add(
            trace_id=draw.randbytes(16), span_id=draw.randbytes(8), parent_span_id=draw.randbytes(8), flags=257,
            kind=draw.choice([Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT]),
            start_time_unix_nano=end - draw.randrange(100_000, 200_000_000), end_time_unix_nano=end)
        route = draw.choice(ROUTES)
        span.name = f"GET {route}"
        status = draw.choices([200, 404, 500], [980, 15, 5])[0]
        text(span.attributes, "http.request.method", "GET")
        text(span.attributes, "http.route", route)
        number(span.attributes, "http.response.status_code", status)
        text(span.attributes, "server.address", "shop.example")
        text(span.attributes, "client.address", f"10.0.{draw.randrange(40)}.{draw.randrange(250)}")
        text(span.attributes, "thread.name", f"worker-{draw.randrange(16)}")
        number(span.attributes, "thread.id", draw.randrange(64))
        if status == 500:
            span.status.code = Status.STATUS_CODE_ERROR
    body = request.SerializeToString()
    packed = zstandard.ZstdCompressor(level=3).compress(body)
    args.out.write_bytes(packed)
    print(f"{args.spans} spans, {len(body)} bytes of protobuf, {len(packed)} in zstd")


if __name__ == "__main__":
    main()
