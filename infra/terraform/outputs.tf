# The outputs of ../template.yml, in snake_case.

output "bucket_name" {
  description = "The bucket"
  value       = local.bucket_name

  # With its settings.
  depends_on = [aws_s3_bucket.bucket]
}

output "rules_uri" {
  description = "Where the rules go, unless they are part of the function"
  value       = "s3://${local.bucket_name}/${var.store_prefix}${var.rules_location}/"
}

output "topic_arn" {
  description = "The topic that everything is told on"
  value       = aws_sns_topic.topic.arn
}

output "topic_dead_letters_arn" {
  description = "The queue for what a subscription could not deliver; for the redrive policy of your own subscriptions"
  value       = aws_sqs_queue.topic_dead_letters.arn
}

output "who_is_told" {
  description = "Whom this stack subscribes to the topic. To see who is subscribed and has confirmed, see infra/README.md"
  value = coalesce(join(", ", compact([
    var.email_address != "" ? "${var.email_address} (once the mail of AWS is confirmed)" : "",
    local.has_slack == 1 ? "Slack channel ${var.slack_channel_id}" : "",
    local.has_teams == 1 ? "Teams channel ${var.teams_channel_id}" : "",
    local.has_chat == 1 ? "the sinks of notify-chat" : "",
  ])), "NOBODY, unless somebody subscribes: see infra/README.md, who is told")
}

output "ingest_queue_url" {
  description = "The queue of raw objects to ingest"
  value       = aws_sqs_queue.ingest_queue.url
}

output "ingest_queue_arn" {
  description = "The same, for the notification of an existing bucket"
  value       = aws_sqs_queue.ingest_queue.arn
}

output "ingest_dead_letters_url" {
  description = "Where messages go that could not be ingested"
  value       = aws_sqs_queue.ingest_dead_letters.url
}

output "collector_policy_arn" {
  description = "The policy to attach to the collector's role"
  value       = aws_iam_policy.collector_policy.arn
}

output "collector_role_arn" {
  description = "The role that a collector of another account assumes"
  value       = one(aws_iam_role.collector_role[*].arn)
}

output "collector_environment" {
  description = "The environment of infra/collector/agent.yml and gateway.yml"
  value       = "FLUO_BUCKET=${local.bucket_name} S3_PREFIX=${var.raw_prefix} AWS_REGION=${local.region}"
}

output "collector_exporter" {
  description = "The same for a collector that you have already, under exporters; docs/collector.md has the whole of it"
  value       = "awss3: {marshaler: otlp_proto, s3uploader: {region: ${local.region}, s3_bucket: ${local.bucket_name}, s3_prefix: ${var.raw_prefix}, s3_partition_timezone: UTC, unique_key_func_name: uuidv7, compression: zstd}, timeout: 30s, sending_queue: {sizer: bytes, queue_size: 100000000, batch: {flush_timeout: 10s, min_size: 2400000, max_size: 20000000}}}"
}

output "ingest_spans_function" {
  description = "The function that ingests"
  value       = aws_lambda_function.ingest_spans.function_name
}

output "compact_spans_function" {
  description = "The function that compacts"
  value       = aws_lambda_function.compact_spans.function_name
}

output "evaluate_rules_function" {
  description = "The function that evaluates"
  value       = aws_lambda_function.evaluate_rules.function_name
}
