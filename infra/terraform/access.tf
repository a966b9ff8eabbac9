# What the roles of the functions have in common, where it is needed.

locals {
  boundary = var.permissions_boundary_arn != "" ? var.permissions_boundary_arn : null
  in_vpc   = length(var.subnet_ids) > 0
  network  = local.in_vpc ? [{ subnets = var.subnet_ids, groups = var.security_group_ids }] : []

  # The subnets of each function: none, or those.
  network_of = {
    ingest-spans   = var.vpc_functions == "all" ? local.network : []
    evaluate-rules = var.vpc_functions == "all" ? local.network : []
    compact-spans  = var.vpc_functions == "all" ? local.network : []
    notify-chat    = local.network
  }
}

data "aws_iam_policy_document" "key_of_bucket" {
  dynamic "statement" {
    for_each = var.bucket_kms_key_arn != "" ? [var.bucket_kms_key_arn] : []

    content {
      sid       = "UseKeyOfBucket"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.${data.aws_partition.current.dns_suffix}"]
      }
    }
  }
}

data "aws_iam_policy_document" "of_functions" {
  for_each                = local.network_of
  source_policy_documents = [data.aws_iam_policy_document.key_of_bucket.json]

  dynamic "statement" {
    for_each = each.value

    content {
      sid = "AttachToNetwork"
      actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = each.value

    content {
      sid       = "ButNotByTheCode"
      effect    = "Deny"
      actions   = ["ec2:*"]
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}-${each.key}"]
      }
    }
  }
}

# For the role or user that the collector runs as; the module does not know which one that is.

data "aws_iam_policy_document" "collector_policy" {
  source_policy_documents = [data.aws_iam_policy_document.key_of_bucket.json]

  statement {
    sid       = "WriteRaw"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/${var.raw_prefix}*"]
  }
}

resource "aws_iam_policy" "collector_policy" {
  name_prefix = "${var.name}-collector-"
  description = "Lets an OpenTelemetry Collector write raw objects for fluo, and nothing else."
  policy      = data.aws_iam_policy_document.collector_policy.json
}

# For a collector in another account.

data "aws_iam_policy_document" "collector_role" {
  count = var.collector_principal_arn != "" ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [var.collector_principal_arn]
    }
  }
}

resource "aws_iam_role" "collector_role" {
  count                = var.collector_principal_arn != "" ? 1 : 0
  name_prefix          = "${var.name}-collector-"
  assume_role_policy   = data.aws_iam_policy_document.collector_role[0].json
  permissions_boundary = local.boundary
}

resource "aws_iam_role_policy_attachment" "collector_role" {
  count      = var.collector_principal_arn != "" ? 1 : 0
  role       = aws_iam_role.collector_role[0].name
  policy_arn = aws_iam_policy.collector_policy.arn
}
