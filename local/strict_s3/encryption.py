"""Which encryption a write is given, and UpdateObjectEncryption (facts 5.1, 5.3)."""

import re
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.aws.api.s3 import AccessDenied
from localstack.services.s3 import provider as base
from localstack.services.s3.exceptions import InvalidRequest
from localstack.services.s3.models import EncryptionParameters

from .buckets import bucket_named
from .kms_keys import KmsKeys, WrappedKey
from .storage import KMS_ALGORITHMS, encryption_context, wrapped_key

DUAL_LAYER = "aws:kms:dsse"
UPDATABLE = frozenset({"AES256", "aws:kms"})
KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+")
ANY_KMS_ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):")


def install(keys: KmsKeys) -> None:
    """Two functions of LocalStack's provider are replaced: it has no register for them.

    Its own take a key without asking KMS, know no key of a dual layer, and answer `KMS.NotFoundException` for a key id
    with another message than S3.
    """

    def parameters(request: Any, s3_bucket: Any, _store: Any) -> Any:
        return encryption_of(request, s3_bucket, keys)

    base.get_encryption_parameters_from_request_and_bucket = parameters
    base.add_encryption_to_response = add_to_response


def encryption_of(request: Any, bucket: Any, keys: KmsKeys) -> EncryptionParameters:
    """What the request says, or else the bucket's default. Under SSE-C neither."""
    if request.get("SSECustomerKey"):
        return EncryptionParameters(None, None, False)  # noqa: FBT003 - LocalStack's own signature
    rule = bucket.encryption_rule or {}
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    algorithm = request.get("ServerSideEncryption") or default.get("SSEAlgorithm")
    if algorithm not in KMS_ALGORITHMS:
        return EncryptionParameters(algorithm, None, False)  # noqa: FBT003 - as above
    key = request.get("SSEKMSKeyId") or default.get("KMSMasterKeyID") or keys.managed_key(bucket.bucket_region)
    require_region(key, bucket.bucket_region)
    given = request.get("BucketKeyEnabled")
    bucket_key = rule.get("BucketKeyEnabled", False) if given is None else given
    return EncryptionParameters(algorithm, key, bool(bucket_key) and algorithm != DUAL_LAYER)


def require_region(key: str, region: str) -> None:
    """Recorded 2026-02-21, test_s3_sse_validate_kms_key: the key of another region."""
    if (arn := ANY_KMS_ARN.match(key)) is not None and arn["region"] != region:
        raise CommonServiceException("KMS.NotFoundException", f"Invalid arn {arn['region']}", 400)


def add_to_response(response: Any, s3_object: Any) -> None:
    if s3_object.encryption:
        response["ServerSideEncryption"] = s3_object.encryption
    if s3_object.encryption in KMS_ALGORITHMS:
        response["SSEKMSKeyId"] = s3_object.kms_key_id
        if s3_object.bucket_key_enabled:
            response["BucketKeyEnabled"] = True


def update(keys: KmsKeys, bucket_name: str, s3_object: Any, wanted: Any) -> None:
    """Changes the object's encryption and nothing else. Raises S3's error, and then nothing is changed."""
    arn, bucket_key = _wanted_key(wanted, bucket_named(bucket_name).bucket_region)
    if s3_object.encryption not in UPDATABLE or s3_object.sse_key_hash:
        raise InvalidRequest("Only objects under SSE-S3 or SSE-KMS can be updated.")
    if s3_object.is_locked():
        raise AccessDenied("Access Denied because object protected by object lock.")
    wrapped = _wrapped_anew(keys, bucket_name, s3_object, arn, bucket_key=bucket_key)
    s3_object.encryption, s3_object.bucket_key_enabled = "aws:kms", bucket_key
    s3_object.wrapped_key, s3_object.kms_key_id = wrapped, wrapped.kms_key_arn


def _wrapped_anew(keys: KmsKeys, bucket_name: str, s3_object: Any, arn: str, *, bucket_key: bool) -> WrappedKey:
    """By ReEncrypt where both keys are the object's own: which calls S3 makes is not documented (UNCONFIRMED)."""
    region = bucket_named(bucket_name).bucket_region
    context = encryption_context(bucket_name, s3_object.key, bucket_key=bucket_key)
    present = wrapped_key(s3_object)
    if present is not None and not bucket_key and not present.is_bucket_key:
        return keys.re_wrap(region, present, arn, context)
    if present is not None:
        keys.open(region, present)
    return keys.generate(region, arn, context, bucket_key=bucket_key)


def _wanted_key(wanted: Any, region: str) -> tuple[str, bool]:
    given = (wanted or {}).get("SSEKMS") or {}
    arn = KEY_ARN.fullmatch(given.get("KMSKeyArn") or "")
    if arn is None:
        raise InvalidRequest("ObjectEncryption needs SSE-KMS with the full ARN of a key.")
    if arn["region"] != region:
        raise InvalidRequest(f"The key is in {arn['region']}, the bucket in {region}.")
    return arn.group(), bool(given.get("BucketKeyEnabled"))
