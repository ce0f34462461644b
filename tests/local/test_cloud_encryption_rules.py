"""What UpdateObjectEncryption and replication do to an object's encryption (facts 5.1, 5.3)."""

import pytest

from local.cloud.gaps.encryption_rules import (
    SSE,
    SSE_BUCKET_KEY,
    SSE_CUSTOMER,
    SSE_KEY,
    RefusedError,
    is_replicated,
    replica_encryption,
    updated_encryption,
)

EAST = "arn:aws:kms:us-east-1:111122223333:key/e"
WEST = "arn:aws:kms:us-west-2:111122223333:key/w"
METADATA = {"content-language": "en"}
UNDER_KMS = {**METADATA, SSE: "aws:kms", SSE_KEY: EAST, SSE_BUCKET_KEY: "true"}


def body(arn: str, *, bucket_key: bool = False) -> bytes:
    """As botocore 1.43 writes it."""
    wanted = (
        f"<SSE-KMS><KMSKeyArn>{arn}</KMSKeyArn><BucketKeyEnabled>{str(bucket_key).lower()}</BucketKeyEnabled></SSE-KMS>"
    )
    return f'<ObjectEncryption xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{wanted}</ObjectEncryption>'.encode()


@pytest.mark.parametrize("present", [UNDER_KMS, {**METADATA, SSE: "AES256"}])
def test_the_key_changes_and_nothing_else(present: dict[str, str]) -> None:
    after = updated_encryption(present, body(WEST), region="us-west-2", is_locked=False)

    assert after == {**METADATA, SSE: "aws:kms", SSE_KEY: WEST}


def test_a_bucket_key_is_used_only_when_asked_for() -> None:
    after = updated_encryption(UNDER_KMS, body(WEST, bucket_key=True), region="us-west-2", is_locked=False)

    assert after[SSE_BUCKET_KEY] == "true"


@pytest.mark.parametrize("present", [{}, {SSE: "aws:kms:dsse", SSE_KEY: EAST}, {SSE_CUSTOMER: "AES256"}])
def test_other_kinds_of_encryption_are_refused(present: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as refusal:
        updated_encryption(present, body(EAST), region="us-east-1", is_locked=False)

    assert refusal.value.code == "InvalidRequest"


@pytest.mark.parametrize("arn", ["", "e", "alias/orders", "arn:aws:kms:us-east-1:111122223333:alias/orders", WEST])
def test_only_a_full_key_arn_of_the_buckets_region_is_taken(arn: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        updated_encryption(UNDER_KMS, body(arn), region="us-east-1", is_locked=False)

    assert refusal.value.code == "InvalidRequest"


def test_a_locked_object_is_refused() -> None:
    with pytest.raises(RefusedError) as refusal:
        updated_encryption(UNDER_KMS, body(EAST), region="us-east-1", is_locked=True)

    assert (refusal.value.code, refusal.value.status) == ("AccessDenied", 403)


def test_what_is_no_xml_is_refused() -> None:
    with pytest.raises(RefusedError) as refusal:
        updated_encryption(UNDER_KMS, b"<ObjectEncryption>", region="us-east-1", is_locked=False)

    assert refusal.value.code == "MalformedXML"


def test_a_replica_is_under_the_rules_key() -> None:
    replica = replica_encryption(UNDER_KMS, {"EncryptionConfiguration": {"ReplicaKmsKeyID": WEST}})

    assert replica == {**UNDER_KMS, SSE_KEY: WEST}


def test_a_replica_of_an_object_without_kms_stays_without() -> None:
    present = {SSE: "AES256"}

    assert replica_encryption(present, {"EncryptionConfiguration": {"ReplicaKmsKeyID": WEST}}) == present


def test_objects_under_kms_are_replicated_only_when_the_rule_says_so() -> None:
    rule = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}

    assert is_replicated(UNDER_KMS, rule)
    assert not is_replicated(UNDER_KMS, {})
    assert is_replicated({SSE: "AES256"}, {})
