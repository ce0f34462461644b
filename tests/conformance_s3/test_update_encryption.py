"""UpdateObjectEncryption: another key for an object in place, its bytes and its version untouched."""

from typing import Any

import pytest

from tests.conformance.behaviour import behaviour
from tests.conformance.world import id_of

from .test_customer_keys import KEY
from .test_encryption import under
from .test_object_lock import held, retained
from .world import S3World, Stored

SOURCES = ("s3:UpdateObjectEncryption", "facts 5.3", "guide: update-sse-encryption")


def wanted(arn: str, **more: Any) -> dict[str, Any]:
    return {"ObjectEncryption": {"SSEKMS": {"KMSKeyArn": arn, **more}}}


@behaviour(*SOURCES)
@pytest.mark.parametrize("before", ["AES256", "aws:kms"])
def test_the_key_changes_and_nothing_else(world: S3World, before: str) -> None:
    arn = world.buckets.other_kms_key
    encryption = {"ServerSideEncryption": "AES256"} if before == "AES256" else under(world.buckets.kms_key)
    one = world.put(world.versioned, b"secret", **encryption, Metadata={"a": "1"}, Tagging="t=1")
    picture = world.picture(one.at)

    world.s3.update_object_encryption(**one.at, **wanted(arn))

    after = world.picture(one.at)
    assert (after.pop("ServerSideEncryption"), after.pop("SSEKMSKeyId")) == ("aws:kms", arn)
    assert after == {
        name: value for name, value in picture.items() if name not in ("ServerSideEncryption", "SSEKMSKeyId")
    }
    assert len(world.versions(one.bucket, one.key)) == 1


@behaviour(*SOURCES)
def test_an_older_version_is_changed_by_its_id(world: S3World) -> None:
    first = world.put(world.versioned, b"first")
    second = world.put(first.bucket, b"second", first.key)

    world.s3.update_object_encryption(**first.there, **wanted(world.buckets.kms_key))

    assert world.head(first.there)["SSEKMSKeyId"] == world.buckets.kms_key
    assert world.head(second.there)["ServerSideEncryption"] == "AES256"


@behaviour(*SOURCES)
def test_a_bucket_key_is_used_only_where_it_is_asked_for(world: S3World) -> None:
    one, two = world.put(world.plain), world.put(world.plain)

    world.s3.update_object_encryption(**one.at, **wanted(world.buckets.kms_key))
    world.s3.update_object_encryption(**two.at, **wanted(world.buckets.kms_key, BucketKeyEnabled=True))

    assert "BucketKeyEnabled" not in world.head(one.at)
    assert world.head(two.at)["BucketKeyEnabled"] is True
    assert world.body(two.at) == b"data"


@behaviour(*SOURCES)
@pytest.mark.parametrize("form", ["id", "alias"])
def test_the_key_is_named_by_its_full_arn(world: S3World, form: str) -> None:
    one = world.put(world.plain)
    arn = world.buckets.kms_key
    name = arn.rpartition("/")[2] if form == "id" else f"{arn.rpartition(':')[0]}:alias/aws/s3"

    world.refused("InvalidRequest", 400, world.s3.update_object_encryption, **one.at, **wanted(name))

    assert world.head(one.at)["ServerSideEncryption"] == "AES256"


@behaviour(*SOURCES)
@pytest.mark.parametrize("kind", ["dual layer", "customer's key"])
def test_other_encryptions_cannot_be_changed_in_place(world: S3World, kind: str) -> None:
    dual = {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": world.buckets.kms_key}
    one = world.put(world.plain, b"secret", **(dual if kind == "dual layer" else KEY))

    world.refused("InvalidRequest", 400, world.s3.update_object_encryption, **one.at, **wanted(world.buckets.kms_key))


@behaviour(*SOURCES)
@pytest.mark.parametrize("lock", [retained, held], ids=["retention", "legal hold"])
def test_a_locked_object_keeps_its_key(world: S3World, lock: Any) -> None:
    one: Stored = lock(world)

    world.refused("AccessDenied", 403, world.s3.update_object_encryption, **one.there, **wanted(world.buckets.kms_key))

    assert world.head(one.there)["ServerSideEncryption"] == "AES256"


@behaviour(*SOURCES, assumed="that the old key must be usable, and the code; the key is needed to unwrap (facts 5.3)")
def test_a_disabled_old_key_cannot_be_left(world: S3World) -> None:
    arn = world.buckets.new_key()
    one = world.put(world.plain, b"secret", **under(arn))
    world.kms.disable_key(KeyId=id_of(arn))

    world.refused(
        "KMS.DisabledException", 400, world.s3.update_object_encryption, **one.at, **wanted(world.buckets.kms_key)
    )

    assert world.head(one.at)["SSEKMSKeyId"] == arn


@behaviour(*SOURCES, assumed="the code of a new key that cannot be used")
def test_a_disabled_new_key_changes_nothing(world: S3World) -> None:
    arn = world.buckets.new_key()
    one = world.put(world.plain, b"secret")
    world.kms.disable_key(KeyId=id_of(arn))

    world.refused("KMS.DisabledException", 400, world.s3.update_object_encryption, **one.at, **wanted(arn))

    assert world.head(one.at)["ServerSideEncryption"] == "AES256"


@behaviour("s3:UpdateObjectEncryption")
def test_an_absent_object_has_no_key_to_change(world: S3World) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    world.refused("NoSuchKey", 404, world.s3.update_object_encryption, **at, **wanted(world.buckets.kms_key))


@behaviour(*SOURCES)
def test_after_a_change_the_new_key_opens_the_object_and_the_old_one_is_not_needed(world: S3World) -> None:
    old = world.buckets.new_key()
    one = world.put(world.plain, b"secret", **under(old))

    world.s3.update_object_encryption(**one.at, **wanted(world.buckets.kms_key))
    world.kms.disable_key(KeyId=id_of(old))

    assert world.body(one.at) == b"secret"
