# What each means and what to do is in ../README.md; why the numbers are what they are, in ../template.yml.

resource "aws_cloudwatch_metric_alarm" "missed_evaluation_alarm" {
  alarm_name          = "${var.name}-missed-evaluation"
  alarm_description   = "fluo has evaluated no rules for five minutes: nobody is told anything. See infra/README.md, alarms."
  namespace           = "fluo"
  metric_name         = "Evaluations"
  dimensions          = { FunctionName = aws_lambda_function.evaluate_rules.function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "evaluation_lag_alarm" {
  alarm_name          = "${var.name}-evaluation-lag"
  alarm_description   = "fluo evaluates, but is behind the clock: people are told late. See infra/README.md, alarms."
  namespace           = "fluo"
  metric_name         = "EvaluationLag"
  dimensions          = { FunctionName = aws_lambda_function.evaluate_rules.function_name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.evaluation_lag_seconds
  treat_missing_data  = "ignore"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "undelivered_alarm" {
  alarm_name          = "${var.name}-undelivered"
  alarm_description   = "fluo found something and cannot tell it: a sink or the topic refuses. See infra/README.md, alarms."
  namespace           = "fluo"
  metric_name         = "NotificationsFailed"
  dimensions          = { FunctionName = aws_lambda_function.evaluate_rules.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "nobody_subscribed_alarm" {
  alarm_name          = "${var.name}-nobody-subscribed"
  alarm_description   = "Nobody is subscribed to fluo's topic, or nobody has confirmed: nobody is told anything. See infra/README.md, alarms."
  namespace           = "fluo"
  metric_name         = "SubscriptionsConfirmed"
  dimensions          = { FunctionName = aws_lambda_function.evaluate_rules.function_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "ignore"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "topic_failures_alarm" {
  alarm_name          = "${var.name}-topic-failures"
  alarm_description   = "The topic could not bring a message to one of its subscribers. See infra/README.md, alarms."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  dimensions          = { TopicName = aws_sns_topic.topic.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "topic_dead_letters_alarm" {
  alarm_name          = "${var.name}-topic-dead-letters"
  alarm_description   = "A message never reached one of the topic's subscribers, and is kept. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.topic_dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "ingest_lag_alarm" {
  alarm_name          = "${var.name}-ingest-lag"
  alarm_description   = "Raw objects wait too long to be ingested: rules do not see their spans. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.ingest_queue.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.ingest_lag_seconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "on_arrival_lag_alarm" {
  count               = local.on_arrival
  alarm_name          = "${var.name}-on-arrival-lag"
  alarm_description   = "Nothing is evaluated when spans arrive, or late: people are told with the next minute. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.evaluate_queue[0].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 120
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "notify_lag_alarm" {
  count               = local.has_chat
  alarm_name          = "${var.name}-notify-lag"
  alarm_description   = "A notification waits for notify-chat: a receiver refuses it or does not answer. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.notify_queue[0].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 300
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "ingest_spans_errors_alarm" {
  alarm_name          = "${var.name}-ingest-spans-errors"
  alarm_description   = "ingest-spans crashes or runs out of time or memory. See infra/README.md, alarms."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.ingest_spans.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "evaluate_rules_errors_alarm" {
  alarm_name          = "${var.name}-evaluate-rules-errors"
  alarm_description   = "evaluate-rules crashes or runs out of time or memory. See infra/README.md, alarms."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.evaluate_rules.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "compact_spans_errors_alarm" {
  alarm_name          = "${var.name}-compact-spans-errors"
  alarm_description   = "compact-spans crashes or runs out of time or memory. See infra/README.md, alarms."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.compact_spans.function_name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "notify_chat_errors_alarm" {
  count               = local.has_chat
  alarm_name          = "${var.name}-notify-chat-errors"
  alarm_description   = "notify-chat crashes or runs out of time, or cannot read its secrets. See infra/README.md, alarms."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.notify_chat[0].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "ingest_spans_throttles_alarm" {
  alarm_name          = "${var.name}-ingest-spans-throttles"
  alarm_description   = "ingest-spans is throttled: the account's Lambda concurrency is used up. See infra/README.md, alarms."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.ingest_spans.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "ingest_dead_letters_alarm" {
  alarm_name          = "${var.name}-ingest-spans-dead-letters"
  alarm_description   = "Raw objects could not be ingested in five attempts; their spans are missing. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.ingest_dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "evaluator_dead_letters_alarm" {
  alarm_name          = "${var.name}-evaluate-rules-dead-letters"
  alarm_description   = "An evaluation failed twice, a minute apart. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.evaluator_dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "compactor_dead_letters_alarm" {
  alarm_name          = "${var.name}-compact-spans-dead-letters"
  alarm_description   = "A compaction failed twice. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.compactor_dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "notify_dead_letters_alarm" {
  count               = local.has_chat
  alarm_name          = "${var.name}-notify-chat-dead-letters"
  alarm_description   = "Notifications could not be passed on to chat in twenty attempts. See infra/README.md, alarms."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.notify_dead_letters[0].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
  ok_actions          = [local.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "quarantine_alarm" {
  alarm_name          = "${var.name}-quarantine"
  alarm_description   = "A raw object cannot be read and lies below quarantine/, with the reason beside it. See infra/README.md, alarms."
  namespace           = "fluo"
  metric_name         = "ObjectsQuarantined"
  dimensions          = { FunctionName = aws_lambda_function.ingest_spans.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.alarm_topic]
}
