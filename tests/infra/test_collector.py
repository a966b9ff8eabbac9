"""The collector's configurations say what ingest relies on. Whether a collector starts with them, the end-to-end tests
tell."""

import re

import pytest
import yaml

from cloudformation import INFRA

# What v0.145.0 knows: it refuses to start on any other.
EXPORTER = {"marshaler", "s3uploader", "timeout", "sending_queue"}
UPLOADER = {
    "region", "s3_bucket", "s3_prefix", "s3_partition_format", "s3_partition_timezone", "unique_key_func_name",
    "compression", "s3_force_path_style", "retry_mode", "retry_max_attempts", "retry_max_backoff",
}  # fmt: skip


def configuration(name, environment):
    """As a collector reads it: a reference is replaced before the YAML is read."""

    def value(reference):
        variable, _, default = reference[1].partition(":-")
        return environment.get(variable, default)

    return yaml.safe_load(re.sub(r"\$\{env:([^}]+)\}", value, (INFRA / "collector" / f"{name}.yml").read_text()))


BATCH = {"agent": (8192, 50000), "gateway": (50000, 60000)}


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
