# All of it only without existing_bucket.
#
# A bucket with objects in it is never deleted: Terraform refuses, and so does S3. What keeps others out of it, and what
# its life cycle is, would go all the same, one after the other, before the bucket is come to: hence `prevent_destroy`
# on each. To remove the rest and keep the bucket as it is, Terraform is first made to forget these resources
# (infra/README.md, removal). The notification goes with the queue that it names.

resource "aws_s3_bucket" "bucket" {
  count         = local.makes_bucket
  bucket        = local.bucket_name
  force_destroy = false

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bucket" {
  count  = local.makes_bucket
  bucket = aws_s3_bucket.bucket[0].id

  rule {
    bucket_key_enabled = var.bucket_kms_key_arn != "" ? true : null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.bucket_kms_key_arn != "" ? "aws:kms" : "AES256"
      kms_master_key_id = var.bucket_kms_key_arn != "" ? var.bucket_kms_key_arn : null
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "bucket" {
  count                   = local.makes_bucket
  bucket                  = aws_s3_bucket.bucket[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_ownership_controls" "bucket" {
  count  = local.makes_bucket
  bucket = aws_s3_bucket.bucket[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_notification" "bucket" {
  count       = local.makes_bucket
  bucket      = aws_s3_bucket.bucket[0].id
  eventbridge = local.by_event_bridge == 1

  dynamic "queue" {
    for_each = local.by_event_bridge == 1 ? [] : [aws_sqs_queue.ingest_queue.arn]

    content {
      id            = "raw"
      queue_arn     = queue.value
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = var.raw_prefix
    }
  }

  # S3 tests whether it may send to the queue when the notification is set.
  depends_on = [aws_sqs_queue_policy.ingest_queue_policy]
}

resource "aws_s3_bucket_lifecycle_configuration" "bucket" {
  count  = local.makes_bucket
  bucket = aws_s3_bucket.bucket[0].id

  dynamic "rule" {
    for_each = {
      raw         = { prefix = var.raw_prefix, days = var.raw_days }
      spans       = { prefix = "${var.store_prefix}spans/", days = var.spans_days }
      violations  = { prefix = "${var.store_prefix}violations/", days = var.records_days }
      evaluations = { prefix = "${var.store_prefix}evaluations/", days = var.records_days }
      # A cache: what expires is read from spans again.
      panes      = { prefix = "${var.store_prefix}panes/", days = 35 }
      quarantine = { prefix = "${var.store_prefix}quarantine/", days = 30 }
      # Not state/ as a whole: the rest of it is the evaluator's memory and must never expire.
      delivered = { prefix = "${var.store_prefix}state/delivered/", days = 14 }
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

  lifecycle {
    prevent_destroy = true
  }
}

data "aws_iam_policy_document" "bucket_policy" {
  statement {
    sid       = "RefuseWhatIsNotEncryptedInTransit"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, "${local.bucket_arn}/*"]

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
  count  = local.makes_bucket
  bucket = aws_s3_bucket.bucket[0].id
  policy = data.aws_iam_policy_document.bucket_policy.json

  # Two changes of a bucket's access at once end in a conflict.
  depends_on = [aws_s3_bucket_public_access_block.bucket]

  lifecycle {
    prevent_destroy = true
  }
}
