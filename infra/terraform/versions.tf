terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The chat channels' resources came in 5.6x; what is tested is 5.100.
      version = ">= 5.70"
    }
  }
}
