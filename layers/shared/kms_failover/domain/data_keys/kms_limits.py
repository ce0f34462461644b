"""Limits of KMS itself; apart from the rest, for a cold start needs them before it needs bundles."""

MAX_BLOB_BYTES = 6144  # a CiphertextBlob (facts 2.2)
MAX_PLAINTEXT_BYTES = 4096  # of Encrypt (facts 2.3)
MAX_DATA_KEY_BYTES = 1024  # NumberOfBytes (botocore kms:GenerateDataKey)
