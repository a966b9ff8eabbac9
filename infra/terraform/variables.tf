# The parameters of ../template.yml, in its words and its order; the names are theirs in snake_case. Only `name` and
# `functions_dir` are not parameters there: a stack has a name anyway, and its `package` command finds the zips.

variable "name" {
  description = "What everything is named after, as a stack's name is. At most 20 lower-case letters, digits and hyphens."
  type        = string
  default     = "fluo"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "2 to 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "functions_dir" {
  description = "Folder of the functions' zips, as infra/build-functions makes them. Empty: dist beside the module."
  type        = string
  default     = ""
}

variable "bucket_name" {
  description = "Name of the bucket. Empty: STACK-ACCOUNT-REGION, which needs a stack name of lower-case letters, digits and hyphens, at most 35 long."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "It must be empty, or 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "existing_bucket" {
  description = "Name of a bucket that is there already. The stack makes none, and leaves life cycle, policy, encryption and notification of this one to you: infra/README.md, an existing bucket. Empty: the stack makes a bucket."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.existing_bucket))
    error_message = "It must be empty, or the name of a bucket."
  }
}

variable "store_prefix" {
  description = "What the keys of everything begin with that fluo writes, and of the rules, with a slash at its end (team/fluo/), for a bucket that holds other things, too. Empty: nothing."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^([A-Za-z0-9._-]+/)+$", var.store_prefix))
    error_message = "It must be empty, or folders that each end with a slash."
  }
}

variable "raw_prefix" {
  description = "What the keys of raw objects begin with (default raw/), whatever StorePrefix says. Nothing that fluo writes may begin with it, and it must begin with nothing that fluo writes (spans/, state/)."
  type        = string
  default     = "raw/"

  validation {
    condition     = can(regex("^[A-Za-z0-9._=/-]+$", var.raw_prefix))
    error_message = "It must be letters, digits and . _ = / -, one at least."
  }
}

variable "raw_events" {
  description = "How ingest-spans learns of raw objects (default notification): from the bucket's own notification, or by way of EventBridge, which must then be switched on for an existing bucket."
  type        = string
  default     = "notification"

  validation {
    condition     = contains(["notification", "eventbridge"], var.raw_events)
    error_message = "One of notification, eventbridge."
  }
}

variable "bucket_kms_key_arn" {
  description = "ARN of the customer-managed KMS key of the bucket, not of an alias. The functions' roles and the collector's policy let them use it through S3; its key policy must leave that to IAM. Empty: the bucket has keys of Amazon S3."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.bucket_kms_key_arn))
    error_message = "It must be empty, or the ARN of a key (not of an alias)."
  }
}

variable "raw_days" {
  description = "Days after which raw OTLP objects expire (default 30). They are read once; later only to ingest them anew. Below 15, dead letters may outlive the objects that they tell of."
  type        = number
  default     = 30

  validation {
    condition     = var.raw_days >= 1
    error_message = "At least 1."
  }
}

variable "spans_days" {
  description = "Days after which span files expire (default 90). Bounds how far back rules can be replayed and alerts proved."
  type        = number
  default     = 90

  validation {
    condition     = var.spans_days >= 2
    error_message = "At least 2."
  }
}

variable "records_days" {
  description = "Days after which records of violations and evaluations expire (default 400, a year and a month)."
  type        = number
  default     = 400

  validation {
    condition     = var.records_days >= 2
    error_message = "At least 2."
  }
}

variable "email_address" {
  description = "E-mail address to subscribe to the topic; AWS sends it a mail to confirm. Empty: none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[^@ ]+@[^@ ]+$", var.email_address))
    error_message = "It must be empty, or one address."
  }
}

variable "slack_workspace_id" {
  description = "Slack workspace, authorised once in the console of Amazon Q Developer in chat applications (T0123ABCD). Empty: no Slack."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[0-9A-Z]{1,255}$", var.slack_workspace_id))
    error_message = "It does not have the form that the description asks for."
  }
}

variable "slack_channel_id" {
  description = "Slack channel that is told (C0123ABCD). Empty: no Slack."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[A-Za-z0-9]{1,80}$", var.slack_channel_id))
    error_message = "It does not have the form that the description asks for."
  }
}

variable "teams_tenant_id" {
  description = "Microsoft Teams tenant, authorised once in the console of Amazon Q Developer in chat applications (a UUID). Empty: no Teams."
  type        = string
  default     = ""
}

variable "teams_team_id" {
  description = "Microsoft Teams team (a UUID). Empty: no Teams."
  type        = string
  default     = ""
}

variable "teams_channel_id" {
  description = "Microsoft Teams channel, as the link to it has it (19%3Aabcdef%40thread.tacv2). Empty: no Teams."
  type        = string
  default     = ""
}

variable "chat_sinks" {
  description = "The sinks of notify-chat: the list sinks of fluo.yml, as JSON or YAML text, at most 3 KB. Secrets as {env: NAME}, never in clear. Empty: no notify-chat."
  type        = string
  default     = ""
}

variable "chat_secrets_arn" {
  description = "Complete ARN of a Secrets Manager secret or an SSM parameter that holds a JSON object of the names in ChatSinks and their values. Empty: none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:(secretsmanager|ssm):.+$", var.chat_secrets_arn))
    error_message = "It does not have the form that the description asks for."
  }
}

variable "secrets_kms_key_arn" {
  description = "ARN of the customer-managed KMS key of the secrets, not of an alias. Empty: they have an AWS-managed key, which needs no permission."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.secrets_kms_key_arn))
    error_message = "It must be empty, or the ARN of a key (not of an alias)."
  }
}

variable "more_topics" {
  description = "More topics that are told, each what it wants: a list of sinks of fluo.yml without their type, as JSON or YAML text: [{topic_arn: ..., severity: [critical], labels: {team: payments}}]. Empty: only the topic that is made here."
  type        = string
  default     = ""
}

variable "more_topic_arns" {
  description = "The ARNs of MoreTopics once more, as a list: evaluate-rules may publish to these. Empty: none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.more_topic_arns : can(regex("^arn:[a-z-]+:sns:[^, ]+$", one))])
    error_message = "It must be a list of ARNs of topics."
  }
}

variable "topic_kms_key_arn" {
  description = "ARN of a customer-managed KMS key for the topic, not of an alias; its key policy lets cloudwatch.amazonaws.com use it. Empty: no key of your own."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.topic_kms_key_arn))
    error_message = "It must be empty, or the ARN of a key (not of an alias)."
  }
}

variable "collector_principal_arn" {
  description = "ARN of the role (or user, or account) of a collector in another account, which may then assume the output CollectorRoleArn. Empty: the collector is in this account, and CollectorPolicyArn is attached to its role."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:iam::[0-9]{12}:(root|role/.+|user/.+)$", var.collector_principal_arn))
    error_message = "It must be empty, or the ARN of a role, a user or an account's root."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the permissions boundary of every role of the stack. Empty: none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "It must be empty, or the ARN of a managed policy."
  }
}

variable "subnet_ids" {
  description = "Subnets for the functions, as a list of ids; from there they need a way to S3, SNS and, for notify-chat, the service of its secrets: infra/README.md, in a VPC. Empty: no VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.subnet_ids : can(regex("^subnet-[0-9a-f]+$", one))])
    error_message = "It must be a list of ids of subnets."
  }
}

variable "security_group_ids" {
  description = "Security groups of the functions in SubnetIds, as a list of ids. They need no inbound rule. Empty: no VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.security_group_ids : can(regex("^sg-[0-9a-f]+$", one))])
    error_message = "It must be a list of ids of security groups."
  }
}

variable "vpc_functions" {
  description = "Which functions are in SubnetIds (default all), or notify-chat alone, where only its receivers are internal."
  type        = string
  default     = "all"

  validation {
    condition     = contains(["all", "notify-chat"], var.vpc_functions)
    error_message = "One of all, notify-chat."
  }
}

variable "rules_location" {
  description = "Where the rules are: a prefix in the bucket without slash at its end (default rules), or a folder in the function's zip (/var/task/rules)."
  type        = string
  default     = "rules"
}

variable "on_arrival_seconds" {
  description = "Seconds that evaluations because spans have arrived are apart at least, as 5: then people are told within seconds, and not with the next minute. 0: rules are evaluated every minute only (default 0)."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 2, 5, 10, 15, 20, 30], var.on_arrival_seconds)
    error_message = "Must be 0, 2, 5, 10, 15, 20 or 30."
  }
}

variable "trace_url" {
  description = "Links to traces, with {trace_id} where the id belongs. Empty: no links."
  type        = string
  default     = ""
}

variable "eval_delay" {
  description = "How far the watermark lies behind the evaluation's time, as 60s. Empty: 60s."
  type        = string
  default     = ""
}

variable "allowed_lateness" {
  description = "How far below the watermark a span may end and still re-open its windows, as 1h. Empty: 1h."
  type        = string
  default     = ""
}

variable "stale_after" {
  description = "How long no data file may arrive before people are told, as 10m. Empty: 10m."
  type        = string
  default     = ""
}

variable "max_catch_up" {
  description = "How far back an outage is caught up, as 1d. Empty: 1d. Keep it below SpansDays."
  type        = string
  default     = ""
}

variable "delivery_limit" {
  description = "How long a notification that a sink refuses is tried again, as 2d. Empty: 2d."
  type        = string
  default     = ""
}

variable "rule_time" {
  description = "Time that one rule may use in an evaluation, as 30s. Empty: 30s."
  type        = string
  default     = ""
}

variable "rule_memory_mib" {
  description = "Memory in MiB that one rule may use in an evaluation. Empty: a quarter of EvaluatorMemory."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9]*$", var.rule_memory_mib))
    error_message = "It does not have the form that the description asks for."
  }
}

variable "set_aside_percent" {
  description = "Largest share in percent of the spans that arrive which ingest may set aside or mend before people are told. Empty: 1."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^([1-9]|[1-9][0-9]|100)$", var.set_aside_percent))
    error_message = "It does not have the form that the description asks for."
  }
}

variable "trouble_severity" {
  description = "Severities of fluo's own troubles, as file_error=critical,sink_error=info. Empty: as in fluo.yml."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[a-z_]+=(info|warning|critical)(, ?[a-z_]+=(info|warning|critical))*$", var.trouble_severity))
    error_message = "It must be empty, or pairs of trouble and severity with commas between them."
  }
}

variable "columns" {
  description = "Attributes that have columns in span files though no rule asks for them, with commas between them: span.shop.tenant, resource.k8s.zone. Empty: those that rules ask for."
  type        = string
  default     = ""
}

variable "page" {
  description = "false: no page (report/index.html) is kept in the bucket. Empty: true."
  type        = string
  default     = ""

  validation {
    condition     = contains(["", "true", "false"], var.page)
    error_message = "It does not have the form that the description asks for."
  }
}

variable "architecture" {
  description = "Processor of the functions (default arm64, a fifth cheaper). The zips in dist/ must be of this one: build-functions --deploy."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "One of arm64, x86_64."
  }
}

variable "ingest_memory" {
  description = "Memory of ingest-spans in MB (default 1769: one whole processor)."
  type        = number
  default     = 1769

  validation {
    condition     = var.ingest_memory >= 512 && var.ingest_memory <= 10240
    error_message = "512 to 10240."
  }
}

variable "ingest_timeout" {
  description = "Time limit of ingest-spans in seconds (default 60). The queue hides a message for six times this, and half a minute."
  type        = number
  default     = 60

  validation {
    condition     = contains([10, 30, 60, 120, 300, 900], var.ingest_timeout)
    error_message = "One of 10, 30, 60, 120, 300, 900."
  }
}

variable "ingest_batch_size" {
  description = "Raw objects that one invocation of ingest-spans takes at most (default 10)."
  type        = number
  default     = 10

  validation {
    condition     = var.ingest_batch_size >= 1 && var.ingest_batch_size <= 10
    error_message = "1 to 10."
  }
}

variable "ingest_batch_window" {
  description = "Seconds that ingest-spans waits for more objects (default 0)."
  type        = number
  default     = 0

  validation {
    condition     = var.ingest_batch_window >= 0 && var.ingest_batch_window <= 30
    error_message = "0 to 30."
  }
}

variable "ingest_concurrency" {
  description = "Copies of ingest-spans that run at once at most (default 10)."
  type        = number
  default     = 10

  validation {
    condition     = var.ingest_concurrency >= 2 && var.ingest_concurrency <= 1000
    error_message = "2 to 1000."
  }
}

variable "evaluator_memory" {
  description = "Memory of evaluate-rules in MB (default 3008)."
  type        = number
  default     = 3008

  validation {
    condition     = var.evaluator_memory >= 512 && var.evaluator_memory <= 10240
    error_message = "512 to 10240."
  }
}

variable "evaluator_timeout" {
  description = "Time limit of evaluate-rules in seconds (default 300)."
  type        = number
  default     = 300

  validation {
    condition     = var.evaluator_timeout >= 30 && var.evaluator_timeout <= 900
    error_message = "30 to 900."
  }
}

variable "evaluator_reserved_concurrency" {
  description = "Concurrency reserved for evaluate-rules (default 1). 0: none is reserved, for accounts whose limit is so low that AWS refuses it."
  type        = number
  default     = 1

  validation {
    condition     = var.evaluator_reserved_concurrency >= 0 && var.evaluator_reserved_concurrency <= 10
    error_message = "0 to 10."
  }
}

variable "compactor_memory" {
  description = "Memory of compact-spans in MB (default 1769)."
  type        = number
  default     = 1769

  validation {
    condition     = var.compactor_memory >= 768 && var.compactor_memory <= 10240
    error_message = "768 to 10240."
  }
}

variable "compactor_timeout" {
  description = "Time limit of compact-spans in seconds (default 900)."
  type        = number
  default     = 900

  validation {
    condition     = var.compactor_timeout >= 300 && var.compactor_timeout <= 900
    error_message = "300 to 900."
  }
}

variable "notify_memory" {
  description = "Memory of notify-chat in MB (default 256)."
  type        = number
  default     = 256

  validation {
    condition     = var.notify_memory >= 128 && var.notify_memory <= 10240
    error_message = "128 to 10240."
  }
}

variable "notify_timeout" {
  description = "Time limit of notify-chat in seconds (default 60). The queue hides a message for six times this, and half a minute."
  type        = number
  default     = 60

  validation {
    condition     = contains([10, 30, 60, 120, 300, 900], var.notify_timeout)
    error_message = "One of 10, 30, 60, 120, 300, 900."
  }
}

variable "notify_concurrency" {
  description = "Copies of notify-chat that run at once at most (default 2, the least: chat services take about a message a second)."
  type        = number
  default     = 2

  validation {
    condition     = var.notify_concurrency >= 2 && var.notify_concurrency <= 100
    error_message = "2 to 100."
  }
}

variable "log_days" {
  description = "Days that the functions' logs are kept (default 30)."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653], var.log_days)
    error_message = "One of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653."
  }
}

variable "traces_endpoint" {
  description = "OpenTelemetry collector that the functions' own traces go to, over OTLP/HTTP and without credentials, as http://otlp.example:4318; not the one in front of this bucket. Empty: no own traces."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^https?://[^@]+$", var.traces_endpoint))
    error_message = "It must be empty, or a URL without credentials."
  }
}

variable "alarm_topic_arn" {
  description = "Topic that the alarms notify. Empty: the topic of this stack."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:sns:.+$", var.alarm_topic_arn))
    error_message = "It does not have the form that the description asks for."
  }
}

variable "evaluation_lag_seconds" {
  description = "Seconds that evaluation may be behind the clock before an alarm (default 300)."
  type        = number
  default     = 300

  validation {
    condition     = var.evaluation_lag_seconds >= 120
    error_message = "At least 120."
  }
}

variable "ingest_lag_seconds" {
  description = "Seconds that a raw object may wait to be ingested before an alarm (default 300)."
  type        = number
  default     = 300

  validation {
    condition     = var.ingest_lag_seconds >= 60
    error_message = "At least 60."
  }
}
