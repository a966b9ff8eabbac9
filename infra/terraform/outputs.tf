# The outputs of ../template.yml, in snake_case.

output "bucket_name" {
  description = "The bucket. Rules go below its rules/"
  value       = aws_s3_bucket.bucket.id
}

output "topic_arn" {
  description = "The topic that everything is told on"
  value       = aws_sns_topic.topic.arn
}

output "ingest_queue_url" {
  description = "The queue of raw objects to ingest"
  value       = aws_sqs_queue.ingest_queue.url
}

output "ingest_dead_letters_url" {
  description = "Where messages go that could not be ingested"
  value       = aws_sqs_queue.ingest_dead_letters.url
}

output "collector_policy_arn" {
  description = "The policy to attach to the collector's role"
  value       = aws_iam_policy.collector_policy.arn
}

output "collector_environment" {
  description = "The environment of infra/collector/agent.yml and gateway.yml"
  value       = "FLUO_BUCKET=${aws_s3_bucket.bucket.id} AWS_REGION=${local.region}"
}

output "collector_exporter" {
  description = "The same for a collector that you have already, under exporters; docs/collector.md has the whole of it"
  value       = "awss3: {marshaler: otlp_proto, s3uploader: {region: ${local.region}, s3_bucket: ${aws_s3_bucket.bucket.id}, s3_prefix: raw, s3_partition_timezone: UTC, unique_key_func_name: uuidv7, compression: zstd}, timeout: 30s, sending_queue: {batch: {flush_timeout: 10s, min_size: 8192}}}"
}

output "ingest_spans_function" {
  description = "The function that ingests"
  value       = aws_lambda_function.ingest_spans.function_name
}

output "evaluate_rules_function" {
  description = "The function that evaluates"
  value       = aws_lambda_function.evaluate_rules.function_name
}
