# Everything that fluo needs in an AWS account: the resources of ../template.yml, for those who use Terraform.
#
# Resource `IngestQueue` of the template is `ingest_queue` here. Why things are as they are is written there, once;
# comments here are about what Terraform does differently. tests/infra holds the two against each other: a change goes
# into both.
#
#   storage.tf     bucket, its life cycle and notification
#   access.tf      what the functions' roles have in common; the collector's policy and role
#   ingest.tf      queue ─▶ ingest-spans
#   evaluation.tf  schedule ─▶ evaluate-rules
#   compaction.tf  schedule ─▶ compact-spans
#   topic.tf       topic, e-mail, Amazon Q Developer in chat applications
#   notify.tf      queue ─▶ notify-chat, only with chat_sinks
#   alarms.tf
#
# The caller configures the provider. A bucket must survive a `terraform destroy`, as it survives the deletion of a
# stack, and what keeps others out of it must survive with it: see `prevent_destroy` in storage.tf.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  # `name` is deprecated from provider 6 on and `id` is there in both.
  region = data.aws_region.current.id

  makes_bucket    = var.existing_bucket == "" ? 1 : 0
  own_bucket      = var.bucket_name != "" ? var.bucket_name : "${var.name}-${local.account}-${local.region}"
  bucket_name     = local.makes_bucket == 1 ? local.own_bucket : var.existing_bucket
  bucket_arn      = "arn:${local.partition}:s3:::${local.bucket_name}"
  store           = "${local.bucket_arn}/${var.store_prefix}"
  by_event_bridge = var.raw_events == "eventbridge" ? 1 : 0
  sqs_arn         = "arn:${local.partition}:sqs:${local.region}:${local.account}"

  dist        = var.functions_dir != "" ? var.functions_dir : "${path.module}/../dist"
  alarm_topic = var.alarm_topic_arn != "" ? var.alarm_topic_arn : aws_sns_topic.topic.arn
  has_chat    = var.chat_sinks != "" ? 1 : 0
  has_slack   = var.slack_workspace_id != "" && var.slack_channel_id != "" ? 1 : 0
  has_teams   = var.teams_tenant_id != "" && var.teams_team_id != "" && var.teams_channel_id != "" ? 1 : 0
  has_channel = max(local.has_slack, local.has_teams)
}

data "aws_iam_policy_document" "lambda_assumes" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}
