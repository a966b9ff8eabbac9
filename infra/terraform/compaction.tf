resource "aws_cloudwatch_log_group" "compact_spans_logs" {
  name              = "/aws/lambda/${var.name}-compact-spans"
  retention_in_days = var.log_days
}

data "aws_iam_policy_document" "compact_spans_role" {
  source_policy_documents = [data.aws_iam_policy_document.of_functions["compact-spans"].json]

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.store_prefix}spans/*", "${var.store_prefix}state/*"]
    }
  }

  statement {
    sid       = "ReadLayout"
    actions   = ["s3:GetObject"]
    resources = ["${local.store}state/layout.json"]
  }

  statement {
    sid       = "Replace"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${local.store}spans/*"]
  }

  statement {
    sid       = "KeepFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.compactor_dead_letters.arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.compact_spans_logs.arn}:*"]
  }
}

resource "aws_iam_role" "compact_spans_role" {
  name_prefix          = "${var.name}-compact-spans-"
  assume_role_policy   = data.aws_iam_policy_document.lambda_assumes.json
  permissions_boundary = local.boundary
}

resource "aws_iam_role_policy" "compact_spans_role" {
  name   = "compact-spans"
  role   = aws_iam_role.compact_spans_role.id
  policy = data.aws_iam_policy_document.compact_spans_role.json
}

resource "aws_lambda_function" "compact_spans" {
  function_name    = "${var.name}-compact-spans"
  description      = "Merges the small span files of hours that are over into few large ones"
  filename         = "${local.dist}/compact-spans.zip"
  source_code_hash = filebase64sha256("${local.dist}/compact-spans.zip")
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.compactor_memory
  timeout          = var.compactor_timeout
  role             = aws_iam_role.compact_spans_role.arn

  # A function leaves its subnets with the permissions of its role, which must be there that long.
  depends_on = [aws_iam_role_policy.compact_spans_role]

  dynamic "vpc_config" {
    for_each = local.network_of["compact-spans"]

    content {
      subnet_ids         = vpc_config.value.subnets
      security_group_ids = vpc_config.value.groups
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.compact_spans_logs.name
  }

  environment {
    # What is not given is not set: the defaults are the program's, in one place.
    variables = { for name, value in {
      FLUO_STORE                  = "s3://${local.bucket_name}/${var.store_prefix}"
      FLUO_EVAL_DELAY             = var.eval_delay
      FLUO_ALLOWED_LATENESS       = var.allowed_lateness
      OTEL_EXPORTER_OTLP_ENDPOINT = var.traces_endpoint
    } : name => value if value != "" }
  }
}

resource "aws_sqs_queue" "compactor_dead_letters" {
  name                      = "${var.name}-compact-spans-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  redrive_allow_policy      = jsonencode({ redrivePermission = "denyAll" })
}

resource "aws_lambda_function_event_invoke_config" "compact_spans_invoke_config" {
  function_name                = aws_lambda_function.compact_spans.function_name
  qualifier                    = "$LATEST"
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.compactor_dead_letters.arn
    }
  }

  # Lambda tests at once whether the role may send there.
  depends_on = [aws_iam_role_policy.compact_spans_role]
}

resource "aws_cloudwatch_event_rule" "compact_spans_schedule" {
  name                = "${var.name}-compact-spans"
  description         = "Compacts the hours that are over"
  schedule_expression = "rate(1 hour)"
  state               = "ENABLED"
}

resource "aws_cloudwatch_event_target" "compact_spans_schedule" {
  rule      = aws_cloudwatch_event_rule.compact_spans_schedule.name
  target_id = "compact-spans"
  arn       = aws_lambda_function.compact_spans.arn

  retry_policy {
    maximum_event_age_in_seconds = 600
    maximum_retry_attempts       = 2
  }
}

resource "aws_lambda_permission" "compact_spans_schedule_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.compact_spans.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.compact_spans_schedule.arn
}
