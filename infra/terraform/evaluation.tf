resource "aws_cloudwatch_log_group" "evaluate_rules_logs" {
  name              = "/aws/lambda/${var.name}-evaluate-rules"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "evaluate_rules_role" {
  source_policy_documents = [data.aws_iam_policy_document.of_functions["evaluate-rules"].json]

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values = [
        for folder in ["spans", var.rules_location, "state", "evaluations", "violations", "panes", "report"] : "${var.store_prefix}${folder}/*"
      ]
    }
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = [
      "${local.store}spans/*",
      "${local.store}${var.rules_location}/*",
      "${local.store}state/*",
      "${local.store}evaluations/*",
      "${local.store}violations/*",
      "${local.store}panes/*",
      "${local.store}report/*",
    ]
  }

  statement {
    sid     = "Write"
    actions = ["s3:PutObject"]
    resources = [
      "${local.store}state/*",
      "${local.store}violations/*",
      "${local.store}evaluations/*",
      "${local.store}panes/*",
      "${local.store}report/*",
    ]
  }

  statement {
    sid       = "Tell"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.topic.arn]
  }

  statement {
    sid       = "CountSubscribers"
    actions   = ["sns:GetTopicAttributes"]
    resources = [aws_sns_topic.topic.arn]
  }

  dynamic "statement" {
    for_each = length(var.more_topic_arns) > 0 ? [var.more_topic_arns] : []

    content {
      sid       = "TellMore"
      actions   = ["sns:Publish"]
      resources = statement.value
    }
  }

  statement {
    sid       = "KeepFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.evaluator_dead_letters.arn]
  }

  dynamic "statement" {
    for_each = aws_sqs_queue.evaluate_queue

    content {
      sid       = "TakeRequests"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      resources = [statement.value.arn]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.evaluate_rules_logs.arn}:*"]
  }

  dynamic "statement" {
    for_each = var.topic_kms_key_arn != "" ? [var.topic_kms_key_arn] : []

    content {
      sid       = "EncryptForTopic"
      actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "evaluate_rules_role" {
  name_prefix          = "${var.name}-evaluate-rules-"
  assume_role_policy   = data.aws_iam_policy_document.lambda_assumes.json
  permissions_boundary = local.boundary
}

resource "aws_iam_role_policy" "evaluate_rules_role" {
  name   = "evaluate-rules"
  role   = aws_iam_role.evaluate_rules_role.id
  policy = data.aws_iam_policy_document.evaluate_rules_role.json
}

resource "aws_lambda_function" "evaluate_rules" {
  function_name    = "${var.name}-evaluate-rules"
  description      = "Judges the newest spans by the rules and tells what it finds"
  filename         = "${local.dist}/evaluate-rules.zip"
  source_code_hash = filebase64sha256("${local.dist}/evaluate-rules.zip")
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.evaluator_memory
  timeout          = var.evaluator_timeout
  role             = aws_iam_role.evaluate_rules_role.arn

  # -1 is the provider's word for no reservation; 0 would be a function that never runs.
  reserved_concurrent_executions = var.evaluator_reserved_concurrency == 0 ? -1 : var.evaluator_reserved_concurrency

  # A function leaves its subnets with the permissions of its role, which must be there that long.
  depends_on = [aws_iam_role_policy.evaluate_rules_role]

  dynamic "vpc_config" {
    for_each = local.network_of["evaluate-rules"]

    content {
      subnet_ids         = vpc_config.value.subnets
      security_group_ids = vpc_config.value.groups
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.evaluate_rules_logs.name
  }

  environment {
    # What is not given is not set: the defaults are the program's, in one place.
    variables = { for name, value in {
      FLUO_STORE                  = "s3://${local.bucket_name}/${var.store_prefix}"
      FLUO_RULES                  = var.rules_location
      FLUO_TOPIC_ARN              = aws_sns_topic.topic.arn
      FLUO_TOPICS                 = var.more_topics
      FLUO_TRACE_URL              = var.trace_url
      FLUO_EVAL_DELAY             = var.eval_delay
      FLUO_ALLOWED_LATENESS       = var.allowed_lateness
      FLUO_STALE_AFTER            = var.stale_after
      FLUO_MAX_CATCH_UP           = var.max_catch_up
      FLUO_DELIVERY_LIMIT         = var.delivery_limit
      FLUO_RULE_TIME              = var.rule_time
      FLUO_RULE_MEMORY_MIB        = var.rule_memory_mib
      FLUO_SET_ASIDE_PERCENT      = var.set_aside_percent
      FLUO_TROUBLE_SEVERITY       = var.trouble_severity
      FLUO_COLUMNS                = var.columns
      FLUO_PAGE                   = var.page
      OTEL_EXPORTER_OTLP_ENDPOINT = var.traces_endpoint
    } : name => value if value != "" }
  }
}

resource "aws_sqs_queue" "evaluator_dead_letters" {
  name                      = "${var.name}-evaluate-rules-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  redrive_allow_policy      = jsonencode({ redrivePermission = "denyAll" })
}

resource "aws_lambda_function_event_invoke_config" "evaluate_rules_invoke_config" {
  function_name                = aws_lambda_function.evaluate_rules.function_name
  qualifier                    = "$LATEST"
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.evaluator_dead_letters.arn
    }
  }

  # Lambda tests at once whether the role may send there.
  depends_on = [aws_iam_role_policy.evaluate_rules_role]
}

resource "aws_cloudwatch_event_rule" "evaluate_rules_schedule" {
  name                = "${var.name}-evaluate-rules"
  description         = "Evaluates the rules; the event's time is the evaluation's"
  schedule_expression = "rate(1 minute)"
  state               = "ENABLED"
}

resource "aws_cloudwatch_event_target" "evaluate_rules_schedule" {
  rule      = aws_cloudwatch_event_rule.evaluate_rules_schedule.name
  target_id = "evaluate-rules"
  arn       = aws_lambda_function.evaluate_rules.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 2
  }
}

resource "aws_lambda_permission" "evaluate_rules_schedule_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.evaluate_rules.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.evaluate_rules_schedule.arn
}

# With on_arrival_seconds.

locals {
  on_arrival = var.on_arrival_seconds > 0 ? 1 : 0
}

resource "aws_sqs_queue" "evaluate_queue" {
  count                      = local.on_arrival
  name                       = "${var.name}-evaluate-rules.fifo"
  fifo_queue                 = true
  sqs_managed_sse_enabled    = true
  delay_seconds              = var.on_arrival_seconds
  visibility_timeout_seconds = var.evaluator_timeout
  message_retention_seconds  = 300
}

resource "aws_lambda_event_source_mapping" "evaluate_rules_source" {
  count                              = local.on_arrival
  event_source_arn                   = aws_sqs_queue.evaluate_queue[0].arn
  function_name                      = aws_lambda_function.evaluate_rules.function_name
  batch_size                         = 10
  maximum_batching_window_in_seconds = 0
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 2
  }

  # Lambda tests at once whether the role may read the queue.
  depends_on = [aws_iam_role_policy.evaluate_rules_role]
}
