"""The template is sound by itself; and the checks that say so find what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

import checks
from conftest import PARAMETERS
from cloudformation import INFRA, Stack, every, load


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
    "IngestSpans": {
        "FLUO_STORE", "FLUO_EVAL_DELAY", "FLUO_ALLOWED_LATENESS", "FLUO_REQUEST_QUEUE_URL", "FLUO_ON_ARRIVAL",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    },
    "EvaluateRules": {
        "FLUO_STORE", "FLUO_RULES", "FLUO_TOPIC_ARN", "FLUO_TOPICS", "FLUO_TRACE_URL", "FLUO_EVAL_DELAY",
        "FLUO_ALLOWED_LATENESS", "FLUO_STALE_AFTER", "FLUO_MAX_CATCH_UP", "FLUO_DELIVERY_LIMIT", "FLUO_RULE_TIME",
        "FLUO_RULE_MEMORY_MIB", "FLUO_SET_ASIDE_PERCENT", "FLUO_TROUBLE_SEVERITY", "FLUO_COLUMNS", "FLUO_PAGE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    },
    "CompactSpans": {"FLUO_STORE", "FLUO_EVAL_DELAY", "FLUO_ALLOWED_LATENESS", "OTEL_EXPORTER_OTLP_ENDPOINT"},
    "NotifyChat": {"FLUO_STORE", "FLUO_SINKS", "FLUO_SECRETS", "OTEL_EXPORTER_OTLP_ENDPOINT"},
}  # fmt: skip


def test_functions_get_every_variable_that_they_read():
    functions = checks.properties(load(), "AWS::Lambda::Function")
    assert {name: set(function["Environment"]["Variables"]) for name, function in functions.items()} == READ_BY


# --- parameters that contradict each other

ONE_OF_TWO = {
    "two buckets": {"BucketName": "mine", "ExistingBucket": "theirs"},
    "subnets alone": {"SubnetIds": "subnet-1"},
    "security groups alone": {"SecurityGroupIds": "sg-1"},
    "topics that may not be published to": {"MoreTopics": "[]"},
    "topics that are not told": {"MoreTopicArns": "arn:aws:sns:us-east-1:123456789012:payments"},
    "half of a Slack channel": {"SlackWorkspaceId": "T0"},
    "two thirds of a Teams channel": {"TeamsTenantId": "a", "TeamsChannelId": "b"},
}


@pytest.mark.parametrize("scenario", ONE_OF_TWO)
def test_parameters_that_make_no_sense_together_are_refused(scenario):
    assert len(Stack(load(), ONE_OF_TWO[scenario]).refused()) == 1


def test_parameters_that_make_sense_together_are_not():
    for given in ({}, PARAMETERS, {"ExistingBucket": "theirs"}):
        assert Stack(load(), given).refused() == []


# --- whom it tells


def test_the_stack_says_whom_it_tells():
    def told(**given):
        return Stack(load(), given).outputs()["WhoIsTold"]

    assert told().startswith("NOBODY, unless")
    assert told(EmailAddress="on-call@example.com") == "on-call@example.com (once the mail of AWS is confirmed)"
    everybody = {"SlackWorkspaceId": "T0", "SlackChannelId": "C0", "ChatSinks": "[]"}
    assert told(**everybody) == "Slack channel C0, the sinks of notify-chat"


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
    template["Mappings"]["HiddenFor"]["300"]["Seconds"] = 1800


def in_parameter(name, key, value):
    def fault(template):
        template["Parameters"][name][key] = value

    return fault


def statement_without_condition(role, sid):
    def fault(template):
        document = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
        found = document["Statement"]
        at = next(at for at, node in enumerate(found) if "Fn::If" in node and node["Fn::If"][1].get("Sid") == sid)
        found[at] = found[at]["Fn::If"][1]

    return fault


def in_conditional(role, sid, key, value):
    def fault(template):
        document = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
        found = [node["Fn::If"][1] for node in document["Statement"] if "Fn::If" in node]
        next(node for node in found if node.get("Sid") == sid)[key] = value

    return fault


def notification(template, *path):
    node = resource("Bucket")(template)["NotificationConfiguration"]["Fn::If"]
    for key in path:
        node = node[key]
    return node


def state_expires(template):
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    next(rule for rule in rules if rule["Id"] == "delivered")["Prefix"] = {"Fn::Sub": "${StorePrefix}state/"}


def one_role_for_two(template):
    template["Resources"]["NotifyChat"]["Properties"]["Role"] = {"Fn::GetAtt": ["EvaluateRulesRole", "Arn"]}


def alarm_without_condition(template):
    del template["Resources"]["NotifyLagAlarm"]["Condition"]


def policy_condition(name, operator, sid):
    def fault(template):
        found = checks.flat(template["Resources"][name]["Properties"]["PolicyDocument"]["Statement"])
        next(node for node in found if node["Sid"] == sid)["Condition"].pop(operator)

    return fault


FAULTS = {
    "an action with a wildcard": (in_statement("EvaluateRulesRole", "Read", "Action", ["s3:Get*"]), "s3:Get*"),
    "all actions of a service": (in_statement("NotifyChatRole", "TakeMessages", "Action", "sqs:*"), "sqs:*"),
    "every resource": (in_statement("IngestSpansRole", "WriteLogs", "Resource", "*"), "names every resource"),
    "an evaluator that deletes": (
        in_statement("EvaluateRulesRole", "Write", "Action", ["s3:PutObject", "s3:DeleteObject"]),
        "EvaluateRulesRole may delete objects",
    ),
    "compaction of records": (
        in_statement(
            "CompactSpansRole", "Replace", "Resource",
            [{"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Store}/${StorePrefix}violations/*", {"Store": "a"}]}],
        ),
        "CompactSpansRole may delete arn:${AWS::Partition}:s3:::${Store}/${StorePrefix}violations/*",
    ),
    "the whole bucket": (
        in_statement(
            "IngestSpansRole", "WriteSpans", "Resource", [{"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Store}/*", {"Store": "a"}]}]
        ),
        "IngestSpansRole names the whole bucket",
    ),
    "all that fluo has": (
        in_statement(
            "EvaluateRulesRole", "Write", "Resource",
            [{"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Store}/${StorePrefix}*", {"Store": "a"}]}],
        ),
        "EvaluateRulesRole names the whole bucket",
    ),
    "buckets that begin alike": (
        in_statement("EvaluateRulesRole", "Write", "Resource", [{"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Store}*", {"Store": "a"}]}]),
        "EvaluateRulesRole names arn:${AWS::Partition}:s3:::${Store}*",
    ),
    "a listing that may leave the prefix out": (
        lambda template: statement(template, "EvaluateRulesRole", "List").update(
            Condition={"StringLikeIfExists": {"s3:prefix": ["spans/*"]}}
        ),
        "EvaluateRulesRole may list the whole bucket",
    ),
    "a listing without prefix": (
        lambda template: statement(template, "EvaluateRulesRole", "List").pop("Condition"),
        "EvaluateRulesRole may list the whole bucket",
    ),
    "a queue open to all buckets": (
        policy_condition("IngestQueuePolicy", "ArnEquals", "BucketNotifies"),
        "everybody's sources",
    ),
    "a queue open to all accounts": (
        policy_condition("IngestQueuePolicy", "StringEquals", "BucketNotifies"),
        "other accounts",
    ),
    "a queue open to all rules": (
        policy_condition("IngestQueuePolicy", "ArnEquals", "EventBridgeSends"),
        "IngestQueuePolicy lets events.amazonaws.com in for everybody's sources",
    ),
    "a topic open to all accounts": (policy_condition("TopicPolicy", "StringEquals", "AlarmsTell"), "other accounts"),
    "a function open to all rules": (
        drop("EvaluateRulesSchedulePermission", "Properties", "SourceArn"),
        "everybody's sources",
    ),
    "a shared role": (one_role_for_two, "NotifyChat shares its role"),
    "a managed policy": (
        change("IngestSpansRole", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
        "IngestSpansRole has managed policies of others",
    ),
    "a role without its boundary": (
        drop("ChatRole", "Properties", "PermissionsBoundary"),
        "ChatRole has no permissions boundary",
    ),
    "a collector's role for anybody": (
        lambda template: resource("CollectorRole")(template)["AssumeRolePolicyDocument"]["Statement"][0].update(
            Principal={"AWS": "*"}
        ),
        "CollectorRole may be assumed by *",
    ),
    "a key that the evaluator may not use": (
        in_conditional("EvaluateRulesRole", "UseKeyOfBucket", "Action", ["kms:Decrypt"]),
        "EvaluateRulesRole may not use the bucket's key",
    ),
    "a key that is always used": (
        statement_without_condition("NotifyChatRole", "UseKeyOfBucket"),
        "NotifyChatRole may not use the bucket's key",
    ),
    "a key for other services": (
        in_conditional("IngestSpansRole", "UseKeyOfBucket", "Condition", {}),
        "IngestSpansRole may use more than the bucket's key through S3",
    ),
    "a function that stays outside": (drop("NotifyChat", "Properties", "VpcConfig"), "NotifyChat cannot be in subnets"),
    "a function that may not go in": (
        in_conditional("IngestSpansRole", "AttachToNetwork", "Sid", "Attach"),
        "IngestSpans is in subnets without AttachToNetwork",
    ),
    "network permissions without a network": (
        statement_without_condition("EvaluateRulesRole", "AttachToNetwork"),
        "EvaluateRules is in subnets without AttachToNetwork",
    ),
    "network permissions for the code": (
        in_conditional(
            "IngestSpansRole", "ButNotByTheCode", "Condition",
            {"ArnEquals": {"lambda:SourceFunctionArn": {"Fn::Sub": "arn:x:function:${AWS::StackName}-notify-chat"}}},
        ),
        "IngestSpans is not the function whose code is denied the network",
    ),
    "an alias for a key": (
        in_parameter("TopicKmsKeyArn", "AllowedPattern", "^$|^arn:[a-z-]+:kms:.+$"),
        "TopicKmsKeyArn may be arn:aws-cn:kms:cn-north-1:123456789012:alias/fluo",
    ),
    "a pattern that refuses keys of several regions": (
        in_parameter("BucketKmsKeyArn", "AllowedPattern", "^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-f-]+$"),
        "BucketKmsKeyArn may not be",
    ),
    "an existing bucket that is not used": (
        lambda template: resource("IngestSpans")(template)["Environment"]["Variables"].update(
            FLUO_STORE={"Fn::Sub": "s3://${Bucket}"}
        ),
        "beside an existing bucket the stack's own is named",
    ),
    "a bucket beside an existing one": (drop("Bucket", "Condition"), "is made where a bucket is there already"),
    "a kept bucket that loses its policy": (drop("BucketPolicy", "DeletionPolicy"), "BucketPolicy: DeletionPolicy is None"),
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
    "no life cycle": (drop("Bucket", "Properties", "LifecycleConfiguration"), "${RawPrefix} never expires"),
    "a dropped filter": (
        lambda template: notification(template, 2, "QueueConfigurations", 0).pop("Filter"),
        "notifies of everything",
    ),
    "EventBridge for all buckets": (
        lambda template: resource("RawObjectsRule")(template)["EventPattern"]["detail"].pop("bucket"),
        "EventBridge passes on",
    ),
    "EventBridge that hears nothing": (
        lambda template: notification(template)[1].update(EventBridgeConfiguration={"EventBridgeEnabled": False}),
        "does not tell EventBridge",
    ),
    "events that EventBridge drops": (
        lambda template: resource("RawObjectsRule")(template)["Targets"][0].pop("DeadLetterConfig"),
        "RawObjectsRule loses what the queue does not take",
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
    "a subscription that loses messages": (
        drop("EmailSubscription", "Properties", "RedrivePolicy"),
        "EmailSubscription has no dead letters",
    ),
    "dead letters that are not let in": (without("TopicDeadLettersPolicy"), "TopicDeadLetters does not let Topic in"),
    "whole batches again": (drop("IngestSpansSource", "Properties", "FunctionResponseTypes"), "a whole batch round again"),
    "events that are lost": (
        drop("EvaluateRulesInvokeConfig", "Properties", "DestinationConfig"),
        "EvaluateRules is invoked asynchronously and what fails is lost",
    ),
    "messages seen too early": (shorter_time, "hides messages for 1800 s while"),
    "a window that outlasts the hiding": (
        in_parameter("IngestBatchWindow", "MaxValue", 300),
        "hides messages for 90 s while IngestSpans may wait 300 s",
    ),
    "a request that is delivered before its slot is over": (
        change("EvaluateQueue", "DelaySeconds", 1),
        "EvaluateQueue delays by 1 s what ingest has 5s for",
    ),
    "a request for each object": (drop("EvaluateQueue", "Properties", "FifoQueue"), "takes a message for each object"),
    "requests of some text": (change("EvaluateQueue", "ContentBasedDeduplication", True), "looks at texts and not at ids"),
    "requests that nobody reads": (
        lambda template: template["Resources"]["EvaluateQueue"].pop("Condition"),
        "with 0 s there is a queue, and ingest gets []",
    ),
    "requests that outlive what they ask for": (
        change("EvaluateQueue", "MessageRetentionPeriod", 345600),
        "EvaluateQueue keeps what is worth nothing",
    ),
    "a request that holds up the next ones": (
        change("EvaluateQueue", "VisibilityTimeout", 5400),
        "EvaluateQueue is not hidden as long as EvaluateRules may run",
    ),
    "slots that miss the minute": (
        in_parameter("OnArrivalSeconds", "AllowedValues", [0, 5, 7]),
        "OnArrivalSeconds does not divide a minute",
    ),
    "no alarm on requests that wait": (
        without("OnArrivalLagAlarm"),
        "no alarm on ApproximateAgeOfOldestMessage of EvaluateQueue",
    ),
    "a time limit that leaves no time": (
        in_parameter("EvaluatorTimeout", "MinValue", 20),
        "EvaluatorTimeout may be 20 s, of which the function leaves 20 s",
    ),
    "no alarm on errors": (without("NotifyChatErrorsAlarm"), "no alarm on Errors of NotifyChat"),
    "no alarm on dead letters": (
        without("EvaluatorDeadLettersAlarm"),
        "no alarm on ApproximateNumberOfMessagesVisible of EvaluatorDeadLetters",
    ),
    "no alarm on lag": (without("IngestLagAlarm"), "no alarm on ApproximateAgeOfOldestMessage of IngestQueue"),
    "no alarm on refused notifications": (
        without("TopicFailuresAlarm"),
        "no alarm on NumberOfNotificationsFailed of Topic",
    ),
    "no alarm on nobody": (without("NobodySubscribedAlarm"), "no alarm on SubscriptionsConfirmed"),
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
    template = load()
    spoil(template)
    found = checks.findings(template)
    assert any(expected in finding for finding in found), found


def test_every_check_finds_a_fault():
    able = set()
    for spoil, _ in FAULTS.values():
        template = load()
        spoil(template)
        able |= {finding.split(":")[0] for finding in checks.findings(template)}
    assert able == {check.__name__ for check in checks.CHECKS}
