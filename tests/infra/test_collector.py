"""The collector's configurations say what ingest relies on, and a collector does what they say. `FLUO_TEST_COLLECTOR`
is one of the version that builder.yml names: tests/end_to_end/build-collector makes it."""

import json
import os
import re
import secrets
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

import terraform
from cloudformation import INFRA, REGION, REPOSITORY, load
from conftest import client

# What v0.145.0 knows: it refuses to start on any other.
EXPORTER = {"marshaler", "s3uploader", "timeout", "sending_queue"}
UPLOADER = {
    "region", "s3_bucket", "s3_prefix", "role_arn", "s3_partition_format", "s3_partition_timezone", "unique_key_func_name",
    "compression", "s3_force_path_style", "retry_mode", "retry_max_attempts", "retry_max_backoff",
}  # fmt: skip


def configuration(name, environment):
    """As a collector reads it: a reference is replaced before the YAML is read."""

    def value(reference):
        variable, _, default = reference[1].partition(":-")
        return environment.get(variable, default)

    return yaml.safe_load(re.sub(r"\$\{env:([^}]+)\}", value, (INFRA / "collector" / f"{name}.yml").read_text()))


# Bytes of protobuf that make an object, and that it has at most.
BATCH = {"agent": (2_400_000, 20_000_000), "gateway": (14_000_000, 20_000_000)}


@pytest.mark.parametrize("name", BATCH)
def test_defaults_are_what_ingest_relies_on(name):
    read = configuration(name, {"FLUO_BUCKET": "spans"})
    exporter = read["exporters"]["awss3"]
    assert exporter.keys() <= EXPORTER
    assert exporter["s3uploader"].keys() <= UPLOADER
    assert exporter["marshaler"] == "otlp_proto"
    uploader = exporter["s3uploader"]
    wanted = {"s3_bucket": "spans", "s3_prefix": "raw", "s3_partition_timezone": "UTC", "compression": "zstd"}
    wanted |= {"unique_key_func_name": "uuidv7", "s3_force_path_style": False}
    assert {key: uploader[key] for key in wanted} == wanted
    assert exporter["sending_queue"]["sizer"] == "bytes"
    batch = exporter["sending_queue"]["batch"]
    assert (batch["min_size"], batch["max_size"]) == BATCH[name]
    assert batch["flush_timeout"] == "10s"
    assert read["service"]["pipelines"] == {"traces": {"receivers": ["otlp"], "exporters": ["awss3"]}}


@pytest.mark.parametrize("name", BATCH)
def test_it_listens_on_this_machine_unless_told_otherwise(name):
    protocols = configuration(name, {})["receivers"]["otlp"]["protocols"]
    assert {protocol["endpoint"] for protocol in protocols.values()} == {"127.0.0.1:4317", "127.0.0.1:4318"}
    told = configuration(name, {"OTLP_GRPC_ENDPOINT": "0.0.0.0:1"})["receivers"]["otlp"]["protocols"]
    assert told["grpc"]["endpoint"] == "0.0.0.0:1"


def test_every_variable_is_described():
    for name in BATCH:
        text = (INFRA / "collector" / f"{name}.yml").read_text()
        described = set(re.findall(r"^#   ([A-Z0-9_]+)  ", text, re.MULTILINE))
        used = set(re.findall(r"\$\{env:([A-Z0-9_]+)", text))
        # The SDK reads this one itself.
        assert described == used | {"AWS_ENDPOINT_URL_S3"}


def test_the_manifest_builds_what_is_named():
    manifest = yaml.safe_load((INFRA / "collector/builder.yml").read_text())
    modules = [module["gomod"].split()[0].rsplit("/", 1)[1] for kind in ("receivers", "exporters") for module in manifest[kind]]
    for name in BATCH:
        read = configuration(name, {})
        for kind, ending in (("receivers", "receiver"), ("exporters", "exporter")):
            assert {f"{component}{ending}" for component in read[kind]} <= set(modules)
    versions = {module["gomod"].split()[1] for kind in ("receivers", "processors", "exporters") for module in manifest[kind]}
    assert versions == {f"v{manifest['dist']['version']}"}


def test_every_object_is_small_enough_for_the_function_that_reads_it():
    def constant(file, name):
        number, shift = re.search(rf"const {name}: \w+ = (\d+)(?: << (\d+))?;", (REPOSITORY / file).read_text()).groups()
        return int(number) << int(shift or 0)

    function = "functions/ingest-spans/src/function.rs"
    own, at_once = constant(function, "OWN_MEMORY"), constant(function, "AT_ONCE")
    working = constant("crates/store/src/ingest/data_files.rs", "WORKING")
    memory = load()["Parameters"]["IngestMemory"]

    def may_take(mebibytes):
        return (mebibytes * 2**20 - own) / at_once

    def takes(size):
        # As it came, decompressed, and as data files, none of which is larger than what it was made of.
        return working + 3 * size

    for _, most in BATCH.values():
        assert takes(most) <= may_take(memory["MinValue"])
        # As JSON it has two to four times as many, for which the default is enough.
        assert takes(3.8 * most) <= may_take(memory["Default"])


def test_an_exporter_of_ones_own_is_told_the_same():
    text = load()["Outputs"]["CollectorExporter"]["Value"]["Fn::Sub"][0]
    told = yaml.safe_load(text.replace("${", "").replace("}/", "/").replace("AWS::Region}", "r").replace("Store}", "b").replace("RawPrefix}", "p"))
    agent = configuration("agent", {"FLUO_BUCKET": "b", "AWS_REGION": "r", "S3_PREFIX": "p"})["exporters"]["awss3"]
    for key, value in told["awss3"].items():
        if isinstance(value, dict):
            assert value.items() <= agent[key].items(), key
        else:
            assert value == agent[key], key


# --- a collector


@pytest.fixture(scope="module")
def collector():
    path = os.environ.get("FLUO_TEST_COLLECTOR")
    # What the tests need and do not find is a failure, never a skipped test.
    assert path and Path(path).is_file(), "FLUO_TEST_COLLECTOR names no collector"
    return path


def environment(**more):
    # Nothing of the user's own.
    own = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": REGION, "FLUO_BUCKET": "b"}
    return own | more


@pytest.mark.parametrize("name", BATCH)
def test_retries_are_for_later_versions_than_the_one_that_can_be_built(collector, name):
    def validated(*names):
        files = [argument for each in names for argument in ("--config", str(INFRA / f"collector/{each}.yml"))]
        return subprocess.run(
            [collector, "validate", *files], env=environment(), capture_output=True, text=True, check=False
        )

    assert validated(name).returncode == 0, validated(name).stderr
    refused = validated(name, "retry")
    assert (refused.returncode, "has invalid keys: retry_on_failure" in refused.stderr) == (1, True), refused.stderr
    # It adds nothing else.
    assert list(yaml.safe_load((INFRA / "collector/retry.yml").read_text())["exporters"]["awss3"]) == ["retry_on_failure"]


SPANS = 3_000


def spans():
    def text(size):
        return {"key": "http.request.body", "value": {"stringValue": "x" * size}}

    # Of very different sizes.
    return [
        {
            "traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "name": "POST /login", "kind": 2,
            "startTimeUnixNano": "1795345200000000000", "endTimeUnixNano": "1795345200000000001",
            "attributes": [text(nth % 50 * 40)],
        }
        for nth in range(SPANS)
    ]  # fmt: skip


def upload(collector, aws, bucket, **given):
    """The objects that a gateway makes of one request."""
    client(aws, "s3").create_bucket(Bucket=bucket)
    http = terraform.free_port()
    own = {
        "FLUO_BUCKET": bucket, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest",
        "AWS_ENDPOINT_URL_S3": aws, "S3_FORCE_PATH_STYLE": "true", "S3_COMPRESSION": "none", "S3_FLUSH_TIMEOUT": "500ms",
        "OTLP_HTTP_ENDPOINT": f"127.0.0.1:{http}", "OTLP_GRPC_ENDPOINT": f"127.0.0.1:{terraform.free_port()}",
        "METRICS_PORT": str(terraform.free_port()),
    }  # fmt: skip
    service = [{"key": "service.name", "value": {"stringValue": "auth-service"}}]
    body = {"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [{"spans": spans()}]}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{http}/v1/traces", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    command = [collector, "--config", INFRA / "collector/gateway.yml"]
    with subprocess.Popen(command, env=environment(**own, **given), stderr=subprocess.DEVNULL) as process:
        try:
            for attempt in range(100):
                try:
                    urllib.request.urlopen(request, timeout=10).close()
                    break
                except OSError:
                    assert process.poll() is None and attempt < 99, "the collector does not listen"
                    time.sleep(0.1)
        finally:
            # It writes what it has before it ends.
            process.terminate()
            process.wait(timeout=60)
    listed = client(aws, "s3").list_objects_v2(Bucket=bucket)["Contents"]
    return {found["Key"]: client(aws, "s3").get_object(Bucket=bucket, Key=found["Key"])["Body"].read() for found in listed}


def test_an_object_has_no_more_bytes_than_it_may_and_no_span_is_lost(collector, aws):
    bounds = {"S3_MIN_BATCH_BYTES": "100000", "S3_MAX_BATCH_BYTES": "200000", "S3_PREFIX": "otel/"}
    objects = upload(collector, aws, "batches-of-bytes", **bounds)
    assert len(objects) > 10
    assert max(map(len, objects.values())) <= 200_000
    assert all(key.startswith("otel/year=") for key in objects)
    documents = upload(collector, aws, "batches-to-count", S3_MARSHALER="otlp_json", **bounds)
    found = [
        span["spanId"]
        for text in documents.values()
        for resource in json.loads(text)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert (len(found), len(set(found))) == (SPANS, SPANS)
