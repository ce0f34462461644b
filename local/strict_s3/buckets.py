"""LocalStack's record of buckets, which one account owns here."""

from typing import Any

from localstack.aws.api.s3 import NoSuchBucket
from localstack.services.s3.models import s3_stores

ANY_REGION = "us-east-1"  # its buckets are kept for all regions together


def bucket_named(name: str) -> Any:
    """Raises S3's NoSuchBucket."""
    for account in list(s3_stores):
        if (bucket := s3_stores[account][ANY_REGION].buckets.get(name)) is not None:
            return bucket
    raise NoSuchBucket("The specified bucket does not exist", BucketName=name)


def store_of(bucket: Any) -> Any:
    """Where LocalStack keeps the tags of a bucket's objects."""
    return s3_stores[bucket.bucket_account_id][bucket.bucket_region]
