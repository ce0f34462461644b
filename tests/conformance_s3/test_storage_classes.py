"""Storage classes, archives and their restoring."""

import pytest

from tests.conformance.behaviour import behaviour

from .test_encryption import under
from .world import S3World

ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
READ_AT_ONCE = ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY")
NOT_VALID = "The operation is not valid for the object's storage class"
DAYS = {"Days": 1, "GlacierJobParameters": {"Tier": "Bulk"}}


@behaviour("recorded: test_put_object_storage_class, 2026-02-21")
@pytest.mark.parametrize("storage_class", READ_AT_ONCE)
def test_a_class_is_kept_and_read_at_once(world: S3World, storage_class: str) -> None:
    one = world.put(world.plain, b"data", StorageClass=storage_class)

    assert world.head(one.at)["StorageClass"] == storage_class
    assert world.body(one.at) == b"data"


@behaviour("recorded: test_put_object_storage_class, 2026-02-21")
def test_the_standard_class_is_not_named_by_a_head(world: S3World) -> None:
    one = world.put(world.plain, b"data", StorageClass="STANDARD")

    attributes = world.s3.get_object_attributes(**one.at, ObjectAttributes=["StorageClass"])

    assert "StorageClass" not in world.head(one.at)
    assert attributes["StorageClass"] == "STANDARD"


@behaviour("recorded: test_put_object_storage_class, 2026-02-21")
@pytest.mark.parametrize("storage_class", ARCHIVES)
def test_an_archived_object_is_told_by_a_head_and_not_read(world: S3World, storage_class: str) -> None:
    one = world.put(world.plain, b"data", StorageClass=storage_class)

    error = world.refused("InvalidObjectState", 403, world.s3.get_object, **one.at)

    assert (error["Message"], error["StorageClass"]) == (NOT_VALID, storage_class)
    assert world.head(one.at)["StorageClass"] == storage_class


@behaviour("s3:CopyObject", assumed="the code: the model names ObjectNotInActiveTierError, reports InvalidObjectState")
@pytest.mark.parametrize("storage_class", ARCHIVES)
def test_an_archived_object_is_not_copied(world: S3World, storage_class: str) -> None:
    one = world.put(world.plain, b"data", StorageClass=storage_class)
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    world.refused("InvalidObjectState", 403, world.s3.copy_object, **at, **one.source)
    world.refused("InvalidObjectState", 403, world.s3.copy_object, **one.at, **one.source, MetadataDirective="REPLACE")

    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_s3_get_deep_archive_object_restore, 2026-02-21")
def test_a_restore_is_begun_once(world: S3World) -> None:
    one = world.put(world.plain, b"data", StorageClass="GLACIER")

    answer = world.s3.restore_object(**one.at, RestoreRequest=DAYS)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert world.head(one.at)["Restore"].startswith("ongoing-request=")


@behaviour("s3:RestoreObject")
def test_what_is_not_archived_cannot_be_restored(world: S3World) -> None:
    one = world.put(world.plain, b"data")

    world.refused("InvalidObjectState", 403, world.s3.restore_object, **one.at, RestoreRequest=DAYS)


@behaviour("recorded: test_put_object_storage_class_outposts, 2026-02-21")
@pytest.mark.parametrize("storage_class", ["OUTPOSTS", "NO-SUCH-CLASS"])
def test_a_class_that_is_none_is_refused(world: S3World, storage_class: str) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("InvalidStorageClass", 400, world.s3.put_object, **at, StorageClass=storage_class)

    assert error["Message"] == "The storage class you specified is not valid"


@behaviour("facts 5.3", "guide: update-sse-encryption")
@pytest.mark.parametrize("storage_class", ARCHIVES)
def test_the_key_of_an_archived_object_changes_in_place(world: S3World, storage_class: str) -> None:
    one = world.put(world.plain, b"data", StorageClass=storage_class, **under(world.buckets.kms_key))
    arn = world.buckets.other_kms_key

    world.s3.update_object_encryption(**one.at, ObjectEncryption={"SSEKMS": {"KMSKeyArn": arn}})

    head = world.head(one.at)
    assert (head["SSEKMSKeyId"], head["StorageClass"]) == (arn, storage_class)
