"""Server-side encryption: which key a write takes, and that S3 asks KMS whenever it opens an object."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour
from tests.conformance.world import id_of

from .uploads import Upload
from .world import S3World, Stored

KMS = "aws:kms"
ABSENT_KEY = "134f2428-cec1-4b25-a1ae-9048164dba47"


def under(arn: str, **more: Any) -> dict[str, Any]:
    return {"ServerSideEncryption": KMS, "SSEKMSKeyId": arn, **more}


def with_rule(world: S3World, rule: dict[str, Any], *, bucket_key: bool = False) -> str:
    """A bucket of its own with this default."""
    bucket = world.buckets.new()
    rules = [{"ApplyServerSideEncryptionByDefault": rule, "BucketKeyEnabled": bucket_key}]
    world.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    return bucket


# --- which key --------------------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_default_bucket_encryption, 2026-02-21")
def test_without_a_word_objects_are_under_sse_s3(world: S3World) -> None:
    one = world.put(world.plain)
    rules = world.s3.get_bucket_encryption(Bucket=world.plain)["ServerSideEncryptionConfiguration"]["Rules"]

    assert world.head(one.at)["ServerSideEncryption"] == "AES256"
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21")
def test_an_object_under_a_key_names_the_keys_arn(world: S3World) -> None:
    arn = world.buckets.kms_key
    one = world.put(world.plain, b"secret", **under(arn.rpartition("/")[2]))

    head = world.head(one.at)

    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == (KMS, arn)
    assert "BucketKeyEnabled" not in head
    assert world.body(one.at) == b"secret"


@behaviour("recorded: test_s3_sse_bucket_key_default, 2026-02-21", "facts 5.4")
def test_the_etag_of_an_object_under_kms_is_not_that_of_its_body(world: S3World) -> None:
    plain, one, two = (world.put(world.plain, b"secret", **more) for more in ({}, *[under(world.buckets.kms_key)] * 2))

    assert len({plain.etag, one.etag, two.etag}) == 3
    assert world.head(one.at)["ETag"] == one.etag


@behaviour("recorded: test_s3_sse_default_kms_key, 2026-02-21")
def test_without_a_key_kms_takes_the_aws_managed_key_of_s3(world: S3World) -> None:
    one = world.put(world.plain, ServerSideEncryption=KMS)

    managed = world.kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]

    assert world.head(one.at)["SSEKMSKeyId"] == managed["Arn"]


@behaviour("recorded: test_s3_bucket_encryption_sse_kms, 2026-02-21")
@pytest.mark.parametrize("bucket_key", [True, False], ids=["bucket key", "no bucket key"])
def test_a_bucket_gives_its_key_to_objects_without_one(world: S3World, *, bucket_key: bool) -> None:
    arn = world.buckets.kms_key
    bucket = with_rule(world, {"SSEAlgorithm": KMS, "KMSMasterKeyID": arn}, bucket_key=bucket_key)

    head = world.head(world.put(bucket).at)

    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == (KMS, arn)
    assert head.get("BucketKeyEnabled", False) is bucket_key


@behaviour("recorded: test_s3_bucket_encryption_sse_kms_aws_managed_key, 2026-02-21")
def test_a_bucket_under_kms_without_a_key_gives_the_aws_managed_one(world: S3World) -> None:
    bucket = with_rule(world, {"SSEAlgorithm": KMS}, bucket_key=True)

    head = world.head(world.put(bucket).at)

    assert head["SSEKMSKeyId"] == world.kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]


@behaviour("s3:PutObject")
def test_a_request_goes_before_the_default_of_its_bucket(world: S3World) -> None:
    bucket = with_rule(world, {"SSEAlgorithm": KMS, "KMSMasterKeyID": world.buckets.kms_key})

    plain = world.head(world.put(bucket, ServerSideEncryption="AES256").at)
    other = world.head(world.put(bucket, **under(world.buckets.other_kms_key)).at)

    assert (plain["ServerSideEncryption"], "SSEKMSKeyId" in plain) == ("AES256", False)
    assert other["SSEKMSKeyId"] == world.buckets.other_kms_key


@behaviour("recorded: test_s3_sse_bucket_key_default, 2026-02-21")
def test_a_new_default_leaves_objects_as_they_are(world: S3World) -> None:
    bucket = world.buckets.new()
    one = world.put(bucket)
    rule = {"SSEAlgorithm": KMS, "KMSMasterKeyID": world.buckets.kms_key}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]

    world.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})

    assert world.head(one.at)["ServerSideEncryption"] == "AES256"


@behaviour("recorded: test_s3_default_bucket_encryption_exc, 2026-02-21")
def test_a_default_of_sse_s3_has_no_key(world: S3World) -> None:
    rule = {"SSEAlgorithm": "AES256", "KMSMasterKeyID": world.buckets.kms_key}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]

    error = world.refused(
        "InvalidArgument",
        400,
        world.s3.put_bucket_encryption,
        Bucket=world.plain,
        ServerSideEncryptionConfiguration={"Rules": rules},
    )

    assert error["ArgumentName"] == "ApplyServerSideEncryptionByDefault"


@behaviour("guide: UsingDSSEncryption", "guide: bucket-key")
def test_a_dual_layer_names_its_key_and_has_no_bucket_key(world: S3World) -> None:
    arn = world.buckets.kms_key
    one = world.put(world.plain, b"secret", ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=arn)

    head = world.head(one.at)

    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms:dsse", arn)
    assert "BucketKeyEnabled" not in head
    assert world.body(one.at) == b"secret"


@behaviour("recorded: test_s3_multipart_upload_sse, 2026-02-21")
def test_an_upload_in_parts_is_under_the_key_of_its_start(world: S3World) -> None:
    upload = Upload(world, world.plain, **under(world.buckets.kms_key, BucketKeyEnabled=True))
    upload.put(b"secret")

    completed = upload.complete()

    assert (completed["SSEKMSKeyId"], completed["BucketKeyEnabled"]) == (world.buckets.kms_key, True)
    assert world.body(upload.at) == b"secret"


# --- keys that cannot be used -----------------------------------------------------------------------------------


@behaviour("recorded: test_s3_sse_validate_kms_key, 2026-02-21")
@pytest.mark.parametrize("write", ["put", "copy", "upload"])
def test_a_write_under_a_key_id_of_the_wrong_form_is_refused(world: S3World, write: str) -> None:
    error = world.refused("KMS.NotFoundException", 400, _written(world, write, "fake-key-id"))

    assert error["Message"] == "Invalid keyId 'fake-key-id'"


@behaviour("recorded: test_s3_sse_validate_kms_key, 2026-02-21")
@pytest.mark.parametrize("write", ["put", "copy"])
def test_a_write_under_an_absent_key_is_refused(world: S3World, write: str) -> None:
    error = world.refused("KMS.NotFoundException", 400, _written(world, write, ABSENT_KEY))

    absent = f"{world.buckets.kms_key.rpartition('/')[0]}/{ABSENT_KEY}"
    assert error["Message"] == f"Key '{absent}' does not exist"


@behaviour("recorded: test_s3_sse_validate_kms_key, 2026-02-21")
@pytest.mark.parametrize("write", ["put", "copy"])
def test_a_write_under_a_key_of_another_region_is_refused(world: S3World, write: str) -> None:
    arn = world.buckets.new_key(world.target.away)

    error = world.refused("KMS.NotFoundException", 400, _written(world, write, arn))

    assert error["Message"] == f"Invalid arn {world.target.away}"


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21")
def test_a_disabled_key_refuses_reading_and_writing(world: S3World) -> None:
    arn, one = _own_key(world)
    world.kms.disable_key(KeyId=id_of(arn))

    get = world.refused("KMS.DisabledException", 400, world.s3.get_object, **one.at)
    world.refused("KMS.DisabledException", 400, _written(world, "put", arn))
    world.refused("KMS.DisabledException", 400, _written(world, "copy", arn))

    assert get["Message"] == f"{arn} is disabled."


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "s3:HeadObject")
def test_a_head_does_not_ask_kms(world: S3World) -> None:
    arn, one = _own_key(world)
    world.kms.disable_key(KeyId=id_of(arn))
    world.refused("KMS.DisabledException", 400, world.s3.get_object, **one.at)

    assert world.head(one.at)["SSEKMSKeyId"] == arn


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21")
def test_a_key_whose_deletion_is_scheduled_opens_nothing(world: S3World) -> None:
    arn, one = _own_key(world)
    world.kms.schedule_key_deletion(KeyId=id_of(arn), PendingWindowInDays=7)

    error = world.refused("KMS.KMSInvalidStateException", 400, world.s3.get_object, **one.at)

    assert error["Message"] == f"{arn} is pending deletion."


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "s3:CopyObject")
def test_a_copy_opens_its_source(world: S3World) -> None:
    arn, one = _own_key(world)
    world.kms.disable_key(KeyId=id_of(arn))
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    world.refused("KMS.DisabledException", 400, world.s3.copy_object, **at, **one.source)

    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "s3:PutObject")
def test_a_refused_write_leaves_the_object_as_it_was(world: S3World) -> None:
    arn, _ = _own_key(world)
    one = world.put(world.plain, b"old", Metadata={"a": "1"}, Tagging="t=1")
    before = world.picture(one.at)
    world.kms.disable_key(KeyId=id_of(arn))

    for call, more in ((world.s3.put_object, {"Body": b"new"}), (world.s3.copy_object, one.source)):
        world.refused("KMS.DisabledException", 400, call, **one.at, **more, **under(arn))

    assert world.picture(one.at) == before


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "kms:EnableKey")
def test_an_object_opens_again_when_its_key_is_enabled(world: S3World) -> None:
    arn, one = _own_key(world)
    world.kms.disable_key(KeyId=id_of(arn))
    world.refused("KMS.DisabledException", 400, world.s3.get_object, **one.at)

    world.kms.enable_key(KeyId=id_of(arn))

    assert world.body(one.at) == b"secret"


@behaviour("s3:CreateMultipartUpload", "guide: UsingKMSEncryption", assumed="at which of the two calls, and the code")
def test_an_upload_in_parts_needs_its_key_until_its_end(world: S3World) -> None:
    arn = world.buckets.new_key()
    upload = Upload(world, world.plain, **under(arn))
    upload.put(b"secret")

    world.kms.disable_key(KeyId=id_of(arn))
    world.refused("KMS.DisabledException", 400, world.s3.complete_multipart_upload, **upload.completion)

    world.refused("404", 404, world.s3.head_object, **upload.at)


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "s3:UploadPartCopy")
def test_a_part_copied_from_an_object_opens_it(world: S3World) -> None:
    arn, one = _own_key(world)
    upload = Upload(world, world.plain)
    world.kms.disable_key(KeyId=id_of(arn))

    world.refused("KMS.DisabledException", 400, world.s3.upload_part_copy, **upload.upload, **one.source, PartNumber=1)


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "s3:GetObject")
@pytest.mark.parametrize("read", [{"Range": "bytes=0-0"}, {"PartNumber": 1}], ids=["one byte", "one part"])
def test_a_read_of_a_part_asks_kms_too(world: S3World, read: dict[str, Any]) -> None:
    arn, one = _own_key(world)
    world.s3.get_object(**one.at, **read)

    world.kms.disable_key(KeyId=id_of(arn))

    world.refused("KMS.DisabledException", 400, world.s3.get_object, **one.at, **read)


@behaviour("recorded: test_s3_sse_validate_kms_key_state, 2026-02-21", "guide: UsingDSSEncryption")
def test_a_dual_layer_opens_with_its_key_only(world: S3World) -> None:
    arn = world.buckets.new_key()
    one = world.put(world.plain, b"secret", ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=arn)

    world.kms.disable_key(KeyId=id_of(arn))

    world.refused("KMS.DisabledException", 400, world.s3.get_object, **one.at)


# --- changes of the key -----------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_copy_object_in_place_with_encryption, 2026-02-21")
def test_a_copy_onto_itself_changes_the_key(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **under(world.buckets.kms_key), Metadata={"a": "1"})

    world.s3.copy_object(**one.at, **one.source, **under(world.buckets.other_kms_key))

    head = world.head(one.at)
    assert (head["SSEKMSKeyId"], head["Metadata"]) == (world.buckets.other_kms_key, {"a": "1"})
    assert world.body(one.at) == b"secret"


@behaviour(
    "recorded: test_copy_object_if_match_in_place, 2026-02-21",
    "recorded: test_s3_copy_object_in_place_with_encryption, 2026-02-21",
)
@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
def test_a_copy_onto_itself_changes_the_key_once_for_the_etag_that_was_seen(world: S3World, *, versioned: bool) -> None:
    bucket = world.versioned if versioned else world.plain
    seen = world.put(bucket, b"secret", **under(world.buckets.kms_key))
    copy = {**seen.at, **seen.source, **under(world.buckets.other_kms_key), "IfMatch": seen.etag}

    copied = world.s3.copy_object(**copy, CopySourceIfMatch=seen.etag)
    after = world.picture(seen.at)
    world.refused("PreconditionFailed", 412, world.s3.copy_object, **copy)

    assert after["ETag"] == copied["CopyObjectResult"]["ETag"] != seen.etag
    assert (after["SSEKMSKeyId"], after["body"]) == (world.buckets.other_kms_key, b"secret")
    assert world.picture(seen.at) == after


@behaviour("recorded: test_copy_object_kms, 2026-02-21")
def test_a_copy_is_given_key_and_bucket_key_in_its_own_request(world: S3World) -> None:
    one = world.put(world.plain, b"hello world")
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    copied = world.s3.copy_object(**at, **one.source, **under(world.buckets.kms_key, BucketKeyEnabled=True))

    assert (copied["SSEKMSKeyId"], copied["BucketKeyEnabled"]) == (world.buckets.kms_key, True)
    assert copied["CopyObjectResult"]["ETag"] != one.etag
    assert world.body(at) == b"hello world"


@behaviour("s3:PutObject", "guide: specifying-kms-encryption")
def test_an_encryption_context_of_the_writer_is_not_needed_by_the_reader(world: S3World) -> None:
    context = base64.b64encode(b'{"department": "10"}').decode()
    one = world.put(world.plain, b"secret", **under(world.buckets.kms_key), SSEKMSEncryptionContext=context)

    assert world.body(one.at) == b"secret"


@behaviour("recorded: test_s3_copy_object_in_place_with_encryption, 2026-02-21")
def test_a_copy_does_not_keep_the_key_of_its_source(world: S3World) -> None:
    one = world.put(world.plain, **under(world.buckets.kms_key))
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    world.s3.copy_object(**at, **one.source)

    assert world.head(at)["ServerSideEncryption"] == "AES256"


@behaviour("recorded: test_copy_in_place_with_bucket_encryption, 2026-02-21")
def test_a_copy_onto_itself_is_legal_where_the_bucket_has_a_default_of_its_own(world: S3World) -> None:
    bucket = with_rule(world, {"SSEAlgorithm": KMS, "KMSMasterKeyID": world.buckets.kms_key})
    one = world.put(bucket, b"secret", ServerSideEncryption="AES256")

    world.s3.copy_object(**one.at, **one.source)

    assert world.head(one.at)["SSEKMSKeyId"] == world.buckets.kms_key


def _own_key(world: S3World) -> tuple[str, Stored]:
    """A key that a case may spoil, and an object under it."""
    arn = world.buckets.new_key()
    return arn, world.put(world.plain, b"secret", **under(arn))


def _written(world: S3World, write: str, key: str) -> Callable[[], Any]:
    """The call that writes under the key, without arguments."""
    at = {"Bucket": world.plain, "Key": world.new_key()}
    calls: dict[str, Callable[[], Any]] = {
        "put": lambda: world.s3.put_object(**at, **under(key)),
        "copy": lambda: world.s3.copy_object(**at, **world.put(world.plain).source, **under(key)),
        "upload": lambda: world.s3.create_multipart_upload(**at, **under(key)),
    }
    return calls[write]
