resource "aws_sns_topic" "topic" {
  name              = var.name
  kms_master_key_id = var.topic_kms_key_arn != "" ? var.topic_kms_key_arn : null

  # Until Terraform 1.9 a variable's own validation sees no other variable.
  lifecycle {
    precondition {
      condition     = var.bucket_name == "" || var.existing_bucket == ""
      error_message = "bucket_name names the bucket that the module makes, and existing_bucket one that it does not make."
    }

    precondition {
      condition     = (length(var.subnet_ids) == 0) == (length(var.security_group_ids) == 0)
      error_message = "subnet_ids and security_group_ids are given together."
    }

    precondition {
      condition     = (var.more_topics == "") == (length(var.more_topic_arns) == 0)
      error_message = "more_topics and more_topic_arns are given together."
    }

    precondition {
      condition     = (var.slack_workspace_id == "") == (var.slack_channel_id == "")
      error_message = "slack_workspace_id and slack_channel_id are given together."
    }

    precondition {
      condition     = length(distinct([for id in [var.teams_tenant_id, var.teams_team_id, var.teams_channel_id] : id == ""])) == 1
      error_message = "teams_tenant_id, teams_team_id and teams_channel_id are given together."
    }
  }
}

data "aws_iam_policy_document" "topic_policy" {
  statement {
    sid       = "AlarmsTell"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.topic.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${var.name}-*"]
    }
  }

  statement {
    sid       = "RefuseWhatIsNotEncryptedInTransit"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.topic.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "topic_policy" {
  arn    = aws_sns_topic.topic.arn
  policy = data.aws_iam_policy_document.topic_policy.json
}

resource "aws_sqs_queue" "topic_dead_letters" {
  name                      = "${var.name}-topic-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  redrive_allow_policy      = jsonencode({ redrivePermission = "denyAll" })
}

data "aws_iam_policy_document" "topic_dead_letters_policy" {
  statement {
    sid       = "TopicSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.topic_dead_letters.arn]

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

resource "aws_sqs_queue_policy" "topic_dead_letters_policy" {
  queue_url = aws_sqs_queue.topic_dead_letters.id
  policy    = data.aws_iam_policy_document.topic_dead_letters_policy.json
}

resource "aws_sns_topic_subscription" "email_subscription" {
  count          = var.email_address != "" ? 1 : 0
  topic_arn      = aws_sns_topic.topic.arn
  protocol       = "email"
  endpoint       = var.email_address
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.topic_dead_letters.arn })
}

data "aws_iam_policy_document" "chat_role" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["chatbot.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "chat_role" {
  count                = local.has_channel
  name_prefix          = "${var.name}-chat-"
  assume_role_policy   = data.aws_iam_policy_document.chat_role.json
  permissions_boundary = local.boundary
}

data "aws_iam_policy_document" "chat_guardrail" {
  statement {
    sid       = "Nothing"
    effect    = "Deny"
    actions   = ["*"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "chat_guardrail" {
  count       = local.has_channel
  name_prefix = "${var.name}-chat-guardrail-"
  description = "Nothing can be done in AWS from the chat channels that fluo tells."
  policy      = data.aws_iam_policy_document.chat_guardrail.json
}

resource "aws_chatbot_slack_channel_configuration" "slack_channel" {
  count                 = local.has_slack
  configuration_name    = "${var.name}-slack"
  slack_team_id         = var.slack_workspace_id
  slack_channel_id      = var.slack_channel_id
  iam_role_arn          = aws_iam_role.chat_role[0].arn
  guardrail_policy_arns = [aws_iam_policy.chat_guardrail[0].arn]
  logging_level         = "ERROR"
  sns_topic_arns        = [aws_sns_topic.topic.arn]
}

resource "aws_chatbot_teams_channel_configuration" "teams_channel" {
  count                 = local.has_teams
  configuration_name    = "${var.name}-teams"
  tenant_id             = var.teams_tenant_id
  team_id               = var.teams_team_id
  channel_id            = var.teams_channel_id
  iam_role_arn          = aws_iam_role.chat_role[0].arn
  guardrail_policy_arns = [aws_iam_policy.chat_guardrail[0].arn]
  logging_level         = "ERROR"
  sns_topic_arns        = [aws_sns_topic.topic.arn]
}
