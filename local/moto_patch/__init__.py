"""The strict KMS as a patch for moto: switched on by `mock_aws(config={"kms": {"strict": True}})`."""
