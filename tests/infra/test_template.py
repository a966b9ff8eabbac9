"""The template is sound by itself; and the checks that say so find what is wrong."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest

import checks
from cloudformation import INFRA, every, load


def test_cfn_lint_finds_nothing():
    ended = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", INFRA / "template.yml"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout + ended.stderr


def test_nothing_is_wrong():
    assert checks.findings(load()) == []


def test_every_parameter_is_described_grouped_and_used():
    template = load()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [parameter for group in groups for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    for name, parameter in template["Parameters"].items():
        assert "Default" in parameter, name
        assert len(parameter["Description"]) > 20, name
        if parameter["Type"] == "Number":
            assert f"default {parameter['Default']}" in parameter["Description"], name


def test_texts_are_ascii():
    # CloudFormation turns other characters into question marks. Comments do not get there.
    for path, node in every(load()):
        for key, value in node.items():
            assert not isinstance(value, str) or value.isascii(), (path, key)


# What the functions read: functions/README.md.
READ_BY = {
    "IngestSpans": {"FLUO_STORE", "FLUO_EVAL_DELAY", "FLUO_ALLOWED_LATENESS", "OTEL_EXPORTER_OTLP_ENDPOINT"},
    "EvaluateRules": {
        "FLUO_STORE", "FLUO_RULES", "FLUO_TOPIC_ARN", "FLUO_TRACE_URL", "FLUO_EVAL_DELAY",
        "FLUO_ALLOWED_LATENESS", "FLUO_STALE_AFTER", "FLUO_MAX_CATCH_UP", "FLUO_DELIVERY_LIMIT", "FLUO_RULE_TIME",
        "FLUO_RULE_MEMORY_MIB", "OTEL_EXPORTER_OTLP_ENDPOINT",
    },
    "NotifyChat": {"FLUO_STORE", "FLUO_SINKS", "FLUO_SECRETS", "OTEL_EXPORTER_OTLP_ENDPOINT"},
}  # fmt: skip


def test_functions_get_every_variable_that_they_read():
    functions = checks.properties(load(), "AWS::Lambda::Function")
    assert {name: set(function["Environment"]["Variables"]) for name, function in functions.items()} == READ_BY


# --- seeded faults: a check that cannot fail says nothing


def resource(name):
    return lambda template: template["Resources"][name]["Properties"]


def statement(template, role, sid):
    document = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    return next(found for found in document["Statement"] if found.get("Sid") == sid)


def change(name, key, value):
    def fault(template):
        template["Resources"][name]["Properties"][key] = value

    return fault


def drop(name, *keys):
    def fault(template):
        node = template["Resources"][name]
        for key in keys[:-1]:
            node = node[key]
        del node[keys[-1]]

    return fault


def without(name):
    def fault(template):
        del template["Resources"][name]

    return fault


def in_statement(role, sid, key, value):
    def fault(template):
        statement(template, role, sid)[key] = value

    return fault


def another_rule(template):
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    rules.append({"Id": "state", "Status": "Enabled", "Prefix": "state/", "ExpirationInDays": 30})


def shorter_time(template):
    template["Mappings"]["SixTimes"]["300"]["Seconds"] = 300


def state_expires(template):
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    next(rule for rule in rules if rule["Id"] == "delivered")["Prefix"] = "state/"


def one_role_for_two(template):
    template["Resources"]["NotifyChat"]["Properties"]["Role"] = {"Fn::GetAtt": ["EvaluateRulesRole", "Arn"]}


def alarm_without_condition(template):
    del template["Resources"]["NotifyLagAlarm"]["Condition"]


def policy_condition(name, operator):
    return lambda template: template["Resources"][name]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"].pop(
        operator
    )


FAULTS = {
    "an action with a wildcard": (in_statement("EvaluateRulesRole", "Read", "Action", ["s3:Get*"]), "s3:Get*"),
    "all actions of a service": (in_statement("NotifyChatRole", "TakeMessages", "Action", "sqs:*"), "sqs:*"),
    "every resource": (in_statement("IngestSpansRole", "WriteLogs", "Resource", "*"), "names every resource"),
    "the whole bucket": (
        in_statement("IngestSpansRole", "WriteSpans", "Resource", [{"Fn::Sub": "${Bucket.Arn}/*"}]),
        "IngestSpansRole names the whole bucket",
    ),
    "a listing without prefix": (
        lambda template: statement(template, "EvaluateRulesRole", "List").pop("Condition"),
        "EvaluateRulesRole may list the whole bucket",
    ),
    "a queue open to all buckets": (policy_condition("IngestQueuePolicy", "ArnEquals"), "everybody's sources"),
    "a queue open to all accounts": (policy_condition("IngestQueuePolicy", "StringEquals"), "other accounts"),
    "a topic open to all accounts": (policy_condition("TopicPolicy", "StringEquals"), "other accounts"),
    "a function open to all rules": (
        drop("EvaluateRulesSchedulePermission", "Properties", "SourceArn"),
        "everybody's sources",
    ),
    "a shared role": (one_role_for_two, "NotifyChat shares its role"),
    "a managed policy": (
        change("IngestSpansRole", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
        "IngestSpansRole has managed policies",
    ),
    "a bucket in clear": (drop("Bucket", "Properties", "BucketEncryption"), "Bucket is not encrypted"),
    "a queue in clear": (change("NotifyQueue", "SqsManagedSseEnabled", False), "NotifyQueue is not encrypted"),
    "a topic in clear": (drop("Topic", "Properties", "KmsMasterKeyId"), "Topic cannot be encrypted"),
    "no TLS": (without("BucketPolicy"), "without TLS"),
    "a public bucket": (
        drop("Bucket", "Properties", "PublicAccessBlockConfiguration", "BlockPublicPolicy"),
        "may become public",
    ),
    "a bucket that goes with the stack": (drop("Bucket", "DeletionPolicy"), "DeletionPolicy is None"),
    "versions of the state": (
        change("Bucket", "VersioningConfiguration", {"Status": "Enabled"}),
        "keeps versions of the state",
    ),
    "an expiring state": (another_rule, "state/ expires"),
    "a state that expires with its marks": (state_expires, "state/ expires"),
    "no life cycle": (drop("Bucket", "Properties", "LifecycleConfiguration"), "raw/ never expires"),
    "a dropped filter": (
        lambda template: resource("Bucket")(template)["NotificationConfiguration"]["QueueConfigurations"][0].pop("Filter"),
        "notifies of everything",
    ),
    "no notification": (drop("Bucket", "Properties", "NotificationConfiguration"), "notifies 0 queues"),
    "another zip": (change("IngestSpans", "Code", "dist/ingest.zip"), "dist/ingest.zip"),
    "no log group": (drop("NotifyChat", "Properties", "LoggingConfig"), "NotifyChat has no log group"),
    "logs for ever": (drop("EvaluateRulesLogs", "Properties", "RetentionInDays"), "kept for ever"),
    "no dead letters": (drop("IngestQueue", "Properties", "RedrivePolicy"), "IngestQueue has no dead letters"),
    "dead letters of anybody": (
        drop("NotifyDeadLetters", "Properties", "RedriveAllowPolicy"),
        "NotifyDeadLetters takes dead letters of every queue",
    ),
    "whole batches again": (drop("IngestSpansSource", "Properties", "FunctionResponseTypes"), "a whole batch round again"),
    "events that are lost": (
        drop("EvaluateRulesInvokeConfig", "Properties", "DestinationConfig"),
        "EvaluateRules is invoked asynchronously and what fails is lost",
    ),
    "messages seen too early": (shorter_time, "hides messages for 300 s while"),
    "no alarm on errors": (without("NotifyChatErrorsAlarm"), "no alarm on Errors of NotifyChat"),
    "no alarm on dead letters": (
        without("EvaluatorDeadLettersAlarm"),
        "no alarm on ApproximateNumberOfMessagesVisible of EvaluatorDeadLetters",
    ),
    "no alarm on lag": (without("IngestLagAlarm"), "no alarm on ApproximateAgeOfOldestMessage of IngestQueue"),
    "no dead man's switch": (without("MissedEvaluationAlarm"), "no alarm on Evaluations"),
    "a dead man's switch that sleeps": (
        change("MissedEvaluationAlarm", "TreatMissingData", "notBreaching"),
        "takes a missing evaluation for notBreaching",
    ),
    "an alarm that nobody hears": (drop("QuarantineAlarm", "Properties", "AlarmActions"), "QuarantineAlarm tells nobody"),
    "an alarm on what is not there": (alarm_without_condition, "NotifyLagAlarm is not there when NotifyQueue is"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault):
    spoil, expected = FAULTS[fault]
    template = copy.deepcopy(load())
    spoil(template)
    found = checks.findings(template)
    assert any(expected in finding for finding in found), found


def test_every_check_finds_a_fault():
    able = set()
    for spoil, _ in FAULTS.values():
        template = copy.deepcopy(load())
        spoil(template)
        able |= {finding.split(":")[0] for finding in checks.findings(template)}
    assert able == {check.__name__ for check in checks.CHECKS}
