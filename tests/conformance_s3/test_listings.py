"""Listings: pages, prefixes, delimiters, encoding; of objects and of versions."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World

FOLDER = ("folder/aSubfolder/1", "folder/aSubfolder/2", "folder/file1", "folder/file2", "top")
type Filled = Callable[..., str]


@pytest.fixture
def filled(world: S3World) -> Filled:
    """Makes a bucket with the names."""

    def make(*names: str, **options: Any) -> str:
        bucket = world.buckets.new(**options)
        for name in names:
            world.put(bucket, b"data", name)
        return bucket

    return make


def keys(page: dict[str, Any], member: str = "Contents") -> list[str]:
    return [one["Key"] for one in page.get(member, [])]


def prefixes(page: dict[str, Any]) -> list[str]:
    return [one["Prefix"] for one in page.get("CommonPrefixes", [])]


@behaviour("s3:ListObjectsV2", "guide: ListingKeysUsingAPIs")
def test_names_are_listed_in_the_order_of_their_bytes(world: S3World, filled: Filled) -> None:
    names = ["Z", "a", "a!", "a/b", "ab", "é", "😀", "\uffee"]
    bucket = filled(*reversed(names))

    listed = keys(world.s3.list_objects_v2(Bucket=bucket))

    assert listed == sorted(names, key=str.encode)


@behaviour("recorded: test_list_objects_v2_with_prefix_and_delimiter, 2026-02-21")
def test_a_delimiter_gathers_what_is_below_it(world: S3World, filled: Filled) -> None:
    bucket = filled(*FOLDER)

    page = world.s3.list_objects_v2(Bucket=bucket, Prefix="folder/", Delimiter="/")

    assert keys(page) == ["folder/file1", "folder/file2"]
    assert prefixes(page) == ["folder/aSubfolder/"]
    assert page["KeyCount"] == 3


@behaviour("recorded: test_list_objects_v2_continuation_common_prefixes, 2026-02-21")
def test_pages_continue_behind_names_and_prefixes(world: S3World, filled: Filled) -> None:
    bucket = filled(*FOLDER)
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": "folder/", "Delimiter": "/", "MaxKeys": 1}

    seen = []
    for _ in range(3):
        page = world.s3.list_objects_v2(**request)
        seen += [*prefixes(page), *keys(page)]
        request["ContinuationToken"] = page.get("NextContinuationToken")

    assert seen == ["folder/aSubfolder/", "folder/file1", "folder/file2"]
    assert page["IsTruncated"] is False


@behaviour("recorded: test_list_objects_v2_continuation_start_after, 2026-02-21")
def test_a_listing_starts_behind_a_name(world: S3World, filled: Filled) -> None:
    bucket = filled(*FOLDER)

    assert keys(world.s3.list_objects_v2(Bucket=bucket, StartAfter="folder/file1")) == ["folder/file2", "top"]


@behaviour("recorded: test_list_objects_v2_continuation_start_after, 2026-02-21")
def test_a_token_is_one_of_a_page_before(world: S3World, filled: Filled) -> None:
    error = world.refused("InvalidArgument", 400, world.s3.list_objects_v2, Bucket=world.plain, ContinuationToken="")

    assert error["Message"] == "The continuation token provided is incorrect"


@behaviour("recorded: test_list_objects_v2_continuation_token_safe_chars, 2026-02-21")
@pytest.mark.parametrize("name", ["date=2026-01-01/a", "a/%F0%9F%98%80", "a b+c&d", "😀"])
def test_pages_continue_behind_every_kind_of_name(world: S3World, filled: Filled, name: str) -> None:
    bucket = filled(f"x/{name}", "y")

    first = world.s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    second = world.s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])

    assert (keys(first), keys(second)) == ([f"x/{name}"], ["y"])


@behaviour("recorded: test_list_objects_v2_continuation_token_safe_chars, 2026-02-21", "s3:ListObjectsV2")
def test_names_are_encoded_where_it_is_asked_for(world: S3World, filled: Filled) -> None:
    bucket = filled("a=b+c/😀")

    page = world.s3.list_objects_v2(Bucket=bucket, EncodingType="url")

    assert keys(page) == ["a%3Db%2Bc/%F0%9F%98%80"]


@behaviour("recorded: test_list_ops_encoding_type_validation, 2026-02-21")
@pytest.mark.parametrize("call", ["list_objects_v2", "list_objects", "list_object_versions", "list_multipart_uploads"])
def test_an_encoding_that_is_none_is_refused(world: S3World, call: str) -> None:
    error = world.refused("InvalidArgument", 400, getattr(world.s3, call), Bucket=world.plain, EncodingType="value")

    assert (error["Message"], error["ArgumentName"]) == (
        "Invalid Encoding Method specified in Request",
        "encoding-type",
    )


@behaviour("recorded: test_list_objects_v2_with_prefix, 2026-02-21", "s3:ListObjectsV2")
def test_a_listing_tells_etag_size_class_and_checksum(world: S3World, filled: Filled) -> None:
    bucket = filled("one")

    (entry,) = world.s3.list_objects_v2(Bucket=bucket)["Contents"]

    assert (entry["ETag"], entry["Size"], entry["StorageClass"]) == (
        '"8d777f385d3dfec8815d20f7496026dc"',
        4,
        "STANDARD",
    )
    assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == (["CRC32"], "FULL_OBJECT")


@behaviour("recorded: test_list_objects_versions_with_prefix_only_and_pagination, 2026-02-21")
def test_pages_of_versions_continue_within_a_key(world: S3World, filled: Filled) -> None:
    bucket = filled("key", "key", "key", "other", versioned=True)
    world.s3.delete_object(Bucket=bucket, Key="key")
    request: dict[str, Any] = {"Bucket": bucket, "MaxKeys": 2}

    first = world.s3.list_object_versions(**request)
    second = world.s3.list_object_versions(
        Bucket=bucket, KeyMarker=first["NextKeyMarker"], VersionIdMarker=first["NextVersionIdMarker"]
    )

    assert (keys(first, "DeleteMarkers"), keys(first, "Versions")) == (["key"], ["key"])
    assert keys(second, "Versions") == ["key", "key", "other"]
    assert [one["IsLatest"] for one in second["Versions"]] == [False, False, True]


@behaviour("recorded: test_list_objects_versions_with_prefix_only_and_pagination, 2026-02-21")
def test_a_key_marker_alone_skips_all_versions_of_its_key(world: S3World, filled: Filled) -> None:
    bucket = filled("key", "key", "other", versioned=True)

    assert keys(world.s3.list_object_versions(Bucket=bucket, KeyMarker="key"), "Versions") == ["other"]


@behaviour("recorded: test_list_objects_versions_with_prefix, 2026-02-21")
def test_versions_are_gathered_by_a_delimiter(world: S3World, filled: Filled) -> None:
    bucket = filled(*FOLDER, versioned=True)

    page = world.s3.list_object_versions(Bucket=bucket, Prefix="folder/", Delimiter="/")

    assert keys(page, "Versions") == ["folder/file1", "folder/file2"]
    assert prefixes(page) == ["folder/aSubfolder/"]


@behaviour("recorded: test_get_object_no_such_bucket, 2026-02-21", "s3:ListObjectsV2")
@pytest.mark.parametrize("call", ["list_objects_v2", "list_object_versions"])
def test_a_bucket_that_is_absent_is_named(world: S3World, call: str) -> None:
    name = f"absent-{world.new_key()}"

    error = world.refused("NoSuchBucket", 404, getattr(world.s3, call), Bucket=name)

    assert (error["Message"], error["BucketName"]) == ("The specified bucket does not exist", name)
