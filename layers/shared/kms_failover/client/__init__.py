"""FailoverKms, a drop-in for the boto3 KMS client, and what it stands on."""
