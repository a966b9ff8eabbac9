"""Events of raw objects reach spans, whichever way the bucket tells of them: the real ingest-spans, whose program is in the
folder that `FLUO_TEST_FUNCTIONS` names, on the stand-in's own events and on recorded ones."""

import json
import os
import zlib
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from cloudformation import REGION, REPOSITORY
from conftest import client
from runtime import Function

FIXTURES = REPOSITORY / "tests/fixtures"
[OBJECT] = (FIXTURES / "collector/awss3").rglob("*.binpb.zst")

# Keys that a sender may write in more ways than one.
KEYS = [
    "raw/year=2026/month=11/day=22/hour=11/minute=04/gateway eu-traces_1.binpb.zst",
    "raw/plus+and 50%/traces_2.binpb.zst",
    "raw/percent%20literally/traces_3.binpb.zst",
    "raw/größe/traces_4.binpb.zst",
]


@pytest.fixture(scope="module")
def program():
    folder = os.environ.get("FLUO_TEST_FUNCTIONS")
    # What the tests need and do not find is a failure, never a skipped test.
    assert folder and (Path(folder) / "ingest-spans").is_file(), "FLUO_TEST_FUNCTIONS names no folder with ingest-spans"
    return Path(folder) / "ingest-spans"


@pytest.fixture
def bucket(aws, request):
    name = f"events-{zlib.crc32(request.node.name.encode())}"
    client(aws, "s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def ingest(aws, bucket, program):
    function = Function(
        program,
        {
            "FLUO_STORE": f"s3://{bucket}/team/fluo/", "AWS_ENDPOINT_URL": aws, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest",
        },
    )  # fmt: skip
    yield function
    function.end()


def queue_of(aws, name):
    sqs = client(aws, "sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def by_notification(aws, bucket, queue):
    configuration = {
        "QueueArn": queue, "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}},
    }  # fmt: skip
    client(aws, "s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )


def by_event_bridge(aws, bucket, queue):
    client(aws, "s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    events = client(aws, "events")
    events.put_rule(Name=bucket, EventPattern=json.dumps(pattern), State="ENABLED")
    events.put_targets(Rule=bucket, Targets=[{"Id": "queue", "Arn": queue}])


def delivered(aws, url):
    """An event of Lambda's for all that waits in a queue."""
    sqs = client(aws, "sqs")
    records = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            records.append({"messageId": message["MessageId"], "body": message["Body"], "eventSource": "aws:sqs"})
    return {"Records": records}


def stored(aws, bucket):
    listed = client(aws, "s3").list_objects_v2(Bucket=bucket, Prefix="team/fluo/").get("Contents", [])
    return sorted(found["Key"].split("/")[2] for found in listed)


@pytest.mark.parametrize("way", [by_notification, by_event_bridge])
def test_an_object_is_ingested_whichever_way_the_bucket_tells_of_it(aws, bucket, ingest, way):
    url, queue = queue_of(aws, f"{bucket}-raw")
    way(aws, bucket, queue)
    for key in KEYS:
        client(aws, "s3").put_object(Bucket=bucket, Key=key, Body=OBJECT.read_bytes())
    event = delivered(aws, url)
    assert len(event["Records"]) >= len(KEYS)
    for _ in range(2):
        # The second time, as queues deliver again.
        assert ingest.invoke(event) == {"batchItemFailures": []}, ingest.lines
        # The same content under four keys counts once.
        assert stored(aws, bucket) == ["spans"], ingest.lines
    read = [json.loads(line)["object"] for line in ingest.lines if '"message":"ingested"' in line]
    assert sorted(read) == sorted(2 * KEYS)


def pointed_at(event, bucket, key, encoded):
    """A recorded event about another object."""
    text = json.dumps(event).replace("spans-bucket", bucket)
    old = "raw/year=2026/month=11/day=22/hour=11/minute=04/gateway eu-traces_123456789.binpb.gz"
    for was, now in ((old, key), (quote_plus(old, "/"), encoded)):
        text = text.replace(was, now)
    return json.loads(text)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("sqs_s3_created", "eTag"),
        ("sqs_sns_s3_created", "eTag"),
        ("sqs_eventbridge_object_created", "etag"),
        ("eventbridge_object_created", "etag"),
    ],
)
def test_recorded_events_are_understood_whatever_they_call_the_tag(aws, bucket, ingest, name, tag):
    event = json.loads((FIXTURES / f"events/{name}.json").read_text())
    key = "raw/year=2026/eu west+traces_1.binpb.zst"
    event = pointed_at(event, bucket, key, quote_plus(key, "/"))
    assert tag in json.dumps(event)
    # A version that is not there: the stand-in's bucket keeps none.
    event = json.loads(json.dumps(event).replace("version-id", "no-version-id"))
    client(aws, "s3").put_object(Bucket=bucket, Key=key, Body=OBJECT.read_bytes())
    for spelled in (tag, {"etag": "eTag", "eTag": "etag"}[tag]):
        answer = ingest.invoke(json.loads(json.dumps(event).replace(tag, spelled)))
        assert answer in ({"batchItemFailures": []}, {"messages": 1}), ingest.lines
    assert stored(aws, bucket) == ["spans"], ingest.lines
