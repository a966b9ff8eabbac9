"""What must hold of the template, whatever is added to it. Each check gives its findings as lines of text."""

import re

from cloudformation import REPOSITORY, Stack, as_list, every, kebab_case

# Statements that may name everything, and why.
MAY_NAME_EVERYTHING = {
    # It denies what comes without TLS, and must deny all of it.
    ("BucketPolicy", "RefuseWhatIsNotEncryptedInTransit"),
    # It denies everything to the chat channels.
    ("ChatGuardrail", "Nothing"),
}

# Lambda's own permissions to put a function into subnets, whose actions know no resources; and what keeps the function's
# code from using them.
NETWORK = {"AttachToNetwork": "Allow", "ButNotByTheCode": "Deny"}

# Services whose ARNs name their account, so that the ARN is condition enough. That of a bucket names none, and that of an
# alarm is a pattern.
WITH_ACCOUNT = {"sns.amazonaws.com", "events.amazonaws.com"}


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


def flat(node):
    """What may be in a list, whatever its conditions."""
    for item in as_list(node):
        if isinstance(item, dict) and "Fn::If" in item:
            yield from flat(item["Fn::If"][1:])
        elif item != {"Ref": "AWS::NoValue"}:
            yield item


def text_of(node):
    """A text with its references as they are written: `${Store}/${RawPrefix}*`."""
    if isinstance(node, str):
        return node
    if "Fn::Sub" in node:
        return as_list(node["Fn::Sub"])[0]
    return f"${{{node['Ref']}}}" if "Ref" in node else ""


# --- permissions


def may_name_everything(where, statement):
    sid = statement.get("Sid")
    return statement["Effect"] == NETWORK.get(sid) or (
        statement["Effect"] == "Deny" and (where, sid) in MAY_NAME_EVERYTHING
    )


def actions_are_named(template):
    for where, statement in policy_statements(template):
        if statement["Effect"] == "Deny" and may_name_everything(where, statement):
            continue
        for action in as_list(statement.get("Action", [])):
            if "*" in action:
                yield f"{where} names the action {action}"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{where} says what it is not about"


def resources_are_named(template):
    for where, statement in policy_statements(template):
        if may_name_everything(where, statement):
            continue
        for resource in as_list(statement.get("Resource", [])):
            text = text_of(resource)
            below = re.fullmatch(r"arn:\$\{AWS::Partition\}:s3:::\$\{Store\}/(.*)\*", text)
            if text == "*":
                yield f"{where} names every resource"
            elif below and below[1] in ("", "${StorePrefix}"):
                yield f"{where} names the whole bucket"
            elif "*" in text and not (below and (below[1].endswith("/") or below[1] == "${RawPrefix}")):
                yield f"{where} names {text}"


def listing_is_limited_to_prefixes(template):
    for where, statement in policy_statements(template):
        if statement["Effect"] == "Allow" and "s3:ListBucket" in as_list(statement["Action"]):
            # With IfExists, a listing that names no prefix would be one of everything.
            prefixes = as_list(statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", []))
            folders = [text_of(prefix).removeprefix("${StorePrefix}") for prefix in prefixes]
            if not folders or any(folder in ("", "*") for folder in folders):
                yield f"{where} may list the whole bucket"


def only_compaction_deletes_and_only_spans(template):
    for where, statement in policy_statements(template):
        actions = [action for action in flat(statement.get("Action", [])) if action.startswith("s3:Delete")]
        if statement["Effect"] != "Allow" or not actions:
            continue
        if where != "CompactSpansRole":
            yield f"{where} may delete objects"
        for resource in flat(statement["Resource"]):
            if not text_of(resource).endswith("/${StorePrefix}spans/*"):
                yield f"{where} may delete {text_of(resource)}"


def services_are_let_in_for_one_source_only(template):
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for where, policy in properties(template, kind).items():
            for statement in flat(policy["PolicyDocument"]["Statement"]):
                if statement["Effect"] != "Allow":
                    continue
                keys = {key for test in statement.get("Condition", {}).values() for key in test}
                service = statement["Principal"].get("Service")
                if "aws:SourceArn" not in keys:
                    yield f"{where} lets {service} in for everybody's sources"
                if service not in WITH_ACCOUNT and "aws:SourceAccount" not in keys:
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
        if not {target(policy) for policy in role.get("ManagedPolicyArns", [])} <= {"CollectorPolicy"}:
            yield f"{logical_id} has managed policies of others"


def every_role_has_the_boundary(template):
    for logical_id, role in properties(template, "AWS::IAM::Role").items():
        boundary = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
        if role.get("PermissionsBoundary") != boundary:
            yield f"{logical_id} has no permissions boundary"


def only_one_principal_assumes_the_role_of_the_collector(template):
    for logical_id, role in properties(template, "AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            account = statement["Principal"].get("AWS")
            if account is not None and account != {"Ref": "CollectorPrincipalArn"}:
                yield f"{logical_id} may be assumed by {account}"


def conditional(document):
    """The statements of a policy by their Sids, each with the condition under which it is there."""
    found = {}
    for node in document["Statement"]:
        condition, statement = (node["Fn::If"][0], node["Fn::If"][1]) if "Fn::If" in node else (None, node)
        found[statement.get("Sid")] = (condition, statement)
    return found


def whoever_uses_the_bucket_may_use_its_key(template):
    documents = {key: policy["PolicyDocument"] for key, policy in properties(template, "AWS::IAM::ManagedPolicy").items()}
    for key, role in properties(template, "AWS::IAM::Role").items():
        documents |= {key: policy["PolicyDocument"] for policy in role.get("Policies", [])}
    via = {"StringEquals": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.${AWS::URLSuffix}"}}}
    for logical_id, document in documents.items():
        statements = conditional(document)
        actions = {action for _, statement in statements.values() for action in as_list(statement["Action"])}
        if not actions & {"s3:GetObject", "s3:PutObject"}:
            continue
        condition, statement = statements.get("UseKeyOfBucket", (None, {}))
        if condition != "HasBucketKey" or set(as_list(statement["Action"])) != {"kms:Decrypt", "kms:GenerateDataKey"}:
            yield f"{logical_id} may not use the bucket's key"
        elif statement["Resource"] != [{"Ref": "BucketKmsKeyArn"}] or statement.get("Condition") != via:
            yield f"{logical_id} may use more than the bucket's key through S3"


def functions_in_subnets_may_be_there_and_no_more(template):
    for logical_id, function in properties(template, "AWS::Lambda::Function").items():
        network = function.get("VpcConfig", {}).get("Fn::If", [None])
        if network[0] not in ("AllInVpc", "InVpc") or set(network[1]) != {"SubnetIds", "SecurityGroupIds"}:
            yield f"{logical_id} cannot be in subnets"
            continue
        [policy] = template["Resources"][f"{logical_id}Role"]["Properties"]["Policies"]
        statements = conditional(policy["PolicyDocument"])
        for sid in NETWORK:
            condition, _ = statements.get(sid, (None, {}))
            if condition != network[0]:
                yield f"{logical_id} is in subnets without {sid}"
        _, denied = statements.get("ButNotByTheCode", (None, {}))
        arn = text_of(denied.get("Condition", {}).get("ArnEquals", {}).get("lambda:SourceFunctionArn", ""))
        if not arn.endswith(f":function:${{AWS::StackName}}-{kebab_case(logical_id)}"):
            yield f"{logical_id} is not the function whose code is denied the network"


def keys_are_keys_and_not_aliases(template):
    arn = "arn:aws-cn:kms:cn-north-1:123456789012:"
    for name, parameter in template["Parameters"].items():
        if not name.endswith("KmsKeyArn"):
            continue
        pattern = parameter.get("AllowedPattern", "")
        # In a policy, an alias names no key.
        for wrong in (f"{arn}alias/fluo", "alias/fluo", "1234abcd-12ab-34cd-56ef-1234567890ab"):
            if re.search(pattern, wrong):
                yield f"{name} may be {wrong}"
        for right in (f"{arn}key/1234abcd-12ab-34cd-56ef-1234567890ab", f"{arn}key/mrk-1234abcd12ab34cd56ef1234567890ab"):
            if not re.search(pattern, right):
                yield f"{name} may not be {right}"


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
        if "VersioningConfiguration" in bucket["Properties"]:
            yield f"{logical_id} keeps versions of the state"
    # With its policy: a bucket that is kept would lose what keeps others out of it.
    for logical_id, kept in (resources(template, "AWS::S3::Bucket") | resources(template, "AWS::S3::BucketPolicy")).items():
        keeps = {"DeletionPolicy": ("Retain", "RetainExceptOnCreate"), "UpdateReplacePolicy": ("Retain",)}
        for policy, how in keeps.items():
            if kept.get(policy) not in how:
                yield f"{logical_id}: {policy} is {kept.get(policy)}"
        if kept.get("Condition") != "MakesBucket":
            yield f"{logical_id} is made where a bucket is there already"


def a_bucket_that_is_there_is_enough(template):
    """What is made beside an existing bucket names that one, and nothing of one that is not made."""
    stack = Stack(template, {"ExistingBucket": "there-already", "ChatSinks": "[]", "SubnetIds": "subnet-1"})
    text = str({logical_id: stack.properties(logical_id) for logical_id in stack.resources})
    text += str(stack.outputs())
    own = str(Stack(template).properties("Bucket")["BucketName"])
    if own in text:
        yield "beside an existing bucket the stack's own is named"
    if "there-already" not in text:
        yield "an existing bucket is not used"


# What expires, and what says when: a number of days, or the parameter that does.
EXPIRES = {
    "${RawPrefix}": {"Ref": "RawDays"},
    "${StorePrefix}spans/": {"Ref": "SpansDays"},
    "${StorePrefix}violations/": {"Ref": "RecordsDays"},
    "${StorePrefix}evaluations/": {"Ref": "RecordsDays"},
    "${StorePrefix}panes/": 35,
    "${StorePrefix}quarantine/": 30,
    "${StorePrefix}state/delivered/": 14,
}


def what_expires_is_what_may_expire(template):
    for logical_id, bucket in properties(template, "AWS::S3::Bucket").items():
        rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        expires = {
            text_of(rule.get("Prefix", "")): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule
        }
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
    stack = Stack(template, {"RawPrefix": "otlp/"})
    for logical_id, bucket in stack.of_type("AWS::S3::Bucket").items():
        notifications = bucket.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
        if len(notifications) != 1:
            yield f"{logical_id} notifies {len(notifications)} queues"
        for notification in notifications:
            rules = notification.get("Filter", {}).get("S3Key", {}).get("Rules", [])
            if rules != [{"Name": "prefix", "Value": "otlp/"}]:
                yield f"{logical_id} notifies of {rules or 'everything'}"
            if notification["Event"] != "s3:ObjectCreated:*":
                yield f"{logical_id} notifies of {notification['Event']}"
    for bucket in ({"BucketName": "mine"}, {"ExistingBucket": "mine"}):
        stack = Stack(template, {"RawPrefix": "otlp/", "RawEvents": "eventbridge"} | bucket)
        for logical_id, made in stack.of_type("AWS::S3::Bucket").items():
            if made.get("NotificationConfiguration") != {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}:
                yield f"{logical_id} does not tell EventBridge, or others besides"
        patterns = [rule["EventPattern"] for rule in stack.of_type("AWS::Events::Rule").values() if "EventPattern" in rule]
        wanted = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": ["mine"]}, "object": {"key": [{"prefix": "otlp/"}]}},
        }
        if patterns != [wanted]:
            yield f"EventBridge passes on {patterns or 'nothing'}"


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
    for subscription in properties(template, "AWS::SNS::Subscription").values():
        if "RedrivePolicy" in subscription:
            found[target(subscription["RedrivePolicy"]["deadLetterTargetArn"])] = target(subscription["TopicArn"])
    for config in properties(template, "AWS::Lambda::EventInvokeConfig").values():
        destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination:
            found[target(destination)] = target(config["FunctionName"])
    return found


# Their dead letters are sent by Lambda itself, with the role of the function.
SCHEDULED = {"EvaluateRules", "CompactSpans"}

# Queues whose messages are worth nothing after a while, and why nobody need see those that failed.
WORTH_NOTHING_LATER = {
    # A request for an evaluation. The schedule makes one every minute, whose failures are kept.
    "EvaluateQueue",
}


def what_fails_is_kept(template):
    queues = properties(template, "AWS::SQS::Queue")
    for logical_id, source in properties(template, "AWS::Lambda::EventSourceMapping").items():
        if source.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{logical_id} sends a whole batch round again"
        name = target(source["EventSourceArn"])
        if "RedrivePolicy" not in queues[name] and name not in WORTH_NOTHING_LATER:
            yield f"{name} has no dead letters"
        if name in WORTH_NOTHING_LATER and not 60 <= queues[name].get("MessageRetentionPeriod", 345600) <= 600:
            yield f"{name} keeps what is worth nothing"
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
    for logical_id, subscription in properties(template, "AWS::SNS::Subscription").items():
        if "RedrivePolicy" not in subscription:
            yield f"{logical_id} has no dead letters"
    for logical_id, rule in properties(template, "AWS::Events::Rule").items():
        for to in rule["Targets"]:
            if target(to["Arn"]) in queues and "DeadLetterConfig" not in to:
                yield f"{logical_id} loses what the queue does not take"
    # Whoever may send is let in.
    let_in = {
        target(queue)
        for policy in properties(template, "AWS::SQS::QueuePolicy").values()
        for queue in policy["Queues"]
    }
    for logical_id, owner in dead_letters(template).items():
        if owner not in queues and owner not in SCHEDULED and logical_id not in let_in:
            yield f"{logical_id} does not let {owner} in"
    invoked = {target(permission["FunctionName"]) for permission in properties(template, "AWS::Lambda::Permission").values()}
    for function in invoked - set(dead_letters(template).values()):
        yield f"{function} is invoked asynchronously and what fails is lost"


def messages_are_hidden_six_times_as_long_as_functions_run(template):
    for source in properties(template, "AWS::Lambda::EventSourceMapping").values():
        queue, function = target(source["EventSourceArn"]), target(source["FunctionName"])
        parameter = target(template["Resources"][function]["Properties"]["Timeout"])
        if queue in WORTH_NOTHING_LATER:
            # Lambda refuses less than the time limit; what failed for longer is not to come again.
            if template["Resources"][queue]["Properties"].get("VisibilityTimeout") != {"Ref": parameter}:
                yield f"{queue} is not hidden as long as {function} may run"
            continue
        values = template["Parameters"][parameter].get("AllowedValues")
        if not values:
            yield f"{parameter} may be anything"
            continue
        for value in values:
            stack = Stack(template, {parameter: value, "ChatSinks": "[]"})
            hidden = stack.properties(queue).get("VisibilityTimeout", 30)
            window = source["MaximumBatchingWindowInSeconds"]
            longest = template["Parameters"][target(window)]["MaxValue"] if target(window) else window
            if hidden < 6 * value + longest:
                yield f"{queue} hides messages for {hidden} s while {function} may wait {longest} s and run {value} s"


# What is left of an invocation when the function begins nothing more, as its source says.
MARGINS = {
    "EvaluatorTimeout": "functions/evaluate-rules/src/function.rs",
    "NotifyTimeout": "functions/notify-chat/src/function.rs",
}


def requests_are_one_for_all_that_arrives_in_a_while(template):
    """The queue's delay is the length of a slot: a message is delivered when its slot is over, and one id stands for it."""
    for seconds in (0, 5):
        stack = Stack(template, {"OnArrivalSeconds": seconds})
        there = "EvaluateQueue" in stack.resources
        variables = stack.properties("IngestSpans")["Environment"]["Variables"]
        asked = {"FLUO_REQUEST_QUEUE_URL", "FLUO_ON_ARRIVAL"} & variables.keys()
        if there != (seconds > 0) or len(asked) != 2 * there:
            yield f"with {seconds} s there is {'a' if there else 'no'} queue, and ingest gets {sorted(asked)}"
        if there:
            queue = stack.properties("EvaluateQueue")
            if queue.get("FifoQueue") is not True or not queue["QueueName"].endswith(".fifo"):
                yield "EvaluateQueue takes a message for each object"
            if queue.get("ContentBasedDeduplication"):
                yield "EvaluateQueue looks at texts and not at ids"
            length, delay = variables.get("FLUO_ON_ARRIVAL"), queue.get("DelaySeconds")
            if (length, delay) != (f"{seconds}s", seconds):
                yield f"EvaluateQueue delays by {delay} s what ingest has {length} for"
    parameter = template["Parameters"]["OnArrivalSeconds"]
    if any(seconds and 60 % seconds for seconds in parameter["AllowedValues"]):
        yield "OnArrivalSeconds does not divide a minute"


def every_time_limit_leaves_time_to_work(template):
    # ingest-spans and compact-spans shorten their margins by themselves.
    for name, source in MARGINS.items():
        margin = int(re.search(r"const MARGIN: i64 = (\d+) \* Nanos::SECOND.0;", (REPOSITORY / source).read_text())[1])
        parameter = template["Parameters"][name]
        least = parameter.get("MinValue") or min(parameter["AllowedValues"])
        if least < 1.5 * margin:
            yield f"{name} may be {least} s, of which the function leaves {margin} s"


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
    wanted += [(topic, "NumberOfNotificationsFailed") for topic in resources(template, "AWS::SNS::Topic")]
    wanted += [("EvaluateRules", "SubscriptionsConfirmed")]
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
    only_compaction_deletes_and_only_spans,
    actions_are_named,
    resources_are_named,
    listing_is_limited_to_prefixes,
    services_are_let_in_for_one_source_only,
    every_function_has_a_role_of_its_own,
    every_role_has_the_boundary,
    only_one_principal_assumes_the_role_of_the_collector,
    whoever_uses_the_bucket_may_use_its_key,
    functions_in_subnets_may_be_there_and_no_more,
    keys_are_keys_and_not_aliases,
    everything_is_encrypted,
    only_tls_is_let_in,
    the_bucket_is_private_and_survives,
    a_bucket_that_is_there_is_enough,
    what_expires_is_what_may_expire,
    only_raw_objects_are_notified,
    a_function_has_one_name_everywhere,
    every_function_has_logs_that_end,
    what_fails_is_kept,
    messages_are_hidden_six_times_as_long_as_functions_run,
    requests_are_one_for_all_that_arrives_in_a_while,
    every_time_limit_leaves_time_to_work,
    what_breaks_is_told,
    alarms_tell_somebody,
    silence_is_an_alarm,
]
