"""What must hold of the template, whatever is added to it. Each check gives its findings as lines of text."""

from cloudformation import Stack, as_list, every, kebab_case

# Statements that may name everything, and why.
MAY_NAME_EVERYTHING = {
    # It denies what comes without TLS, and must deny all of it.
    ("BucketPolicy", "RefuseWhatIsNotEncryptedInTransit"),
    # It denies everything to the chat channels.
    ("ChatGuardrail", "Nothing"),
}


def findings(template):
    """Everything that is wrong."""
    found = []
    for check in CHECKS:
        found.extend(f"{check.__name__}: {finding}" for finding in check(template))
    return found


def resources(template, kind):
    return {key: value for key, value in template["Resources"].items() if value["Type"] == kind}


def properties(template, kind):
    return {key: value.get("Properties", {}) for key, value in resources(template, kind).items()}


def target(reference):
    """The logical id that a Ref or GetAtt names."""
    if isinstance(reference, dict):
        if "Ref" in reference:
            return reference["Ref"]
        if "Fn::GetAtt" in reference:
            return reference["Fn::GetAtt"][0]
    return None


def policy_statements(template):
    for path, node in every(template["Resources"]):
        if "Effect" in node:
            yield path[0], node


# --- permissions


def actions_are_named(template):
    for where, statement in policy_statements(template):
        if statement["Effect"] == "Deny" and (where, statement.get("Sid")) in MAY_NAME_EVERYTHING:
            continue
        for action in as_list(statement.get("Action", [])):
            if "*" in action:
                yield f"{where} names the action {action}"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{where} says what it is not about"


def resources_are_named(template):
    for where, statement in policy_statements(template):
        if statement["Effect"] == "Deny" and (where, statement.get("Sid")) in MAY_NAME_EVERYTHING:
            continue
        for resource in as_list(statement.get("Resource", [])):
            text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
            if text == "*":
                yield f"{where} names every resource"
            elif text == "${Bucket.Arn}/*":
                yield f"{where} names the whole bucket"
            elif "*" in text and not (text.startswith("${Bucket.Arn}/") and text.endswith("/*")):
                yield f"{where} names {text}"


def listing_is_limited_to_prefixes(template):
    for where, statement in policy_statements(template):
        if statement["Effect"] == "Allow" and "s3:ListBucket" in as_list(statement["Action"]):
            prefixes = as_list(statement.get("Condition", {}).get("StringLikeIfExists", {}).get("s3:prefix", []))
            if not prefixes or any(prefix in ("", "*") for prefix in prefixes):
                yield f"{where} may list the whole bucket"


def services_are_let_in_for_one_source_only(template):
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for where, policy in properties(template, kind).items():
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Allow":
                    continue
                keys = {key for test in statement.get("Condition", {}).values() for key in test}
                service = statement["Principal"].get("Service")
                if "aws:SourceArn" not in keys:
                    yield f"{where} lets {service} in for everybody's sources"
                # The ARN of a bucket names no account, and that of an alarm is a pattern.
                if service != "sns.amazonaws.com" and "aws:SourceAccount" not in keys:
                    yield f"{where} lets {service} in for other accounts"
    for where, permission in properties(template, "AWS::Lambda::Permission").items():
        if "SourceArn" not in permission:
            yield f"{where} lets {permission['Principal']} in for everybody's sources"


def every_function_has_a_role_of_its_own(template):
    roles = [target(function["Role"]) for function in properties(template, "AWS::Lambda::Function").values()]
    for logical_id, function in properties(template, "AWS::Lambda::Function").items():
        role = target(function["Role"])
        if role != f"{logical_id}Role":
            yield f"{logical_id} has the role {role}"
        if roles.count(role) > 1:
            yield f"{logical_id} shares its role"
    for logical_id, role in properties(template, "AWS::IAM::Role").items():
        if role.get("ManagedPolicyArns"):
            yield f"{logical_id} has managed policies"


# --- data


def everything_is_encrypted(template):
    for logical_id, bucket in properties(template, "AWS::S3::Bucket").items():
        if not bucket.get("BucketEncryption"):
            yield f"{logical_id} is not encrypted"
    for logical_id, queue in properties(template, "AWS::SQS::Queue").items():
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{logical_id} is not encrypted"
    for logical_id, topic in properties(template, "AWS::SNS::Topic").items():
        # By the parameter's key: the one that AWS manages refuses CloudWatch's alarms.
        if "TopicKmsKeyArn" not in str(topic.get("KmsMasterKeyId")):
            yield f"{logical_id} cannot be encrypted"


def only_tls_is_let_in(template):
    for logical_id in resources(template, "AWS::S3::Bucket"):
        if not any(
            target(policy["Bucket"]) == logical_id
            and any(
                statement["Effect"] == "Deny"
                and statement.get("Principal") == "*"
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                for statement in policy["PolicyDocument"]["Statement"]
            )
            for policy in properties(template, "AWS::S3::BucketPolicy").values()
        ):
            yield f"{logical_id} takes requests without TLS"


def the_bucket_is_private_and_survives(template):
    for logical_id, bucket in resources(template, "AWS::S3::Bucket").items():
        block = bucket["Properties"].get("PublicAccessBlockConfiguration", {})
        closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        if not all(block.get(key) is True for key in closed):
            yield f"{logical_id} may become public"
        if bucket["Properties"].get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{logical_id} may hold objects of others"
        kept = {"DeletionPolicy": ("Retain", "RetainExceptOnCreate"), "UpdateReplacePolicy": ("Retain",)}
        for policy, keeps in kept.items():
            if bucket.get(policy) not in keeps:
                yield f"{logical_id}: {policy} is {bucket.get(policy)}"
        if "VersioningConfiguration" in bucket["Properties"]:
            yield f"{logical_id} keeps versions of the state"


# What expires, and what says when: a number of days, or the parameter that does.
EXPIRES = {
    "raw/": {"Ref": "RawDays"},
    "spans/": {"Ref": "SpansDays"},
    "violations/": {"Ref": "RecordsDays"},
    "evaluations/": {"Ref": "RecordsDays"},
    "quarantine/": 30,
    "state/delivered/": 14,
}


def what_expires_is_what_may_expire(template):
    for logical_id, bucket in properties(template, "AWS::S3::Bucket").items():
        rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        expires = {rule.get("Prefix"): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
        for prefix in sorted({str(key) for key in expires.keys() ^ EXPIRES.keys()}):
            yield f"{logical_id}: {prefix} {'never expires' if prefix in EXPIRES else 'expires'}"
        for prefix in expires.keys() & EXPIRES.keys():
            if expires[prefix] != EXPIRES[prefix]:
                yield f"{logical_id}: {prefix} expires after {expires[prefix]} days"
        if {"DaysAfterInitiation": 1} not in [rule.get("AbortIncompleteMultipartUpload") for rule in rules]:
            yield f"{logical_id} keeps unfinished uploads"
        if any(rule.get("Status") != "Enabled" for rule in rules):
            yield f"{logical_id} has a rule that is not in force"


def only_raw_objects_are_notified(template):
    for logical_id, bucket in properties(template, "AWS::S3::Bucket").items():
        notifications = bucket.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
        if len(notifications) != 1:
            yield f"{logical_id} notifies {len(notifications)} queues"
        for notification in notifications:
            rules = notification.get("Filter", {}).get("S3Key", {}).get("Rules", [])
            if rules != [{"Name": "prefix", "Value": "raw/"}]:
                yield f"{logical_id} notifies of {rules or 'everything'}"
            if notification["Event"] != "s3:ObjectCreated:*":
                yield f"{logical_id} notifies of {notification['Event']}"


# --- functions and queues


def a_function_has_one_name_everywhere(template):
    for logical_id, function in properties(template, "AWS::Lambda::Function").items():
        name = kebab_case(logical_id)
        if function["FunctionName"] != {"Fn::Sub": f"${{AWS::StackName}}-{name}"}:
            yield f"{logical_id} is called {function['FunctionName']}"
        if function["Code"] != f"dist/{name}.zip":
            yield f"{logical_id} is made of {function['Code']}"


def every_function_has_logs_that_end(template):
    groups = properties(template, "AWS::Logs::LogGroup")
    for logical_id, function in properties(template, "AWS::Lambda::Function").items():
        group = groups.get(target(function.get("LoggingConfig", {}).get("LogGroup")))
        if group is None:
            yield f"{logical_id} has no log group"
        elif group["LogGroupName"] != {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{kebab_case(logical_id)}"}:
            yield f"{logical_id} logs to {group['LogGroupName']}"
    for logical_id, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{logical_id} is kept for ever"


def dead_letters(template):
    """Every queue that takes dead letters, with whose."""
    found = {}
    for logical_id, queue in properties(template, "AWS::SQS::Queue").items():
        if "RedrivePolicy" in queue:
            found[target(queue["RedrivePolicy"]["deadLetterTargetArn"])] = logical_id
    for config in properties(template, "AWS::Lambda::EventInvokeConfig").values():
        destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination:
            found[target(destination)] = target(config["FunctionName"])
    return found


def what_fails_is_kept(template):
    queues = properties(template, "AWS::SQS::Queue")
    for logical_id, source in properties(template, "AWS::Lambda::EventSourceMapping").items():
        if source.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{logical_id} sends a whole batch round again"
        queue = queues[target(source["EventSourceArn"])]
        if "RedrivePolicy" not in queue:
            yield f"{target(source['EventSourceArn'])} has no dead letters"
    for logical_id, owner in dead_letters(template).items():
        allowed = queues[logical_id].get("RedriveAllowPolicy", {})
        if owner in queues:
            name = queues[owner]["QueueName"]["Fn::Sub"]
            sources = [source["Fn::Sub"] for source in allowed.get("sourceQueueArns", [])]
            if allowed.get("redrivePermission") != "byQueue" or [source.split(":", 1)[1] for source in sources] != [
                f"${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}"
            ]:
                yield f"{logical_id} takes dead letters of {allowed or 'every queue'}"
        elif allowed.get("redrivePermission") != "denyAll":
            yield f"{logical_id} takes dead letters of {allowed or 'every queue'}"
        if queues[logical_id].get("MessageRetentionPeriod") != 14 * 24 * 3600:
            yield f"{logical_id} loses messages early"
    invoked = {target(permission["FunctionName"]) for permission in properties(template, "AWS::Lambda::Permission").values()}
    for function in invoked - set(dead_letters(template).values()):
        yield f"{function} is invoked asynchronously and what fails is lost"


def messages_are_hidden_six_times_as_long_as_functions_run(template):
    for source in properties(template, "AWS::Lambda::EventSourceMapping").values():
        queue, function = target(source["EventSourceArn"]), target(source["FunctionName"])
        parameter = target(template["Resources"][function]["Properties"]["Timeout"])
        values = template["Parameters"][parameter].get("AllowedValues")
        if not values:
            yield f"{parameter} may be anything"
            continue
        for value in values:
            stack = Stack(template, {parameter: value, "ChatSinks": "[]"})
            hidden = stack.properties(queue).get("VisibilityTimeout", 30)
            if hidden < 6 * value:
                yield f"{queue} hides messages for {hidden} s while {function} may run {value} s"


# --- alarms


def alarms_on(template, logical_id, metric):
    return [
        key
        for key, alarm in properties(template, "AWS::CloudWatch::Alarm").items()
        if alarm["MetricName"] == metric and target(alarm["Dimensions"][0]["Value"]) == logical_id
    ]


def what_breaks_is_told(template):
    wanted = [(function, "Errors") for function in resources(template, "AWS::Lambda::Function")]
    wanted += [(queue, "ApproximateNumberOfMessagesVisible") for queue in dead_letters(template)]
    for source in properties(template, "AWS::Lambda::EventSourceMapping").values():
        wanted.append((target(source["EventSourceArn"]), "ApproximateAgeOfOldestMessage"))
    wanted += [("EvaluateRules", "Evaluations"), ("EvaluateRules", "EvaluationLag")]
    wanted += [("EvaluateRules", "NotificationsFailed"), ("IngestSpans", "ObjectsQuarantined")]
    for logical_id, metric in wanted:
        if not alarms_on(template, logical_id, metric):
            yield f"no alarm on {metric} of {logical_id}"


def alarms_tell_somebody(template):
    for logical_id, alarm in resources(template, "AWS::CloudWatch::Alarm").items():
        here = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "Topic"}]}
        if alarm["Properties"].get("AlarmActions") != [here]:
            yield f"{logical_id} tells nobody"
        # The topic lets in alarms of these names only.
        if not alarm["Properties"]["AlarmName"].get("Fn::Sub", "").startswith("${AWS::StackName}-"):
            yield f"{logical_id} has a name that the topic does not let in"
        about = target(alarm["Properties"]["Dimensions"][0]["Value"])
        if alarm.get("Condition") != template["Resources"][about].get("Condition"):
            yield f"{logical_id} is not there when {about} is"
        if alarm["Properties"]["EvaluationPeriods"] < alarm["Properties"]["DatapointsToAlarm"]:
            yield f"{logical_id} can never fire"


def silence_is_an_alarm(template):
    for logical_id in alarms_on(template, "EvaluateRules", "Evaluations"):
        alarm = template["Resources"][logical_id]["Properties"]
        if alarm.get("TreatMissingData") != "breaching":
            yield f"{logical_id} takes a missing evaluation for {alarm.get('TreatMissingData')}"
        if (alarm["ComparisonOperator"], alarm["Threshold"]) != ("LessThanThreshold", 1):
            yield f"{logical_id} does not fire when there is none"


CHECKS = [
    actions_are_named,
    resources_are_named,
    listing_is_limited_to_prefixes,
    services_are_let_in_for_one_source_only,
    every_function_has_a_role_of_its_own,
    everything_is_encrypted,
    only_tls_is_let_in,
    the_bucket_is_private_and_survives,
    what_expires_is_what_may_expire,
    only_raw_objects_are_notified,
    a_function_has_one_name_everywhere,
    every_function_has_logs_that_end,
    what_fails_is_kept,
    messages_are_hidden_six_times_as_long_as_functions_run,
    what_breaks_is_told,
    alarms_tell_somebody,
    silence_is_an_alarm,
]
