"""Buckets that are kept, and buckets that are there already: what the manual says of them, done to the stand-in."""

import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

import terraform
from cloudformation import REGION
from conftest import client, put, received
from test_readme import section

# What keeps others out of a bucket, and what its life cycle is, by what asks for it.
SETTINGS = {
    "encryption": lambda s3, bucket: s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"],
    "access": lambda s3, bucket: s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"],
    "ownership": lambda s3, bucket: s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"],
    "life cycle": lambda s3, bucket: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
    "policy": lambda s3, bucket: json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
}


def settings(aws, bucket):
    return {name: ask(client(aws, "s3"), bucket) for name, ask in SETTINGS.items()}


def keys(aws, bucket):
    return [key["Key"] for key in client(aws, "s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


BUCKET = "fluo-kept-bucket"


@pytest.fixture(scope="module")
def kept(aws, zips, tmp_path_factory):
    """A root module with a bucket of its own and objects in it."""
    root = terraform.Root(tmp_path_factory.mktemp("kept"), aws, zips, "fluo-kept")
    root.give({"BucketName": BUCKET})
    root.run("apply", "-auto-approve", "-parallelism=30")
    return root


def test_a_raw_object_reaches_the_queue_and_others_do_not(aws, kept):
    key = "raw/year=2026/eu west+traces_a.binpb"
    put(aws, BUCKET, ["spans/a.parquet", "quarantine/raw/a", "state/delivered/a", key])
    [event] = received(aws, "fluo-kept-ingest-spans")
    [record] = event["Records"]
    assert unquote_plus(record["s3"]["object"]["key"]) == key


def test_nothing_is_destroyed_while_the_bucket_is_not_forgotten(aws, kept):
    before = settings(aws, BUCKET)
    ended = kept.run("destroy", "-auto-approve", expect=(1,))
    assert "Instance cannot be destroyed" in ended.stderr
    assert settings(aws, BUCKET) == before


def forget():
    """The command of the manual that makes Terraform forget the bucket and what protects it."""
    [command] = re.findall(r"terraform state rm ((?:.*\\\n)*.*)", section("Removal"))
    return command.replace("\\\n", " ").replace("'", "").split()


def test_a_bucket_that_is_kept_keeps_what_protects_it_and_is_taken_up_again(aws, kept, zips, tmp_path):
    before = settings(aws, BUCKET)
    kept.run("state", "rm", *forget())
    kept.run("destroy", "-auto-approve", "-parallelism=30")
    assert settings(aws, BUCKET) == before
    assert "raw/year=2026/eu west+traces_a.binpb" in keys(aws, BUCKET)
    # Of the queue, which is gone, nothing is left that would make a later notification fail.
    assert "QueueConfigurations" not in client(aws, "s3").get_bucket_notification_configuration(Bucket=BUCKET)

    again = terraform.Root(tmp_path, aws, zips, "fluo-again")
    again.give({"ExistingBucket": BUCKET})
    again.run("apply", "-auto-approve", "-parallelism=30")
    assert not [key for key in terraform.resources(again.state()) if key[0].startswith("aws_s3_")]
    assert settings(aws, BUCKET) == before
    stores = {
        function["Environment"]["Variables"]["FLUO_STORE"]
        for function in client(aws, "lambda").list_functions()["Functions"]
        if function["FunctionName"].startswith("fluo-again-")
    }
    assert stores == {f"s3://{BUCKET}/"}
    again.run("destroy", "-auto-approve", "-parallelism=30")
    assert settings(aws, BUCKET) == before
    assert "raw/year=2026/eu west+traces_a.binpb" in keys(aws, BUCKET)


# --- a bucket of somebody else


def block(heading, beginning):
    """The commands of the manual that begin with a text, below a heading."""
    found = re.findall(r"```sh\n(.*?)```", section(heading), re.DOTALL)
    return next(commands for commands in found if beginning in commands)


def shell(aws, folder, commands):
    """Runs commands of the manual against the stand-in."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_DEFAULT_REGION": REGION}
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder, env=environment | {"AWS_ENDPOINT_URL": aws}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, f"{commands}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture
def theirs(aws, request):
    """A bucket whose objects tell queues of somebody else."""
    name = f"theirs-{zlib.crc32(request.node.name.encode())}"
    s3, sqs = client(aws, "s3"), client(aws, "sqs")
    s3.create_bucket(Bucket=name)
    queues = {}
    for queue in ("others", "before-ingest-spans", "raw-ingest-spans"):
        url = sqs.create_queue(QueueName=f"{name}-{queue}")["QueueUrl"]
        queues[queue] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    # That of a stack before among them, as it stays with a bucket that is kept.
    configurations = [
        {
            "QueueArn": queues[queue], "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
        }
        for queue, prefix in (("others", "invoices/"), ("before-ingest-spans", "raw/"), ("before-ingest-spans", "otel/"))
    ]  # fmt: skip
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": configurations}
    )
    return name, queues


def told(aws, bucket):
    found = client(aws, "s3").get_bucket_notification_configuration(Bucket=bucket)
    rules = {
        (queue["QueueArn"], rule["Value"])
        for queue in found.get("QueueConfigurations", [])
        for rule in queue["Filter"]["Key"]["FilterRules"]
    }
    assert len(rules) == len(found.get("QueueConfigurations", []))
    return rules, "EventBridgeConfiguration" in found


def test_the_notification_is_added_to_those_that_are_there_once(aws, theirs, tmp_path):
    bucket, queues = theirs
    raw, others, before = queues["raw-ingest-spans"], queues["others"], queues["before-ingest-spans"]
    commands = block("An existing bucket", "QueueConfigurations").replace("bucket=NAME", f"bucket={bucket}")
    commands = re.sub(r"^queue=.*$", f"queue={raw}", commands, flags=re.MULTILINE)
    for _ in range(2):
        shell(aws, tmp_path, commands)
        # That of the stack before is replaced, for this prefix.
        assert told(aws, bucket) == ({(others, "invoices/"), (before, "otel/"), (raw, "raw/")}, False)
    for key in ("raw/traces_1.json", "invoices/1.pdf"):
        client(aws, "s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    for queue, key in (("raw-ingest-spans", "raw/traces_1.json"), ("others", "invoices/1.pdf")):
        [event] = received(aws, f"{bucket}-{queue}")
        assert unquote_plus(event["Records"][0]["s3"]["object"]["key"]) == key


def test_event_bridge_is_switched_on_and_notifications_stay(aws, theirs, tmp_path):
    bucket, _ = theirs
    before, _ = told(aws, bucket)
    commands = block("An existing bucket", "EventBridgeConfiguration").replace("bucket=NAME", f"bucket={bucket}")
    shell(aws, tmp_path, commands)
    assert told(aws, bucket) == (before, True)
    assert len(before) == 3


def test_both_work_for_a_bucket_that_tells_nobody(aws, tmp_path):
    s3, sqs = client(aws, "s3"), client(aws, "sqs")
    url = sqs.create_queue(QueueName="first-raw")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for bucket, beginning, wanted in (
        ("tells-nobody-1", "QueueConfigurations", ({(queue, "raw/")}, False)),
        ("tells-nobody-2", "EventBridgeConfiguration", (set(), True)),
    ):
        s3.create_bucket(Bucket=bucket)
        commands = block("An existing bucket", beginning).replace("bucket=NAME", f"bucket={bucket}")
        shell(aws, tmp_path, re.sub(r"^queue=.*$", f"queue={queue}", commands, flags=re.MULTILINE))
        assert told(aws, bucket) == wanted


def test_whoever_subscribes_by_hand_has_dead_letters_too(aws, tmp_path):
    topic = client(aws, "sns").create_topic(Name="by-hand")["TopicArn"]
    dead = f"arn:aws:sqs:{REGION}:123456789012:by-hand-dead-letters"
    commands = block("Who is told", "RedrivePolicy")
    commands = re.sub(r"^dead=.*$", f"topic={topic} dead={dead}", commands, flags=re.MULTILINE)
    shell(aws, tmp_path, commands.replace("ADDRESS", "on-call@example.com"))
    [subscription] = client(aws, "sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes = client(aws, "sns").get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])
    assert json.loads(attributes["Attributes"]["RedrivePolicy"]) == {"deadLetterTargetArn": dead}
