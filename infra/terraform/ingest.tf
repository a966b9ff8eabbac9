resource "aws_sqs_queue" "ingest_queue" {
  name                       = "${var.name}-ingest-spans"
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 6 * var.ingest_timeout
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
  statement {
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
      values   = [local.bucket_arn]
    }
  }
}

resource "aws_sqs_queue_policy" "ingest_queue_policy" {
  queue_url = aws_sqs_queue.ingest_queue.id
  policy    = data.aws_iam_policy_document.ingest_queue_policy.json
}

resource "aws_cloudwatch_log_group" "ingest_spans_logs" {
  name              = "/aws/lambda/${var.name}-ingest-spans"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "ingest_spans_role" {
  statement {
    sid       = "ReadRaw"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.bucket.arn}/raw/*"]
  }

  statement {
    sid       = "WriteSpans"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.bucket.arn}/spans/*", "${aws_s3_bucket.bucket.arn}/quarantine/*"]
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
}

resource "aws_iam_role" "ingest_spans_role" {
  name_prefix        = "${var.name}-ingest-spans-"
  assume_role_policy = data.aws_iam_policy_document.lambda_assumes.json
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

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.ingest_spans_logs.name
  }

  environment {
    variables = { for name, value in {
      FLUO_STORE = "s3://${aws_s3_bucket.bucket.id}"
      # What comes later than rules look at is counted.
      FLUO_EVAL_DELAY             = var.eval_delay
      FLUO_ALLOWED_LATENESS       = var.allowed_lateness
      OTEL_EXPORTER_OTLP_ENDPOINT = var.traces_endpoint
    } : name => value if value != "" }
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
