"""The module is the template in other words, and what it makes is there."""

import json
import os
import subprocess
import pytest

import terraform
from cloudformation import INFRA, REGION, Stack, snake_case
from conftest import PARAMETERS, client, put, received
from test_template import ONE_OF_TWO


# --- the same as the template


def test_it_is_formatted_and_valid(applied):
    applied.run("validate")
    ended = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-recursive", INFRA / "terraform"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_variables_are_the_parameters(template, plan_of_defaults):
    variables = plan_of_defaults["configuration"]["root_module"]["module_calls"]["fluo"]["module"]["variables"]
    for name in ("name", "functions_dir"):
        del variables[name]
    assert variables.keys() == {snake_case(name) for name in template["Parameters"]}
    for name, parameter in template["Parameters"].items():
        variable = variables[snake_case(name)]
        assert variable["default"] == terraform.in_terraform(name, parameter["Default"]), name
        assert variable["description"] == parameter["Description"], name


def test_variables_refuse_what_parameters_refuse(template, planning):
    # One value each that the template's own bounds exclude.
    wrong = {}
    for name, parameter in template["Parameters"].items():
        if "AllowedValues" in parameter:
            wrong[name] = 7777 if parameter["Type"] == "Number" else "nothing of these"
        elif "MinValue" in parameter:
            wrong[name] = parameter["MinValue"] - 1
        elif "AllowedPattern" in parameter:
            wrong[name] = "nothing, of these!"
    planning.give(wrong)
    ended = planning.run("plan", "-input=false", expect=(1,))
    refused = {name for name in wrong if f"var.{snake_case(name)} " in ended.stderr}
    assert refused == set(wrong)


def test_variables_that_make_no_sense_together_are_refused(planning):
    for scenario, given in ONE_OF_TWO.items():
        planning.give(given)
        ended = planning.run("plan", "-input=false", expect=(1,))
        assert ended.stderr.count("Resource precondition failed") == 1, (scenario, ended.stderr)


def test_outputs_are_the_outputs(template):
    text = (INFRA / "terraform/outputs.tf").read_text()
    for name, output in template["Outputs"].items():
        assert f'output "{snake_case(name)}" {{\n  description = "{output["Description"]}"\n' in text
    assert text.count("output ") == len(template["Outputs"])


def test_all_resources_are_those_of_the_template(template, plan_of_everything):
    planned = terraform.resources(plan_of_everything["planned_values"])
    assert set(planned) == terraform.expected(Stack(template, PARAMETERS))
    # Nothing of the template is left out.
    assert Stack(template, PARAMETERS).resources.keys() == template["Resources"].keys()


def test_resources_without_parameters_are_those_of_the_template(template, plan_of_defaults):
    planned = terraform.resources(plan_of_defaults["planned_values"])
    assert set(planned) == terraform.expected(Stack(template))


@pytest.mark.parametrize(
    "given",
    [
        {"ChatSinks": "[]", "ExistingBucket": "theirs"},
        {"SlackWorkspaceId": "T0", "SlackChannelId": "C0"},
        {"ExistingBucket": "theirs", "RawEvents": "eventbridge"},
    ],
    ids=["chat sinks and an existing bucket", "Slack", "an existing bucket and EventBridge"],
)
def test_resources_of_some_parameters_are_those_of_the_template(template, planning, given):
    planned = terraform.resources(planning.planned(given)["planned_values"])
    assert set(planned) == terraform.expected(Stack(template, given))


def unlike(found, stack):
    """The resources that are not what the template says, each with its properties here and there."""
    translator = terraform.Translator(found)
    pairs = {
        logical_id: (
            translator.properties(resource["Type"], logical_id),
            terraform.in_one_form(stack.properties(logical_id)),
        )
        for logical_id, resource in stack.resources.items()
    }
    return {logical_id: pair for logical_id, pair in pairs.items() if pair[0] != pair[1]}


def test_resources_have_the_properties_of_the_template(applied, stack):
    assert unlike(terraform.resources(applied.state()), stack) == {}


@pytest.mark.parametrize(
    ("kind", "name", "attribute", "value"),
    [
        ("aws_lambda_function", "evaluate_rules", "timeout", 60),
        ("aws_lambda_function", "notify_chat", "environment", [{"variables": {"FLUO_STORE": "s3://fluo-test-bucket"}}]),
        ("aws_sqs_queue", "ingest_queue", "visibility_timeout_seconds", 60),
        ("aws_sqs_queue", "evaluator_dead_letters", "redrive_allow_policy", ""),
        ("aws_iam_role_policy", "ingest_spans_role", "policy", '{"Statement": []}'),
        ("aws_s3_bucket_notification", "bucket", "eventbridge", False),
        ("aws_s3_bucket_server_side_encryption_configuration", "bucket", "rule", [{"bucket_key_enabled": False}]),
        ("aws_iam_role", "collector_role", "permissions_boundary", ""),
        ("aws_iam_role_policy_attachment", "collector_role", "policy_arn", "arn:aws:iam::aws:policy/AdministratorAccess"),
        ("aws_cloudwatch_event_rule", "raw_objects_rule", "event_pattern", '{"source": ["aws.s3"]}'),
        ("aws_cloudwatch_event_target", "raw_objects_rule", "dead_letter_config", []),
        ("aws_lambda_function", "notify_chat", "vpc_config", []),
        ("aws_sns_topic_subscription", "email_subscription", "redrive_policy", ""),
        ("aws_s3_bucket_lifecycle_configuration", "bucket", "rule", []),
        ("aws_cloudwatch_metric_alarm", "missed_evaluation_alarm", "treat_missing_data", "missing"),
        ("aws_sns_topic_subscription", "notify_subscription", "raw_message_delivery", False),
    ],
)
def test_a_resource_that_differs_is_found(applied_resources, stack, kind, name, attribute, value):
    spoilt = applied_resources | {(kind, name): applied_resources[(kind, name)] | {attribute: value}}
    assert [snake_case(logical_id) for logical_id in unlike(spoilt, stack)] == [name]


@pytest.fixture(scope="module")
def applied_resources(applied):
    return terraform.resources(applied.state())


def test_defaults_give_the_properties_of_the_template(template, plan_of_defaults):
    # Before anything is made only what does not depend on it is known.
    stack = Stack(template)
    planned = terraform.resources(plan_of_defaults["planned_values"])
    compared = 0
    for logical_id, resource in stack.resources.items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            values = planned[("aws_cloudwatch_metric_alarm", snake_case(logical_id))]
            there = stack.properties(logical_id)
            assert (values["threshold"], values["period"]) == (there["Threshold"], there["Period"]), logical_id
            compared += 1
        if resource["Type"] == "AWS::Lambda::Function":
            values = planned[("aws_lambda_function", snake_case(logical_id))]
            there = stack.properties(logical_id)
            assert (values["memory_size"], values["timeout"]) == (there["MemorySize"], there["Timeout"]), logical_id
            reserved = there.get("ReservedConcurrentExecutions", -1)
            assert values["reserved_concurrent_executions"] == reserved, logical_id
            compared += 1
        if resource["Type"] == "AWS::SQS::Queue":
            values = planned[("aws_sqs_queue", snake_case(logical_id))]
            there = stack.properties(logical_id).get("VisibilityTimeout", 30)
            assert values["visibility_timeout_seconds"] == there, logical_id
            compared += 1
    assert compared > 12


def test_chat_channels_have_the_properties_of_the_template(template, plan_of_everything):
    stack = Stack(template, PARAMETERS)
    translator = terraform.Translator(terraform.resources(plan_of_everything["planned_values"]))
    channels = [key for key in stack.resources if key in ("SlackChannel", "TeamsChannel", "ChatRole", "ChatGuardrail")]
    assert len(channels) == 4
    for logical_id in channels:
        here = translator.properties(stack.resources[logical_id]["Type"], logical_id)
        there = terraform.in_one_form(stack.properties(logical_id))
        # References to what is not there yet.
        for key in ("IamRoleArn", "GuardrailPolicies", "SnsTopicArns"):
            there.pop(key, None)
            here.pop(key, None)
        assert here == there, logical_id


# --- what it makes is there


def test_what_was_applied_is_there(aws, applied, applied_parameters):
    bucket = applied_parameters["BucketName"]
    s3 = client(aws, "s3")
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)
    [by_default] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    key = by_default["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert (key, by_default["BucketKeyEnabled"]) == (PARAMETERS["BucketKmsKeyArn"], True)
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"]: rule.get("Expiration", {}).get("Days") for rule in rules} == {
        "raw": 31,
        "spans": 91,
        "violations": 401,
        "evaluations": 401,
        "panes": 35,
        "quarantine": 30,
        "delivered": 14,
        "unfinished-uploads": None,
    }
    functions = {
        function["FunctionName"]: function
        for function in client(aws, "lambda").list_functions()["Functions"]
        if function["FunctionName"].startswith("fluo-test-")
    }
    names = ("ingest-spans", "evaluate-rules", "compact-spans", "notify-chat")
    assert set(functions) == {f"fluo-test-{name}" for name in names}
    assert functions["fluo-test-evaluate-rules"]["Environment"]["Variables"]["FLUO_TRACE_URL"] == PARAMETERS["TraceUrl"]
    assert functions["fluo-test-ingest-spans"]["Architectures"] == ["x86_64"]
    sources = client(aws, "lambda").list_event_source_mappings()["EventSourceMappings"]
    assert {source["EventSourceArn"].rsplit(":", 1)[1] for source in sources} >= {
        "fluo-test-ingest-spans",
        "fluo-test-notify-chat",
    }
    inside = {name for name, function in functions.items() if function.get("VpcConfig", {}).get("SubnetIds")}
    assert inside == {"fluo-test-notify-chat"}
    rules = client(aws, "events").list_rules(NamePrefix="fluo-test-")["Rules"]
    assert {rule["Name"]: rule.get("ScheduleExpression") for rule in rules} == {
        "fluo-test-compact-spans": "rate(1 hour)",
        "fluo-test-evaluate-rules": "rate(1 minute)",
        "fluo-test-raw-objects": None,
    }
    alarms = client(aws, "cloudwatch").describe_alarms(AlarmNamePrefix="fluo-test-")["MetricAlarms"]
    assert len(alarms) == sum(key[0] == "aws_cloudwatch_metric_alarm" for key in terraform.resources(applied.state()))


def test_a_raw_object_reaches_the_queue_and_others_do_not(aws, applied, applied_parameters):
    # By way of EventBridge; test_buckets.py has the notification.
    prefix = PARAMETERS["StorePrefix"]
    key = "otlp/year=2026/eu west+traces_a.binpb"
    others = [f"{prefix}{own}" for own in ("spans/a.parquet", "quarantine/otlp/a", "state/delivered/a")]
    put(aws, applied_parameters["BucketName"], [*others, "raw/traces_b.binpb", key])
    [event] = received(aws, "fluo-test-ingest-spans")
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", key)


def test_chat_gets_what_fluo_tells_and_the_alarms(aws, applied):
    sns, sqs = client(aws, "sns"), client(aws, "sqs")
    topic = f"arn:aws:sns:{REGION}:123456789012:fluo-test"
    told = ['{"AlarmName":"fluo-test-undelivered"}', '{"schema":"fluo.notification/v1"}']
    for message in told:
        sns.publish(TopicArn=topic, Message=message)
    url = sqs.get_queue_url(QueueName="fluo-test-notify-chat")["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert sorted(message["Body"] for message in received) == told


def test_a_second_apply_changes_nothing(applied):
    applied.run("plan", "-input=false", "-detailed-exitcode", "-out=again", expect=(0, 2))
    plan = json.loads(applied.run("show", "-json", "again").stdout)
    changes = {
        change["address"].split(".", 2)[2]: change["change"]
        for change in plan.get("resource_changes", [])
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }
    assert {address: differing(change) for address, change in changes.items()} == {}


def differing(change):
    before, after = change["before"] or {}, change["after"] or {}
    return {key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)}
