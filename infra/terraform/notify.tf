# All of it only with chat_sinks.

resource "aws_sqs_queue" "notify_queue" {
  count                      = local.has_chat
  name                       = "${var.name}-notify-chat"
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 6 * var.notify_timeout + 30
  message_retention_seconds  = 345600

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.notify_dead_letters[0].arn
    maxReceiveCount     = 20
  })
}

resource "aws_sqs_queue" "notify_dead_letters" {
  count                     = local.has_chat
  name                      = "${var.name}-notify-chat-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.sqs_arn}:${var.name}-notify-chat"]
  })
}

data "aws_iam_policy_document" "notify_queue_policy" {
  count = local.has_chat

  statement {
    sid       = "TopicSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.notify_queue[0].arn]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.topic.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "notify_queue_policy" {
  count     = local.has_chat
  queue_url = aws_sqs_queue.notify_queue[0].id
  policy    = data.aws_iam_policy_document.notify_queue_policy[0].json
}

resource "aws_sns_topic_subscription" "notify_subscription" {
  count                = local.has_chat
  topic_arn            = aws_sns_topic.topic.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.notify_queue[0].arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.topic_dead_letters.arn })
  depends_on           = [aws_sqs_queue_policy.notify_queue_policy]
}

resource "aws_cloudwatch_log_group" "notify_chat_logs" {
  count             = local.has_chat
  name              = "/aws/lambda/${var.name}-notify-chat"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "notify_chat_role" {
  count                   = local.has_chat
  source_policy_documents = [data.aws_iam_policy_document.of_functions["notify-chat"].json]

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.store_prefix}state/delivered/*"]
    }
  }

  statement {
    sid       = "MarkDelivered"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.store}state/delivered/*"]
  }

  statement {
    sid       = "TakeMessages"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.notify_queue[0].arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.notify_chat_logs[0].arn}:*"]
  }

  dynamic "statement" {
    for_each = var.chat_secrets_arn != "" ? [var.chat_secrets_arn] : []

    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue", "ssm:GetParameter"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.chat_secrets_arn != "" && var.secrets_kms_key_arn != "" ? [var.secrets_kms_key_arn] : []

    content {
      sid       = "DecryptSecrets"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "notify_chat_role" {
  count                = local.has_chat
  name_prefix          = "${var.name}-notify-chat-"
  assume_role_policy   = data.aws_iam_policy_document.lambda_assumes.json
  permissions_boundary = local.boundary
}

resource "aws_iam_role_policy" "notify_chat_role" {
  count  = local.has_chat
  name   = "notify-chat"
  role   = aws_iam_role.notify_chat_role[0].id
  policy = data.aws_iam_policy_document.notify_chat_role[0].json
}

resource "aws_lambda_function" "notify_chat" {
  count            = local.has_chat
  function_name    = "${var.name}-notify-chat"
  description      = "Passes notifications on to chat, webhooks and pagers"
  filename         = "${local.dist}/notify-chat.zip"
  source_code_hash = filebase64sha256("${local.dist}/notify-chat.zip")
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.notify_memory
  timeout          = var.notify_timeout
  role             = aws_iam_role.notify_chat_role[0].arn

  # A function leaves its subnets with the permissions of its role, which must be there that long.
  depends_on = [aws_iam_role_policy.notify_chat_role]

  dynamic "vpc_config" {
    for_each = local.network_of["notify-chat"]

    content {
      subnet_ids         = vpc_config.value.subnets
      security_group_ids = vpc_config.value.groups
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.notify_chat_logs[0].name
  }

  environment {
    variables = { for name, value in {
      FLUO_STORE                  = "s3://${local.bucket_name}/${var.store_prefix}"
      FLUO_SINKS                  = var.chat_sinks
      FLUO_SECRETS                = var.chat_secrets_arn
      OTEL_EXPORTER_OTLP_ENDPOINT = var.traces_endpoint
    } : name => value if value != "" }
  }
}

resource "aws_lambda_event_source_mapping" "notify_chat_source" {
  count                              = local.has_chat
  event_source_arn                   = aws_sqs_queue.notify_queue[0].arn
  function_name                      = aws_lambda_function.notify_chat[0].function_name
  batch_size                         = 1
  maximum_batching_window_in_seconds = 0
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.notify_concurrency
  }

  depends_on = [aws_iam_role_policy.notify_chat_role]
}
