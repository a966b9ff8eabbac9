terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The chat channels' resources came shortly before 5.70; what is tested is 5.100.
      version = ">= 5.70"
    }
  }
}
