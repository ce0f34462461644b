"""Multipart uploads and UploadPartCopy: the way for objects above 5 GB."""

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .test_conditional_copies import HOUR, given
from .test_conditional_writes import NOT_HELD, OTHER_ETAG
from .uploads import SMALLEST_PART, Upload
from .world import S3World, Stored

NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
    "completed."
)
NO_RANGE = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based "
    "offsets of the first and last bytes to copy"
)


# --- parts ------------------------------------------------------------------------------------------------------


@behaviour("recorded: test_get_object_part, 2026-02-21")
def test_parts_become_one_object_and_can_be_read_one_by_one(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(SMALLEST_PART)
    upload.put(b"last")

    completed = upload.complete()

    assert completed["ETag"].endswith('-2"')
    assert world.head(upload.at)["ContentLength"] == len(SMALLEST_PART) + 4
    part = world.s3.get_object(**upload.at, PartNumber=2)
    assert (part["Body"].read(), part["PartsCount"]) == (b"last", 2)
    world.refused("InvalidPartNumber", 416, world.s3.get_object, **upload.at, PartNumber=10)


@behaviour("recorded: test_multipart_complete_multipart_too_small, 2026-02-21")
def test_a_part_that_is_not_the_last_has_5_mib(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(b"data")
    upload.put(b"data")

    error = world.refused("EntityTooSmall", 400, world.s3.complete_multipart_upload, **upload.completion)

    assert (error["MinSizeAllowed"], error["ProposedSize"], error["PartNumber"]) == ("5242880", "4", "1")


@behaviour("recorded: test_multipart_complete_multipart_too_small, 2026-02-21")
def test_an_upload_has_a_part(world: S3World) -> None:
    upload = Upload(world, world.plain)

    error = world.refused(
        "InvalidRequest", 400, world.s3.complete_multipart_upload, **upload.upload, MultipartUpload={"Parts": []}
    )

    assert error["Message"] == "You must specify at least one part"


@behaviour("recorded: test_complete_multipart_parts_order, 2026-02-21")
def test_parts_are_named_in_order(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(SMALLEST_PART)
    upload.put(b"last")
    upload.parts.reverse()

    world.refused("InvalidPartOrder", 400, world.s3.complete_multipart_upload, **upload.completion)


@behaviour("recorded: test_complete_multipart_parts_order, 2026-02-21")
def test_numbers_of_parts_may_have_gaps(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(SMALLEST_PART, 2)
    upload.put(b"last", 9)

    assert upload.complete()["ETag"].endswith('-2"')


@behaviour("recorded: test_multipart_complete_multipart_wrong_part, 2026-02-21")
@pytest.mark.parametrize(
    "wrong", [{"PartNumber": 2}, {"ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}], ids=["number", "etag"]
)
def test_a_part_that_was_not_uploaded_so_is_not_found(world: S3World, wrong: dict[str, Any]) -> None:
    upload = Upload(world, world.plain)
    upload.put(b"data")
    upload.parts = [{**upload.parts[0], **wrong}]

    world.refused("InvalidPart", 400, world.s3.complete_multipart_upload, **upload.completion)


@behaviour("recorded: test_multipart_no_such_upload, 2026-02-21")
def test_an_upload_that_was_ended_is_gone(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(b"data")

    world.s3.abort_multipart_upload(**upload.upload)

    for call, more in (
        (world.s3.upload_part, {"PartNumber": 1}),
        (world.s3.complete_multipart_upload, {"MultipartUpload": {"Parts": upload.parts}}),
        (world.s3.abort_multipart_upload, {}),
    ):
        assert world.refused("NoSuchUpload", 404, call, **upload.upload, **more)["Message"] == NO_UPLOAD
    world.refused("404", 404, world.s3.head_object, **upload.at)


@behaviour("recorded: test_multipart_and_list_parts, 2026-02-21")
def test_uploads_and_parts_are_listed_until_they_are_completed(world: S3World) -> None:
    bucket = world.buckets.new()
    upload = Upload(world, bucket)
    upload.put(b"data")

    (part,) = world.s3.list_parts(**upload.upload)["Parts"]
    (listed,) = world.s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    upload.complete()

    assert (part["PartNumber"], part["Size"]) == (1, 4)
    assert listed["UploadId"] == upload.upload["UploadId"]
    assert "Uploads" not in world.s3.list_multipart_uploads(Bucket=bucket)


@behaviour("recorded: test_multipart_size_validation, 2026-02-21")
def test_an_upload_that_is_told_its_size_must_have_it(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(b"data")

    world.refused("InvalidRequest", 400, world.s3.complete_multipart_upload, **upload.completion, MpuObjectSize=5)
    upload.complete(MpuObjectSize=4)

    assert world.body(upload.at) == b"data"


@behaviour("s3:CreateMultipartUpload")
def test_an_upload_carries_headers_metadata_and_tags_from_its_start(world: S3World) -> None:
    upload = Upload(world, world.plain, ContentType="text/x-own", Metadata={"a": "1"}, Tagging="t=1")
    upload.put(b"data")

    upload.complete()

    head = world.head(upload.at)
    assert (head["ContentType"], head["Metadata"]) == ("text/x-own", {"a": "1"})
    assert world.tags(upload.at) == {"t": "1"}


# --- conditional completion -------------------------------------------------------------------------------------


@behaviour("recorded: test_multipart_if_none_match_with_put, 2026-02-21")
def test_a_completion_where_nothing_must_be_is_refused_after_a_put(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(b"parts")
    world.put(world.plain, b"put", upload.at["Key"])

    error = world.refused(
        "PreconditionFailed", 412, world.s3.complete_multipart_upload, **upload.completion, IfNoneMatch="*"
    )

    assert (error["Condition"], error["Message"]) == ("If-None-Match", NOT_HELD)
    assert world.body(upload.at) == b"put"


@behaviour("recorded: test_multipart_if_none_match_with_delete, 2026-02-21")
def test_a_completion_where_nothing_must_be_conflicts_with_a_delete_meanwhile(world: S3World) -> None:
    one = world.put(world.plain, b"put")
    upload = Upload(world, world.plain, one.key)
    upload.put(b"parts")
    world.s3.delete_object(**one.at)

    error = world.refused(
        "ConditionalRequestConflict", 409, world.s3.complete_multipart_upload, **upload.completion, IfNoneMatch="*"
    )

    assert error["Condition"] == "If-None-Match"


@behaviour("recorded: test_multipart_if_match_with_put, 2026-02-21")
def test_a_completion_over_an_expected_object_conflicts_with_a_put_meanwhile(world: S3World) -> None:
    before = world.put(world.plain, b"before")
    upload = Upload(world, world.plain, before.key)
    upload.put(b"parts")
    meanwhile = world.put(world.plain, b"meanwhile", before.key)
    complete = world.s3.complete_multipart_upload

    world.refused("PreconditionFailed", 412, complete, **upload.completion, IfMatch=before.etag)
    world.refused("ConditionalRequestConflict", 409, complete, **upload.completion, IfMatch=meanwhile.etag)

    assert world.body(before.at) == b"meanwhile"


@behaviour("recorded: test_multipart_if_match_etag, 2026-02-21")
def test_a_completion_over_the_expected_object_is_made(world: S3World) -> None:
    before = world.put(world.plain, b"before")
    upload = Upload(world, world.plain, before.key)
    upload.put(b"parts")

    upload.complete(IfMatch=before.etag)

    assert world.body(before.at) == b"parts"


@behaviour("recorded: test_multipart_if_match_with_delete, 2026-02-21")
def test_a_completion_over_an_expected_object_that_is_gone_finds_none(world: S3World) -> None:
    before = world.put(world.plain, b"before")
    upload = Upload(world, world.plain, before.key)
    upload.put(b"parts")
    world.s3.delete_object(**before.at)

    world.refused("NoSuchKey", 404, world.s3.complete_multipart_upload, **upload.completion, IfMatch=before.etag)


# --- UploadPartCopy ---------------------------------------------------------------------------------------------


@pytest.fixture
def source(world: S3World) -> Stored:
    return world.put(world.plain, b"0123456789")


@behaviour("recorded: test_upload_part_copy_range, 2026-02-21")
@pytest.mark.parametrize(("wanted", "body"), [("bytes=0-8", b"012345678"), ("bytes=1-1", b"1"), (None, b"0123456789")])
def test_a_part_is_copied_from_a_range(world: S3World, source: Stored, wanted: str | None, body: bytes) -> None:
    upload = Upload(world, world.plain)

    upload.copy(source.at, **({"CopySourceRange": wanted} if wanted else {}))
    upload.complete()

    assert world.body(upload.at) == body


@behaviour("recorded: test_upload_part_copy_range, 2026-02-21")
@pytest.mark.parametrize("wanted", ["0-8", "bytes=1-0", "bytes=0-1,3-4", "bytes=-2", "bytes=1-"])
def test_a_range_of_a_copy_has_one_form(world: S3World, source: Stored, wanted: str) -> None:
    copy = {**Upload(world, world.plain).upload, **source.source, "PartNumber": 1}

    error = world.refused("InvalidArgument", 400, world.s3.upload_part_copy, **copy, CopySourceRange=wanted)

    assert (error["Message"], error["ArgumentValue"]) == (NO_RANGE, wanted)


@behaviour("recorded: test_upload_part_copy_range, 2026-02-21")
@pytest.mark.parametrize(
    ("wanted", "code"), [("bytes=0-100", "InvalidArgument"), ("bytes=100-200", "InvalidRequest")], ids=["end", "begin"]
)
def test_a_range_of_a_copy_lies_within_its_source(world: S3World, source: Stored, wanted: str, code: str) -> None:
    copy = {**Upload(world, world.plain).upload, **source.source, "PartNumber": 1}

    world.refused(code, 400, world.s3.upload_part_copy, **copy, CopySourceRange=wanted)


@behaviour(
    "recorded: test_upload_part_copy_with_copy_source_if_match_failed, 2026-02-21",
    "recorded: test_upload_part_copy_with_copy_source_if_none_match_failed, 2026-02-21",
    "recorded: test_upload_part_copy_with_copy_source_if_unmodified_since_match_failed, 2026-02-21",
    "recorded: test_upload_part_copy_with_if_modified_since_failed, 2026-02-21",
)
@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ({"CopySourceIfMatch": OTHER_ETAG}, "Match"),
        ({"CopySourceIfNoneMatch": "own"}, "None-Match"),
        ({"CopySourceIfUnmodifiedSince": -HOUR}, "Unmodified-Since"),
        ({"CopySourceIfModifiedSince": timedelta(0)}, "Modified-Since"),
    ],
    ids=["match", "none match", "unmodified", "modified"],
)
def test_a_part_whose_source_condition_does_not_hold_is_refused(
    world: S3World, source: Stored, condition: dict[str, Any], name: str
) -> None:
    copy = {**Upload(world, world.plain).upload, **source.source, "PartNumber": 1}

    error = world.refused(
        "PreconditionFailed", 412, world.s3.upload_part_copy, **copy, **given(world, source, condition)
    )

    assert (error["Condition"], error["Message"]) == (f"x-amz-copy-source-If-{name}", NOT_HELD)


@behaviour(
    "recorded: test_upload_part_copy_with_copy_source_if_match_success, 2026-02-21",
    "recorded: test_upload_part_copy_with_copy_source_if_match_and_if_unmodified_since_match, 2026-02-21",
)
@pytest.mark.parametrize(
    "condition",
    [{"CopySourceIfMatch": "own"}, {"CopySourceIfMatch": "own", "CopySourceIfUnmodifiedSince": -HOUR}],
    ids=["match", "match before unmodified"],
)
def test_a_part_whose_source_condition_holds_is_copied(
    world: S3World, source: Stored, condition: dict[str, Any]
) -> None:
    copied = Upload(world, world.plain).copy(source.at, **given(world, source, condition))

    assert copied["ETag"] == source.etag


@behaviour("recorded: test_multipart_copy_object_etag, 2026-02-21", "facts 5.4")
def test_a_copy_of_an_object_of_parts_has_none(world: S3World) -> None:
    upload = Upload(world, world.plain)
    upload.put(b"data")
    etag = upload.complete()["ETag"]

    copied = world.s3.copy_object(**upload.at, CopySource=upload.at, MetadataDirective="REPLACE")["CopyObjectResult"]

    assert etag.endswith('-1"')
    assert copied["ETag"] == world.put(world.plain, b"data").etag


# --- checksums of parts -----------------------------------------------------------------------------------------


@behaviour("recorded: test_complete_multipart_parts_checksum_composite, 2026-02-21")
def test_a_composite_checksum_is_made_of_those_of_the_parts_and_lost_by_a_copy(world: S3World) -> None:
    upload = Upload(world, world.plain, ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")
    part = upload.put(b"123456789", ChecksumAlgorithm="CRC32")
    upload.parts[0]["ChecksumCRC32"] = part["ChecksumCRC32"]

    completed = upload.complete()

    assert (completed["ChecksumType"], completed["ChecksumCRC32"][-2:]) == ("COMPOSITE", "-1")
    attributes = world.s3.get_object_attributes(**upload.at, ObjectAttributes=["Checksum", "ObjectParts"])
    assert attributes["ObjectParts"]["Parts"][0]["ChecksumCRC32"] == "y/Q5Jg=="
    copied = world.s3.copy_object(**upload.at, CopySource=upload.at, MetadataDirective="REPLACE")["CopyObjectResult"]
    assert (copied["ChecksumType"], copied["ChecksumCRC32"]) == ("FULL_OBJECT", "y/Q5Jg==")


@behaviour("recorded: test_complete_multipart_parts_checksum_composite, 2026-02-21")
def test_a_composite_completion_names_the_checksum_of_each_part(world: S3World) -> None:
    upload = Upload(world, world.plain, ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")
    upload.put(b"data", ChecksumAlgorithm="CRC32")

    error = world.refused("InvalidRequest", 400, world.s3.complete_multipart_upload, **upload.completion)

    assert "It was missing for part 1 in the request." in error["Message"]


@behaviour("recorded: test_complete_multipart_parts_checksum_full_object, 2026-02-21")
@pytest.mark.parametrize(
    ("algorithm", "value"), [("CRC32", "y/Q5Jg=="), ("CRC32C", "4waSgw=="), ("CRC64NVME", "rosUhgp5mIg=")]
)
def test_a_full_object_checksum_is_that_of_the_whole(world: S3World, algorithm: str, value: str) -> None:
    upload = Upload(world, world.plain, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    member = f"Checksum{algorithm}"
    right: dict[str, Any] = {member: value}
    upload.put(b"123456789", **right)

    error = world.refused(
        "BadDigest",
        400,
        world.s3.complete_multipart_upload,
        **upload.completion,
        ChecksumType="FULL_OBJECT",
        **{member: "AAAA" + value[4:]},
    )
    completed = upload.complete(ChecksumType="FULL_OBJECT", **right)

    assert error["Message"] == f"The {algorithm.lower()} you specified did not match the calculated checksum."
    assert (completed["ChecksumType"], completed[member]) == ("FULL_OBJECT", value)


@behaviour("recorded: test_multipart_checksum_type_compatibility, 2026-02-21")
@pytest.mark.parametrize(
    ("kind", "algorithm"), [("COMPOSITE", "CRC64NVME"), ("FULL_OBJECT", "SHA1"), ("FULL_OBJECT", "SHA256")]
)
def test_some_checksums_are_of_one_type_only(world: S3World, kind: str, algorithm: str) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused(
        "InvalidRequest", 400, world.s3.create_multipart_upload, **at, ChecksumAlgorithm=algorithm, ChecksumType=kind
    )

    said = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
    assert error["Message"] == said
