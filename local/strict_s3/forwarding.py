"""Headers between S3, the gateway and KMS. S3 says for whom it calls KMS: it cannot sign for its caller."""

ON_BEHALF_OF = "x-local-on-behalf-of"  # an access key id, or the ARN of a role
VIA_SERVICE = "x-local-via-service"  # as in the condition key kms:ViaService
WITHIN = "x-local-within"  # a read of the gateway itself, for which KMS is not asked
