resource "aws_sns_topic" "topic" {
  name              = var.name
  kms_master_key_id = var.topic_kms_key_arn != "" ? var.topic_kms_key_arn : null
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

resource "aws_sns_topic_subscription" "email_subscription" {
  count     = var.email_address != "" ? 1 : 0
  topic_arn = aws_sns_topic.topic.arn
  protocol  = "email"
  endpoint  = var.email_address
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
  count              = local.has_channel
  name_prefix        = "${var.name}-chat-"
  assume_role_policy = data.aws_iam_policy_document.chat_role.json
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
