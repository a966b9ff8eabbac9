resource "aws_sqs_queue" "ingest_queue" {
  name                       = "${var.name}-ingest-spans"
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 6 * var.ingest_timeout + 30
  message_retention_seconds  = 345600

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.ingest_dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "ingest_dead_letters" {
  name                      = "${var.name}-ingest-spans-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.sqs_arn}:${var.name}-ingest-spans"]
  })
}

data "aws_iam_policy_document" "ingest_queue_policy" {
  dynamic "statement" {
    for_each = local.by_event_bridge == 1 ? [] : [local.bucket_arn]

    content {
      sid       = "BucketNotifies"
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.ingest_queue.arn]

      principals {
        type        = "Service"
        identifiers = ["s3.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = aws_cloudwatch_event_rule.raw_objects_rule

    content {
      sid       = "EventBridgeSends"
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.ingest_queue.arn]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [statement.value.arn]
      }
    }
  }
}

resource "aws_sqs_queue_policy" "ingest_queue_policy" {
  queue_url = aws_sqs_queue.ingest_queue.id
  policy    = data.aws_iam_policy_document.ingest_queue_policy.json
}

# With raw_events = "eventbridge".

resource "aws_cloudwatch_event_rule" "raw_objects_rule" {
  count       = local.by_event_bridge
  name        = "${var.name}-raw-objects"
  description = "Raw objects of the bucket, for ingest-spans"
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [local.bucket_name] }
      object = { key = [{ prefix = var.raw_prefix }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "raw_objects_rule" {
  count     = local.by_event_bridge
  rule      = aws_cloudwatch_event_rule.raw_objects_rule[0].name
  target_id = "ingest-spans"
  arn       = aws_sqs_queue.ingest_queue.arn

  dead_letter_config {
    arn = aws_sqs_queue.ingest_dead_letters.arn
  }
}

data "aws_iam_policy_document" "ingest_dead_letters_policy" {
  count = local.by_event_bridge

  statement {
    sid       = "EventBridgeSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.ingest_dead_letters.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.raw_objects_rule[0].arn]
    }
  }
}

resource "aws_sqs_queue_policy" "ingest_dead_letters_policy" {
  count     = local.by_event_bridge
  queue_url = aws_sqs_queue.ingest_dead_letters.id
  policy    = data.aws_iam_policy_document.ingest_dead_letters_policy[0].json
}

resource "aws_cloudwatch_log_group" "ingest_spans_logs" {
  name              = "/aws/lambda/${var.name}-ingest-spans"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "ingest_spans_role" {
  source_policy_documents = [data.aws_iam_policy_document.of_functions["ingest-spans"].json]

  statement {
    sid       = "ReadRaw"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${local.bucket_arn}/${var.raw_prefix}*"]
  }

  statement {
    sid       = "WriteSpans"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.store}spans/*", "${local.store}quarantine/*"]
  }

  statement {
    sid       = "ReadLayout"
    actions   = ["s3:GetObject"]
    resources = ["${local.store}state/layout.json"]
  }

  statement {
    sid       = "ListState"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.store_prefix}state/*"]
    }
  }

  statement {
    sid       = "TakeMessages"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.ingest_queue.arn]
  }

  statement {
    sid     = "WriteLogs"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    # The group's streams. CloudFormation's Arn ends with this already.
    resources = ["${aws_cloudwatch_log_group.ingest_spans_logs.arn}:*"]
  }

  dynamic "statement" {
    for_each = aws_sqs_queue.evaluate_queue

    content {
      sid       = "AskForEvaluations"
      actions   = ["sqs:SendMessage"]
      resources = [statement.value.arn]
    }
  }
}

resource "aws_iam_role" "ingest_spans_role" {
  name_prefix          = "${var.name}-ingest-spans-"
  assume_role_policy   = data.aws_iam_policy_document.lambda_assumes.json
  permissions_boundary = local.boundary
}

resource "aws_iam_role_policy" "ingest_spans_role" {
  name   = "ingest-spans"
  role   = aws_iam_role.ingest_spans_role.id
  policy = data.aws_iam_policy_document.ingest_spans_role.json
}

resource "aws_lambda_function" "ingest_spans" {
  function_name    = "${var.name}-ingest-spans"
  description      = "Turns raw OTLP objects into Parquet"
  filename         = "${local.dist}/ingest-spans.zip"
  source_code_hash = filebase64sha256("${local.dist}/ingest-spans.zip")
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.ingest_memory
  timeout          = var.ingest_timeout
  role             = aws_iam_role.ingest_spans_role.arn

  # A function leaves its subnets with the permissions of its role, which must be there that long.
  depends_on = [aws_iam_role_policy.ingest_spans_role]

  dynamic "vpc_config" {
    for_each = local.network_of["ingest-spans"]

    content {
      subnet_ids         = vpc_config.value.subnets
      security_group_ids = vpc_config.value.groups
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.ingest_spans_logs.name
  }

  environment {
    variables = { for name, value in {
      FLUO_STORE = "s3://${local.bucket_name}/${var.store_prefix}"
      # What comes later than rules look at is counted.
      FLUO_EVAL_DELAY             = var.eval_delay
      FLUO_ALLOWED_LATENESS       = var.allowed_lateness
      FLUO_REQUEST_QUEUE_URL      = one(aws_sqs_queue.evaluate_queue[*].url)
      FLUO_ON_ARRIVAL             = local.on_arrival == 1 ? "${var.on_arrival_seconds}s" : ""
      OTEL_EXPORTER_OTLP_ENDPOINT = var.traces_endpoint
    } : name => value if value != null && value != "" }
  }
}

resource "aws_lambda_event_source_mapping" "ingest_spans_source" {
  event_source_arn                   = aws_sqs_queue.ingest_queue.arn
  function_name                      = aws_lambda_function.ingest_spans.function_name
  batch_size                         = var.ingest_batch_size
  maximum_batching_window_in_seconds = var.ingest_batch_window
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.ingest_concurrency
  }

  # Lambda tests at once whether the role may read the queue.
  depends_on = [aws_iam_role_policy.ingest_spans_role]
}
