resource "aws_s3_bucket" "bucket" {
  bucket = local.bucket_name

  # A bucket with objects in it is never deleted: Terraform refuses, and so does S3. To remove the rest and keep the
  # bucket: `terraform state rm` this resource first (infra/README.md, removal).
  force_destroy = false

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "bucket" {
  bucket                  = aws_s3_bucket.bucket.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_notification" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  queue {
    id            = "raw"
    queue_arn     = aws_sqs_queue.ingest_queue.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "raw/"
  }

  # S3 tests whether it may send to the queue when the notification is set.
  depends_on = [aws_sqs_queue_policy.ingest_queue_policy]
}

resource "aws_s3_bucket_lifecycle_configuration" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  dynamic "rule" {
    for_each = {
      raw         = { prefix = "raw/", days = var.raw_days }
      spans       = { prefix = "spans/", days = var.spans_days }
      violations  = { prefix = "violations/", days = var.records_days }
      evaluations = { prefix = "evaluations/", days = var.records_days }
      quarantine  = { prefix = "quarantine/", days = 30 }
      # Not state/ as a whole: the rest of it is the evaluator's memory and must never expire.
      delivered = { prefix = "state/delivered/", days = 14 }
    }

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      expiration {
        days = rule.value.days
      }
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "bucket_policy" {
  statement {
    sid       = "RefuseWhatIsNotEncryptedInTransit"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.bucket.arn, "${aws_s3_bucket.bucket.arn}/*"]

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

resource "aws_s3_bucket_policy" "bucket_policy" {
  bucket = aws_s3_bucket.bucket.id
  policy = data.aws_iam_policy_document.bucket_policy.json

  # Two changes of a bucket's access at once end in a conflict.
  depends_on = [aws_s3_bucket_public_access_block.bucket]
}

data "aws_iam_policy_document" "collector_policy" {
  statement {
    sid       = "WriteRaw"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.bucket.arn}/raw/*"]
  }
}

resource "aws_iam_policy" "collector_policy" {
  name_prefix = "${var.name}-collector-"
  description = "Lets an OpenTelemetry Collector write raw objects for fluo, and nothing else."
  policy      = data.aws_iam_policy_document.collector_policy.json
}
