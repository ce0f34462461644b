"""Checksums: what a write may claim, what a read tells, and what a copy makes of them."""

import base64
import hashlib

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World

# of the body b"123456789", the check value of each algorithm's definition
CHECKS = {
    "CRC32": "y/Q5Jg==",
    "CRC32C": "4waSgw==",
    "CRC64NVME": "rosUhgp5mIg=",
    "SHA1": base64.b64encode(hashlib.sha1(b"123456789", usedforsecurity=False).digest()).decode(),
    "SHA256": base64.b64encode(hashlib.sha256(b"123456789").digest()).decode(),
}
BODY = b"123456789"
ALGORITHMS = pytest.mark.parametrize("algorithm", CHECKS)


def member(algorithm: str) -> str:
    return f"Checksum{algorithm}"


@behaviour("recorded: test_put_object_checksum, 2026-02-21", "recorded: test_s3_get_object_checksum, 2026-02-21")
@ALGORITHMS
def test_a_right_checksum_is_kept_and_told(world: S3World, algorithm: str) -> None:
    value = {member(algorithm): CHECKS[algorithm]}
    one = world.put(world.plain, BODY, **value)

    head = world.head(one.at, ChecksumMode="ENABLED")
    attributes = world.s3.get_object_attributes(**one.at, ObjectAttributes=["Checksum", "ETag", "ObjectSize"])

    assert {name: head[name] for name in (*value, "ChecksumType")} == {**value, "ChecksumType": "FULL_OBJECT"}
    assert attributes["Checksum"] == {**value, "ChecksumType": "FULL_OBJECT"}
    assert (attributes["ETag"], attributes["ObjectSize"]) == (one.etag.strip('"'), len(BODY))


@behaviour("recorded: test_put_object_checksum, 2026-02-21")
@ALGORITHMS
def test_a_checksum_of_another_body_is_refused(world: S3World, algorithm: str) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}
    value = {member(algorithm): CHECKS[algorithm]}

    error = world.refused("BadDigest", 400, world.s3.put_object, **at, Body=b"other", **value)

    assert error["Message"] == f"The {algorithm} you specified did not match the calculated checksum."
    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_put_object_checksum, 2026-02-21")
@ALGORITHMS
def test_a_checksum_of_the_wrong_form_is_refused(world: S3World, algorithm: str) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("InvalidRequest", 400, world.s3.put_object, **at, Body=BODY, **{member(algorithm): "test"})

    assert error["Message"] == f"Value for x-amz-checksum-{algorithm.lower()} header is invalid."


@behaviour("recorded: test_s3_checksum_no_algorithm, 2026-02-21")
def test_a_write_claims_one_checksum(world: S3World) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}
    two = {member(one): CHECKS[one] for one in ("CRC32", "SHA256")}

    error = world.refused("InvalidRequest", 400, world.s3.put_object, **at, Body=BODY, **two)

    assert error["Message"] == "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."


@behaviour("recorded: test_s3_invalid_content_md5, 2026-02-21")
@pytest.mark.parametrize(
    ("md5", "code"), [("not base64", "InvalidDigest"), ("AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest")], ids=["form", "body"]
)
def test_a_wrong_content_md5_is_refused(world: S3World, md5: str, code: str) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    world.refused(code, 400, world.s3.put_object, **at, Body=BODY, ContentMD5=md5)

    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_s3_copy_object_with_default_checksum, 2026-02-21")
@ALGORITHMS
def test_a_copy_keeps_the_checksum(world: S3World, algorithm: str) -> None:
    value = {member(algorithm): CHECKS[algorithm]}
    one = world.put(world.plain, BODY, **value)

    copied = world.s3.copy_object(Bucket=one.bucket, Key=world.new_key(), **one.source)["CopyObjectResult"]

    assert {name: copied[name] for name in (*value, "ChecksumType")} == {**value, "ChecksumType": "FULL_OBJECT"}


@behaviour("recorded: test_s3_copy_object_with_checksum, 2026-02-21")
@ALGORITHMS
def test_a_copy_is_given_the_checksum_that_it_asks_for(world: S3World, algorithm: str) -> None:
    one = world.put(world.plain, BODY, ChecksumCRC32=CHECKS["CRC32"])

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", ChecksumAlgorithm=algorithm)

    assert world.head(one.at, ChecksumMode="ENABLED")[member(algorithm)] == CHECKS[algorithm]


@behaviour("recorded: test_put_object_default_checksum_with_sse_c, 2026-02-21", "s3:HeadObject")
def test_a_head_tells_no_checksum_unless_it_is_asked(world: S3World) -> None:
    one = world.put(world.plain, BODY, ChecksumCRC32=CHECKS["CRC32"])

    assert "ChecksumCRC32" not in world.head(one.at)


@behaviour("recorded: test_get_object_range, 2026-02-21")
def test_a_range_has_no_checksum(world: S3World) -> None:
    one = world.put(world.plain, b"0123456789")

    part = world.s3.get_object(**one.at, Range="bytes=0-8", ChecksumMode="ENABLED")

    assert (part["Body"].read(), part["ContentRange"]) == (b"012345678", "bytes 0-8/10")
    assert not [name for name in part if name.startswith("Checksum")]


@behaviour("recorded: test_get_object_range, 2026-02-21", "recorded: test_invalid_range_error, 2026-02-21")
@pytest.mark.parametrize("wanted", ["bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_object_is_refused(world: S3World, wanted: str) -> None:
    one = world.put(world.plain, b"0123456789")

    error = world.refused("InvalidRange", 416, world.s3.get_object, **one.at, Range=wanted)

    assert (error["ActualObjectSize"], error["RangeRequested"]) == ("10", wanted)


@behaviour("recorded: test_get_object_range, 2026-02-21")
@pytest.mark.parametrize(
    ("wanted", "body"),
    [("bytes=1-", b"123456789"), ("bytes=-2", b"89"), ("bytes=0-100", b"0123456789"), ("bytes=1-0", b"0123456789")],
)
def test_a_range_is_cut_to_the_object_and_ignored_where_it_is_none(world: S3World, wanted: str, body: bytes) -> None:
    one = world.put(world.plain, b"0123456789")

    assert world.body(one.at, Range=wanted) == body
