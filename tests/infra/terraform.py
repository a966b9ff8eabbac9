"""Terraform against a stand-in of AWS, and its resources in the template's words."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from cloudformation import INFRA, REGION, snake_case, statements

SERVICES = ["cloudwatch", "ec2", "events", "iam", "kms", "lambda", "logs", "s3", "sns", "sqs", "ssm", "sts", "chatbot"]


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Root:
    """A root module that uses ours. The provider comes from a folder: nothing is downloaded."""

    def __init__(self, folder, aws, zips, name="fluo-test"):
        self.folder = folder
        self.name = name
        self.aws = aws
        self.zips = zips
        plugins = Path(os.environ.get("FLUO_TEST_TF_PLUGINS", "/opt/tf-plugins"))
        # What the tests need and do not find is a failure, never a skipped test.
        assert shutil.which("terraform"), "terraform is not installed"
        assert plugins.is_dir(), f"no provider mirror in {plugins} (FLUO_TEST_TF_PLUGINS)"
        (folder / "cli.tfrc").write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{plugins}"\n  }}\n}}\n'
        )
        self.give({})
        self.run("init", "-input=false")

    def give(self, parameters):
        """Sets the template's parameters."""
        provider = {
            "region": REGION,
            "access_key": "test",
            "secret_key": "testtest",
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "s3_use_path_style": True,
            "endpoints": [{service: self.aws for service in SERVICES}],
        }
        call = {"source": str(INFRA / "terraform"), "name": self.name, "functions_dir": str(self.zips)}
        call |= {snake_case(key): in_terraform(key, value) for key, value in parameters.items()}
        (self.folder / "main.tf.json").write_text(
            json.dumps({"provider": {"aws": provider}, "module": {"fluo": escaped(call)}}, indent=2)
        )

    def run(self, *arguments, expect=(0,)):
        # Nothing of the user's own: neither credentials nor settings.
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CHECKPOINT_DISABLE": "1"}
        environment |= {"TF_CLI_CONFIG_FILE": str(self.folder / "cli.tfrc"), "TF_IN_AUTOMATION": "1"}
        environment |= {"AWS_EC2_METADATA_DISABLED": "true"}
        plain = [] if arguments[0] in ("show", "state") else ["-no-color"]
        command = ["terraform", arguments[0], *plain, *arguments[1:]]
        ended = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert ended.returncode in expect, f"{' '.join(command)}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def planned(self, parameters):
        self.give(parameters)
        self.run("plan", "-input=false", "-out=plan")
        return json.loads(self.run("show", "-json", "plan").stdout)

    def state(self):
        return json.loads(self.run("show", "-json").stdout)["values"]


# Lists, which parameters write with commas.
LISTS = {"MoreTopicArns", "SubnetIds", "SecurityGroupIds"}


def in_terraform(parameter, value):
    """The value of a parameter as the variable has it."""
    return [one for one in value.split(",") if one] if parameter in LISTS else value


def escaped(value):
    """Text that Terraform takes as it is."""
    if isinstance(value, dict):
        return {key: escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [escaped(inner) for inner in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def resources(values):
    """The module's resources: (type, name) → values."""
    found = {}
    for child in values["root_module"].get("child_modules", []):
        for resource in child["resources"]:
            if resource["mode"] == "managed":
                key = (resource["type"], resource["name"])
                assert key not in found, f"{key} is there twice"
                # Nothing of it may be known before it is made.
                found[key] = resource.get("values", {})
    return found


# The template's types, and what each is in Terraform.
TYPES = {
    "AWS::S3::Bucket": [
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_notification",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
    ],
    "AWS::S3::BucketPolicy": ["aws_s3_bucket_policy"],
    "AWS::IAM::ManagedPolicy": ["aws_iam_policy"],
    "AWS::IAM::Role": ["aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment"],
    "AWS::SQS::Queue": ["aws_sqs_queue"],
    "AWS::SQS::QueuePolicy": ["aws_sqs_queue_policy"],
    "AWS::Logs::LogGroup": ["aws_cloudwatch_log_group"],
    "AWS::Lambda::Function": ["aws_lambda_function"],
    "AWS::Lambda::EventSourceMapping": ["aws_lambda_event_source_mapping"],
    "AWS::Lambda::EventInvokeConfig": ["aws_lambda_function_event_invoke_config"],
    "AWS::Lambda::Permission": ["aws_lambda_permission"],
    "AWS::Events::Rule": ["aws_cloudwatch_event_rule", "aws_cloudwatch_event_target"],
    "AWS::SNS::Topic": ["aws_sns_topic"],
    "AWS::SNS::TopicPolicy": ["aws_sns_topic_policy"],
    "AWS::SNS::Subscription": ["aws_sns_topic_subscription"],
    "AWS::Chatbot::SlackChannelConfiguration": ["aws_chatbot_slack_channel_configuration"],
    "AWS::Chatbot::MicrosoftTeamsChannelConfiguration": ["aws_chatbot_teams_channel_configuration"],
    "AWS::CloudWatch::Alarm": ["aws_cloudwatch_metric_alarm"],
}


def expected(stack):
    """The resources that there should be, of a resolved template. A role has as many as kinds of policies."""
    only_with = {"aws_iam_role_policy": "Policies", "aws_iam_role_policy_attachment": "ManagedPolicyArns"}
    found = set()
    for logical_id, resource in stack.resources.items():
        for kind in TYPES[resource["Type"]]:
            if kind not in only_with or only_with[kind] in resource["Properties"]:
                found.add((kind, snake_case(logical_id)))
    return found


def renamed(values, names):
    """Properties by the template's names. What is null or empty is not there."""
    found = {ours: values.get(theirs) for ours, theirs in names.items()}
    return {key: value for key, value in found.items() if value not in (None, [], {}, "")}


def first(values, key):
    inner = values.get(key) or [{}]
    return inner[0]


def policy(text):
    return {"Statement": statements(json.loads(text))}


class Translator:
    """The module's resources as the template has them: for each resource of the template, its properties."""

    def __init__(self, found):
        self.found = found
        # What AWS made up is called after whose it is, as in a resolved template.
        self.made_up = {}
        for (kind, name), values in found.items():
            if kind in ("aws_iam_role", "aws_iam_policy") and values.get("arn"):
                self.made_up[values["arn"]] = name
            if kind == "aws_sqs_queue" and values.get("url"):
                self.made_up[values["url"]] = name

    def properties(self, kind, logical_id):
        self.name = snake_case(logical_id)
        self.values = [self.found.get((theirs, self.name), {}) for theirs in TYPES[kind]]
        return self.called(getattr(self, kind.split("::")[1].lower() + "_" + kind.split("::")[2].lower())())

    def called(self, node):
        if isinstance(node, dict):
            return {key: self.called(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.called(value) for value in node]
        return f"<{self.made_up[node]}>" if isinstance(node, str) and node in self.made_up else node

    def s3_bucket(self):
        bucket, life_cycle, notification, ownership, access, encryption = self.values
        rules = []
        for rule in life_cycle["rule"]:
            shaped = {"Id": rule["id"], "Status": rule["status"]}
            if first(rule, "filter").get("prefix"):
                shaped["Prefix"] = first(rule, "filter")["prefix"]
            if rule["expiration"]:
                shaped["ExpirationInDays"] = rule["expiration"][0]["days"]
            if rule["abort_incomplete_multipart_upload"]:
                days = rule["abort_incomplete_multipart_upload"][0]["days_after_initiation"]
                shaped["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
            rules.append(shaped)
        encryption = first(encryption, "rule")
        by_default = first(encryption, "apply_server_side_encryption_by_default")
        by_default = renamed(by_default, {"SSEAlgorithm": "sse_algorithm", "KMSMasterKeyID": "kms_master_key_id"})
        key = {"BucketKeyEnabled": True} if encryption["bucket_key_enabled"] else {}
        notified = {
            "QueueConfigurations": [
                {
                    "Event": queue["events"][0] if len(queue["events"]) == 1 else queue["events"],
                    "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": queue["filter_prefix"]}]}},
                    "Queue": queue["queue_arn"],
                }
                for queue in notification["queue"]
            ]
        }
        by_event_bridge = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
        return {
            "BucketName": bucket["bucket"],
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": by_default} | key]
            },
            "PublicAccessBlockConfiguration": renamed(
                access,
                {
                    "BlockPublicAcls": "block_public_acls",
                    "BlockPublicPolicy": "block_public_policy",
                    "IgnorePublicAcls": "ignore_public_acls",
                    "RestrictPublicBuckets": "restrict_public_buckets",
                },
            ),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": first(ownership, "rule").get("object_ownership")}]},
            "NotificationConfiguration": by_event_bridge if notification["eventbridge"] else notified,
            "LifecycleConfiguration": {"Rules": sorted(rules, key=lambda rule: rule["Id"])},
        }

    def s3_bucketpolicy(self):
        return {"Bucket": self.values[0]["bucket"], "PolicyDocument": policy(self.values[0]["policy"])}

    def iam_managedpolicy(self):
        return {"Description": self.values[0]["description"], "PolicyDocument": policy(self.values[0]["policy"])}

    def iam_role(self):
        role, inline, managed = self.values
        found = {"AssumeRolePolicyDocument": policy(role["assume_role_policy"])}
        if role.get("permissions_boundary"):
            found["PermissionsBoundary"] = role["permissions_boundary"]
        if inline:
            found["Policies"] = [{"PolicyName": inline["name"], "PolicyDocument": policy(inline["policy"])}]
        if managed:
            found["ManagedPolicyArns"] = [managed["policy_arn"]]
        return found

    def sqs_queue(self):
        names = {
            "QueueName": "name",
            "SqsManagedSseEnabled": "sqs_managed_sse_enabled",
            "MessageRetentionPeriod": "message_retention_seconds",
        }
        found = renamed(self.values[0], names)
        queue = self.values[0]
        found |= {"FifoQueue": True} if queue["fifo_queue"] else {}
        found |= {"DelaySeconds": queue["delay_seconds"]} if queue["delay_seconds"] else {}
        # Terraform always has one, and 30 is what a queue has without.
        if self.values[0]["visibility_timeout_seconds"] != 30:
            found["VisibilityTimeout"] = self.values[0]["visibility_timeout_seconds"]
        for ours, theirs in {"RedrivePolicy": "redrive_policy", "RedriveAllowPolicy": "redrive_allow_policy"}.items():
            if self.values[0].get(theirs):
                found[ours] = json.loads(self.values[0][theirs])
        return found

    def sqs_queuepolicy(self):
        return {"Queues": [self.values[0]["queue_url"]], "PolicyDocument": policy(self.values[0]["policy"])}

    def logs_loggroup(self):
        return renamed(self.values[0], {"LogGroupName": "name", "RetentionInDays": "retention_in_days"})

    def lambda_function(self):
        names = {
            "FunctionName": "function_name",
            "Description": "description",
            "Runtime": "runtime",
            "Handler": "handler",
            "Architectures": "architectures",
            "MemorySize": "memory_size",
            "Timeout": "timeout",
            "Role": "role",
        }
        function = self.values[0]
        found = renamed(function, names) | {"Code": f"dist/{Path(function['filename']).name}"}
        logging = renamed(first(function, "logging_config"), {"LogFormat": "log_format", "LogGroup": "log_group"})
        found |= {"LoggingConfig": logging}
        found["Environment"] = {"Variables": first(function, "environment").get("variables")}
        if function["vpc_config"]:
            network = renamed(
                function["vpc_config"][0], {"SubnetIds": "subnet_ids", "SecurityGroupIds": "security_group_ids"}
            )
            found["VpcConfig"] = {key: sorted(ids) for key, ids in network.items()}
        if function["reserved_concurrent_executions"] != -1:
            found["ReservedConcurrentExecutions"] = function["reserved_concurrent_executions"]
        return found

    def lambda_eventsourcemapping(self):
        names = {
            "EventSourceArn": "event_source_arn",
            "BatchSize": "batch_size",
            "FunctionResponseTypes": "function_response_types",
        }
        source = self.values[0]
        # AWS answers with the function's ARN, whichever of its names it was given.
        function = source["function_name"].rsplit(":", 1)[-1]
        return renamed(source, names) | {
            "FunctionName": function,
            "MaximumBatchingWindowInSeconds": source.get("maximum_batching_window_in_seconds") or 0,
            "ScalingConfig": {"MaximumConcurrency": first(source, "scaling_config").get("maximum_concurrency")},
        }

    def lambda_eventinvokeconfig(self):
        names = {
            "FunctionName": "function_name",
            "Qualifier": "qualifier",
            "MaximumRetryAttempts": "maximum_retry_attempts",
            "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
        }
        failed = first(first(self.values[0], "destination_config"), "on_failure")
        destination = {"OnFailure": {"Destination": failed.get("destination")}}
        return renamed(self.values[0], names) | {"DestinationConfig": destination}

    def lambda_permission(self):
        names = {"Action": "action", "FunctionName": "function_name", "Principal": "principal", "SourceArn": "source_arn"}
        return renamed(self.values[0], names)

    def events_rule(self):
        rule, target = self.values
        names = {
            "Name": "name",
            "Description": "description",
            "ScheduleExpression": "schedule_expression",
            "State": "state",
        }
        retry = {
            "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
            "MaximumRetryAttempts": "maximum_retry_attempts",
        }
        shaped = renamed(target, {"Id": "target_id", "Arn": "arn"})
        if target["retry_policy"]:
            shaped["RetryPolicy"] = renamed(target["retry_policy"][0], retry)
        if target["dead_letter_config"]:
            shaped["DeadLetterConfig"] = {"Arn": target["dead_letter_config"][0]["arn"]}
        pattern = {"EventPattern": json.loads(rule["event_pattern"])} if rule.get("event_pattern") else {}
        return renamed(rule, names) | pattern | {"Targets": [shaped]}

    def sns_topic(self):
        return renamed(self.values[0], {"TopicName": "name", "KmsMasterKeyId": "kms_master_key_id"})

    def sns_topicpolicy(self):
        return {"Topics": [self.values[0]["arn"]], "PolicyDocument": policy(self.values[0]["policy"])}

    def sns_subscription(self):
        names = {"TopicArn": "topic_arn", "Protocol": "protocol", "Endpoint": "endpoint"}
        found = renamed(self.values[0], names)
        if self.values[0]["raw_message_delivery"]:
            found["RawMessageDelivery"] = True
        if self.values[0].get("filter_policy"):
            found["FilterPolicy"] = json.loads(self.values[0]["filter_policy"])
            found["FilterPolicyScope"] = self.values[0]["filter_policy_scope"]
        if self.values[0].get("redrive_policy"):
            found["RedrivePolicy"] = json.loads(self.values[0]["redrive_policy"])
        return found

    def channel(self, names):
        names |= {"ConfigurationName": "configuration_name", "LoggingLevel": "logging_level"}
        names |= {"IamRoleArn": "iam_role_arn", "GuardrailPolicies": "guardrail_policy_arns", "SnsTopicArns": "sns_topic_arns"}
        return renamed(self.values[0], names)

    def chatbot_slackchannelconfiguration(self):
        return self.channel({"SlackWorkspaceId": "slack_team_id", "SlackChannelId": "slack_channel_id"})

    def chatbot_microsoftteamschannelconfiguration(self):
        return self.channel({"TeamsTenantId": "tenant_id", "TeamId": "team_id", "TeamsChannelId": "channel_id"})

    def cloudwatch_alarm(self):
        names = {
            "AlarmName": "alarm_name",
            "AlarmDescription": "alarm_description",
            "Namespace": "namespace",
            "MetricName": "metric_name",
            "Statistic": "statistic",
            "Period": "period",
            "EvaluationPeriods": "evaluation_periods",
            "DatapointsToAlarm": "datapoints_to_alarm",
            "ComparisonOperator": "comparison_operator",
            "Threshold": "threshold",
            "TreatMissingData": "treat_missing_data",
            "AlarmActions": "alarm_actions",
            "OKActions": "ok_actions",
        }
        dimensions = [{"Name": key, "Value": value} for key, value in sorted(self.values[0]["dimensions"].items())]
        return renamed(self.values[0], names) | {"Dimensions": dimensions}


def in_one_form(node, name=None):
    """Properties of a resolved template, in the form in which a translator gives them."""
    if name in ("PolicyDocument", "AssumeRolePolicyDocument"):
        return {"Statement": statements(node)}
    if name == "VpcConfig":
        return {key: sorted(ids) for key, ids in node.items()}
    if name == "LifecycleConfiguration":
        return {"Rules": sorted(node["Rules"], key=lambda rule: rule["Id"])}
    if isinstance(node, dict):
        return {key: in_one_form(value, key) for key, value in node.items()}
    if isinstance(node, list):
        return [in_one_form(value) for value in node]
    return f"<{snake_case(node[1:-1])}>" if isinstance(node, str) and node.startswith("<") else node
