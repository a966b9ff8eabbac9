"""What the tests start: a stand-in of AWS on a free port, and Terraform against it."""

import json
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
import pytest

import terraform
from cloudformation import REGION, Stack, load


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    """The address of a stand-in of AWS."""
    log = tmp_path_factory.mktemp("aws") / "log"
    port = terraform.free_port()
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "stand_in.py", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            assert server.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(f"the stand-in of AWS does not answer: {log.read_text()}")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="session")
def zips(tmp_path_factory):
    """Zips in place of the functions, which are not built here."""
    folder = tmp_path_factory.mktemp("dist")
    for function in ("ingest-spans", "evaluate-rules", "compact-spans", "notify-chat"):
        with zipfile.ZipFile(folder / f"{function}.zip", "w") as archive:
            archive.writestr("bootstrap", f"#!/bin/sh\n# {function}\n")
    return folder


@pytest.fixture(scope="session")
def template():
    return load()


@pytest.fixture(scope="session")
def planning(aws, zips, tmp_path_factory):
    """A root module in which nothing is made."""
    return terraform.Root(tmp_path_factory.mktemp("planning"), aws, zips)


@pytest.fixture(scope="session")
def plan_of_defaults(planning):
    return planning.planned({})


@pytest.fixture(scope="session")
def plan_of_everything(planning):
    return planning.planned(PARAMETERS)


# A value other than the default for everything that a stack can be told, so that a parameter that goes nowhere, or
# somewhere else, is seen. ExistingBucket is told the others: BucketName excludes it.
PARAMETERS = {
    "BucketName": "fluo-test-bucket",
    "StorePrefix": "team/fluo/",
    "RawPrefix": "otlp/year=",
    "RawEvents": "eventbridge",
    "BucketKmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/55555555-5555-4555-8555-555555555555",
    "RawDays": 31,
    "SpansDays": 91,
    "RecordsDays": 401,
    "EmailAddress": "on-call@example.com",
    "SlackWorkspaceId": "T0WORKSPACE",
    "SlackChannelId": "C0CHANNEL",
    "TeamsTenantId": "11111111-1111-4111-8111-111111111111",
    "TeamsTeamId": "22222222-2222-4222-8222-222222222222",
    "TeamsChannelId": "19%3Achannel%40thread.tacv2",
    "ChatSinks": '[{"type":"slack","url":{"env":"SLACK_WEBHOOK_URL"}}]',
    "ChatSecretsArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:chat-AbCdEf",
    "SecretsKmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/33333333-3333-4333-8333-333333333333",
    "TopicKmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/44444444-4444-4444-8444-444444444444",
    "MoreTopics": '[{"name":"payments","topic_arn":"arn:aws:sns:us-east-1:123456789012:payments"}]',
    "MoreTopicArns": "arn:aws:sns:us-east-1:123456789012:payments,arn:aws:sns:us-east-1:123456789012:pager",
    "CollectorPrincipalArn": "arn:aws:iam::210987654321:role/collector",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "SubnetIds": "subnet-0aaaaaaaaaaaaaaa1,subnet-0aaaaaaaaaaaaaaa2",
    "SecurityGroupIds": "sg-0bbbbbbbbbbbbbbb1",
    "VpcFunctions": "notify-chat",
    "RulesLocation": "team/rules",
    "OnArrivalSeconds": 10,
    "TraceUrl": "https://traces.example/{trace_id}",
    "EvalDelay": "61s",
    "AllowedLateness": "2h",
    "StaleAfter": "11m",
    "MaxCatchUp": "2d",
    "DeliveryLimit": "3d",
    "RuleTime": "31s",
    "RuleMemoryMib": "513",
    "SetAsidePercent": "7",
    "TroubleSeverity": "file_error=critical,sink_error=info",
    "Columns": "span.shop.tenant,resource.k8s.zone",
    "Page": "false",
    "Architecture": "x86_64",
    "IngestMemory": 2048,
    "IngestTimeout": 120,
    "IngestBatchSize": 9,
    "IngestBatchWindow": 2,
    "IngestConcurrency": 11,
    "EvaluatorMemory": 4096,
    "EvaluatorTimeout": 301,
    "EvaluatorReservedConcurrency": 2,
    "CompactorMemory": 1024,
    "CompactorTimeout": 600,
    "NotifyMemory": 257,
    "NotifyTimeout": 30,
    "NotifyConcurrency": 3,
    "LogDays": 14,
    "TracesEndpoint": "https://otlp.example",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:operations",
    "EvaluationLagSeconds": 301,
    "IngestLagSeconds": 302,
}

# The stand-in does not have Amazon Q Developer in chat applications: planned, not applied.
CHAT_CHANNELS = ["SlackWorkspaceId", "SlackChannelId", "TeamsTenantId", "TeamsTeamId", "TeamsChannelId"]


def client(aws, service):
    return boto3.client(
        service, endpoint_url=aws, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="testtest"
    )


def put(aws, bucket, keys):
    """Puts objects into a bucket. The stand-in speaks no TLS, and the bucket refuses whoever does not."""
    s3 = client(aws, "s3")
    refuses = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.put_bucket_policy(Bucket=bucket, Policy=refuses)


def received(aws, queue):
    """The messages of a queue that tell of something."""
    sqs = client(aws, "sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    bodies = [json.loads(message["Body"]) for message in messages]
    return [body for body in bodies if body.get("Event") != "s3:TestEvent"]


@pytest.fixture(scope="session")
def network(aws):
    """Subnets and a security group that are there."""
    ec2 = client(aws, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{nth}.0/24")["Subnet"]["SubnetId"] for nth in range(2)]
    group = ec2.create_security_group(VpcId=vpc, GroupName="functions", Description="functions")["GroupId"]
    return {"SubnetIds": ",".join(subnets), "SecurityGroupIds": group}


@pytest.fixture(scope="session")
def applied_parameters(template, network):
    told = PARAMETERS.keys() | {"ExistingBucket"}
    assert told == template["Parameters"].keys(), "conftest.py must set every parameter"
    return {key: value for key, value in PARAMETERS.items() if key not in CHAT_CHANNELS} | network


@pytest.fixture(scope="session")
def applied(aws, zips, tmp_path_factory, applied_parameters):
    """A root module, applied."""
    root = terraform.Root(tmp_path_factory.mktemp("applied"), aws, zips)
    root.give(applied_parameters)
    root.run("apply", "-auto-approve", "-parallelism=30")
    return root


@pytest.fixture(scope="session")
def stack(template, applied_parameters):
    """The template as it would be in a stack of the same parameters."""
    return Stack(template, applied_parameters)
