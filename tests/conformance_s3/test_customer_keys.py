"""SSE-C: objects that open with a key of the customer only. S3 keeps no key, so nobody can do it for them."""

import base64
import hashlib
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .uploads import Upload
from .world import S3World

NOT_SENT = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve "
    "the object."
)


def customer_key(byte: bytes = b"k") -> dict[str, Any]:
    key = byte * 32
    md5 = base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
    return {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": base64.b64encode(key).decode(),
        "SSECustomerKeyMD5": md5,
    }


def of_source(key: dict[str, Any]) -> dict[str, Any]:
    return {f"CopySource{name}": value for name, value in key.items()}


KEY, OTHER_KEY = customer_key(), customer_key(b"o")


@behaviour("recorded: test_object_retrieval_sse_c, 2026-02-21")
def test_an_object_opens_with_its_key(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **KEY)

    assert world.body(one.at, **KEY) == b"secret"
    head = world.head(one.at, **KEY)
    assert head["SSECustomerKeyMD5"] == KEY["SSECustomerKeyMD5"]
    assert "ServerSideEncryption" not in head


@behaviour("recorded: test_object_retrieval_sse_c, 2026-02-21")
def test_without_a_key_the_object_does_not_open(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **KEY)

    error = world.refused("InvalidRequest", 400, world.s3.get_object, **one.at)

    assert error["Message"] == NOT_SENT


@behaviour("recorded: test_object_retrieval_sse_c, 2026-02-21", "facts 5.4")
def test_a_head_without_a_key_is_a_bad_request_without_a_code(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **KEY)

    error = world.refused("400", 400, world.s3.head_object, **one.at)

    assert error["Message"] == "Bad Request"
    listed = world.s3.list_objects_v2(Bucket=one.bucket, Prefix=one.key)["Contents"]
    assert [entry["Key"] for entry in listed] == [one.key]


@behaviour("recorded: test_object_retrieval_sse_c, 2026-02-21")
def test_another_key_is_denied(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **KEY)

    world.refused("AccessDenied", 403, world.s3.get_object, **one.at, **OTHER_KEY)
    world.refused("403", 403, world.s3.head_object, **one.at, **OTHER_KEY)


@behaviour("recorded: test_put_object_validation_sse_c, 2026-02-21")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ServerSideEncryption": "AES256"}, "InvalidArgument"),
        ({"SSECustomerAlgorithm": "KMS"}, "InvalidEncryptionAlgorithmError"),
        ({"SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "InvalidArgument"),
        ({"SSECustomerKey": base64.b64encode(b"short").decode()}, "InvalidArgument"),
    ],
    ids=["two encryptions", "algorithm", "md5", "key size"],
)
def test_a_write_with_parameters_that_do_not_fit_is_refused(world: S3World, change: dict[str, str], code: str) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused(code, 400, world.s3.put_object, **at, **{**KEY, **change})

    assert error["ArgumentName"] == "x-amz-server-side-encryption"


@behaviour("recorded: test_copy_object_with_sse_c, 2026-02-21")
def test_a_copy_needs_the_key_of_its_source(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **KEY)
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    error = world.refused("InvalidRequest", 400, world.s3.copy_object, **at, **one.source)

    assert error["Message"] == NOT_SENT
    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_copy_object_with_sse_c, 2026-02-21")
def test_a_copy_is_under_the_encryption_of_its_own_request(world: S3World) -> None:
    one = world.put(world.plain, b"secret", **KEY)
    plain, other = ({"Bucket": one.bucket, "Key": world.new_key()} for _ in range(2))

    world.s3.copy_object(**plain, **one.source, **of_source(KEY))
    world.s3.copy_object(**other, **one.source, **of_source(KEY), **OTHER_KEY)

    assert world.head(plain)["ServerSideEncryption"] == "AES256"
    assert world.body(other, **OTHER_KEY) == b"secret"
    world.refused("InvalidRequest", 400, world.s3.get_object, **other)


@behaviour("recorded: test_copy_object_with_sse_c, 2026-02-21")
def test_the_etag_of_an_object_under_a_customers_key_is_not_that_of_its_body(world: S3World) -> None:
    plain, one, two = (world.put(world.plain, b"secret", **more) for more in ({}, KEY, KEY))

    assert len({plain.etag, one.etag, two.etag}) == 3


@behaviour("recorded: test_sse_c_with_versioning, 2026-02-21")
def test_each_version_has_its_own_key(world: S3World) -> None:
    first = world.put(world.versioned, b"first", **KEY)
    world.put(first.bucket, b"second", first.key, **OTHER_KEY)

    assert world.body(first.there, **KEY) == b"first"
    assert world.body(first.at, **OTHER_KEY) == b"second"
    world.refused("AccessDenied", 403, world.s3.get_object, **first.at, **KEY)


@behaviour("recorded: test_multipart_upload_sse_c, 2026-02-21")
def test_an_upload_in_parts_sends_the_key_with_each_part(world: S3World) -> None:
    upload = Upload(world, world.plain, **KEY)
    part: dict[str, Any] = {**upload.upload, "PartNumber": 1, "Body": b"secret"}

    missing = world.refused("InvalidRequest", 400, world.s3.upload_part, **part)
    other = world.refused("InvalidRequest", 400, world.s3.upload_part, **part, **OTHER_KEY)
    upload.put(b"secret", **KEY)
    upload.complete(**KEY)

    assert missing["Message"].endswith("must include the appropriate encryption parameters.")
    assert other["Message"] == "The provided encryption parameters did not match the ones used originally."
    assert world.body(upload.at, **KEY) == b"secret"


@behaviour("recorded: test_multipart_upload_sse_c_validation, 2026-02-21")
def test_a_part_brings_no_key_to_an_upload_without_one(world: S3World) -> None:
    upload = Upload(world, world.plain)

    world.refused("InvalidRequest", 400, world.s3.upload_part, **upload.upload, PartNumber=1, Body=b"secret", **KEY)
