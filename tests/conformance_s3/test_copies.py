"""CopyObject: onto itself, and what a copy keeps, loses and takes anew."""

from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World, Stored

ILLEGAL = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata, storage class, website redirect location or encryption attributes."
)
HEADERS = {
    "ContentType": "text/x-own",
    "CacheControl": "no-store",
    "ContentDisposition": "attachment",
    "ContentEncoding": "identity",
    "ContentLanguage": "de",
}


# --- onto itself ------------------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_copy_object_in_place, 2026-02-21")
@pytest.mark.parametrize(
    "more",
    [{}, {"MetadataDirective": "COPY"}, {"Metadata": {"a": "2"}}, {"ACL": "bucket-owner-full-control"}],
    ids=["nothing", "metadata copied", "metadata without directive", "acl"],
)
def test_a_copy_onto_itself_that_changes_nothing_is_illegal(world: S3World, more: dict[str, Any]) -> None:
    one = world.put(world.plain, b"data", Metadata={"a": "1"}, Tagging="t=1")
    before = world.picture(one.at)

    error = world.refused("InvalidRequest", 400, world.s3.copy_object, **one.at, **one.source, **more)

    assert error["Message"] == ILLEGAL
    assert world.picture(one.at) == before


@behaviour("recorded: test_s3_copy_object_in_place_versioned, 2026-02-21")
def test_a_copy_onto_itself_that_changes_nothing_makes_no_version(world: S3World) -> None:
    one = world.put(world.versioned, b"data")

    world.refused("InvalidRequest", 400, world.s3.copy_object, **one.at, CopySource=one.at)

    assert len(world.versions(one.bucket, one.key)) == 1


@behaviour(
    "recorded: test_s3_copy_object_in_place_metadata_directive, 2026-02-21",
    "recorded: test_s3_copy_object_in_place_storage_class, 2026-02-21",
    "recorded: test_s3_copy_object_in_place_website_redirect_location, 2026-02-21",
    "recorded: test_s3_copy_object_in_place_with_encryption, 2026-02-21",
)
@pytest.mark.parametrize(
    "change",
    [
        {"MetadataDirective": "REPLACE"},
        {"MetadataDirective": "COPY", "StorageClass": "STANDARD"},
        {"StorageClass": "STANDARD_IA"},
        {"WebsiteRedirectLocation": "/elsewhere"},
        {"ServerSideEncryption": "AES256"},
    ],
    ids=["metadata", "the same storage class", "storage class", "redirect", "encryption"],
)
def test_a_copy_onto_itself_is_legal_with_a_change(world: S3World, change: dict[str, str]) -> None:
    one = world.put(world.plain, b"data")

    copied = world.s3.copy_object(**one.at, **one.source, **change)

    assert copied["CopyObjectResult"]["ETag"] == one.etag
    assert world.body(one.at) == b"data"


@behaviour("recorded: test_s3_copy_object_storage_class, 2026-02-21")
def test_a_copy_takes_the_standard_class_unless_told(world: S3World) -> None:
    one = world.put(world.plain, b"data", StorageClass="STANDARD_IA")
    at = {"Bucket": world.plain, "Key": world.new_key()}

    world.s3.copy_object(**at, **one.source)

    assert world.head(one.at)["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in world.head(at)


@behaviour("recorded: test_s3_copy_object_in_place_versioned, 2026-02-21")
def test_a_copy_onto_itself_makes_a_new_version(world: S3World) -> None:
    one = world.put(world.versioned, b"data")

    copied = world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE")

    assert copied["CopySourceVersionId"] == one.version
    assert [two["VersionId"] for two in world.versions(one.bucket, one.key)] == [copied["VersionId"], one.version]


@behaviour("guide: RestoringPreviousVersions")
def test_an_old_version_copied_onto_its_key_comes_back_without_another_change(world: S3World) -> None:
    first = world.put(world.versioned, b"first")
    world.put(first.bucket, b"second", first.key)

    world.s3.copy_object(**first.at, **first.source)

    assert world.body(first.at) == b"first"
    assert len(world.versions(first.bucket, first.key)) == 3


@behaviour("recorded: test_s3_copy_object_in_place_suspended_only, 2026-02-21")
def test_a_copy_onto_itself_in_a_suspended_bucket_replaces_the_null_version(world: S3World) -> None:
    bucket = world.buckets.new()
    one = world.put(bucket, b"data")
    world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", Metadata={"a": "2"})

    assert [two["VersionId"] for two in world.versions(bucket, one.key)] == ["null"]
    assert world.head(one.at)["Metadata"] == {"a": "2"}


# --- metadata and headers ---------------------------------------------------------------------------------------


@behaviour(
    "recorded: test_s3_copy_content_type_and_metadata, 2026-02-21",
    "recorded: test_s3_copy_metadata_directive_copy, 2026-02-21",
)
@pytest.mark.parametrize("directive", [{}, {"MetadataDirective": "COPY"}], ids=["by default", "told to"])
def test_a_copy_keeps_headers_and_metadata(world: S3World, directive: dict[str, str]) -> None:
    one = world.put(world.plain, b"data", **HEADERS, Metadata={"a": "1"})

    copy = copied(world, one, **directive, Metadata={"ignored": "yes"}, ContentType="text/ignored")

    head = world.head(copy)
    assert {name: head[name] for name in HEADERS} == HEADERS
    assert head["Metadata"] == {"a": "1"}


@behaviour("recorded: test_s3_copy_metadata_replace, 2026-02-21", "facts 5.4")
def test_a_copy_that_replaces_metadata_drops_the_headers_that_are_not_sent_again(world: S3World) -> None:
    one = world.put(world.plain, b"data", **HEADERS, Metadata={"a": "1"})

    copy = copied(world, one, MetadataDirective="REPLACE", Metadata={"b": "2"}, CacheControl="private")

    head = world.head(copy)
    assert (head["Metadata"], head["CacheControl"]) == ({"b": "2"}, "private")
    assert head["ContentType"] == "binary/octet-stream"
    assert not {"ContentDisposition", "ContentEncoding", "ContentLanguage"} & head.keys()


@behaviour("s3:CopyObject")
def test_a_copy_does_not_keep_the_redirect_location(world: S3World) -> None:
    one = world.put(world.plain, b"data", WebsiteRedirectLocation="/elsewhere")

    copy = copied(world, one)

    assert world.head(one.at)["WebsiteRedirectLocation"] == "/elsewhere"
    assert "WebsiteRedirectLocation" not in world.head(copy)


@behaviour("guide: UsingMetadata")
@pytest.mark.parametrize("size", [2048, 2049])
def test_metadata_has_at_most_2_kb_of_names_and_values(world: S3World, size: int) -> None:
    metadata = {"name": "v" * (size - len("name"))}
    at = {"Bucket": world.plain, "Key": world.new_key()}

    if size <= 2048:
        world.s3.put_object(**at, Metadata=metadata)
        assert world.head(at)["Metadata"] == metadata
    else:
        error = world.refused("MetadataTooLarge", 400, world.s3.put_object, **at, Metadata=metadata)
        assert error["Message"] == "Your metadata headers exceed the maximum allowed metadata size"


@behaviour("guide: UsingMetadata")
def test_a_copy_with_too_much_metadata_is_refused(world: S3World) -> None:
    one = world.put(world.plain, b"data", Metadata={"a": "1"})

    world.refused(
        "MetadataTooLarge",
        400,
        world.s3.copy_object,
        **one.at,
        **one.source,
        MetadataDirective="REPLACE",
        Metadata={"a": "v" * 2048},
    )

    assert world.head(one.at)["Metadata"] == {"a": "1"}


@behaviour("recorded: test_metadata_header_character_decoding, 2026-02-21")
def test_names_of_metadata_come_back_in_lower_case(world: S3World) -> None:
    one = world.put(world.plain, b"data", Metadata={"TEST_META_1": "foo", "__meta_2": "bar"})

    assert world.head(one.at)["Metadata"] == {"test_meta_1": "foo", "__meta_2": "bar"}


# --- tags -------------------------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_copy_tagging_directive, 2026-02-21")
@pytest.mark.parametrize("directive", [{}, {"TaggingDirective": "COPY"}], ids=["by default", "told to"])
def test_a_copy_keeps_the_tags(world: S3World, directive: dict[str, str]) -> None:
    one = world.put(world.plain, b"data", Tagging="a=1&b=2")

    copy = copied(world, one, **directive, Tagging="ignored=yes")

    assert world.tags(copy) == {"a": "1", "b": "2"}


@behaviour("recorded: test_s3_copy_tagging_directive, 2026-02-21")
@pytest.mark.parametrize(("tagging", "tags"), [({"Tagging": "c=3"}, {"c": "3"}), ({}, {})], ids=["others", "none"])
def test_a_copy_that_replaces_tags_has_those_that_are_sent(
    world: S3World, tagging: dict[str, str], tags: dict[str, str]
) -> None:
    one = world.put(world.plain, b"data", Tagging="a=1")

    copy = copied(world, one, TaggingDirective="REPLACE", **tagging)

    assert world.tags(copy) == tags


@behaviour("recorded: test_s3_copy_tagging_directive_versioned, 2026-02-21")
def test_a_copy_of_a_version_keeps_the_tags_of_that_version(world: S3World) -> None:
    first = world.put(world.versioned, b"first", Tagging="a=1")
    world.put(first.bucket, b"second", first.key, Tagging="a=2")

    copy = copied(world, first)

    assert world.tags(copy) == {"a": "1"}


# --- sources ----------------------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_copy_object_src_not_exists, 2023-10-26")
def test_a_source_that_is_absent_is_named(world: S3World) -> None:
    absent = {"Bucket": world.plain, "Key": world.new_key()}
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("NoSuchKey", 404, world.s3.copy_object, **at, CopySource=absent)

    assert (error["Key"], error["Message"]) == (absent["Key"], "The specified key does not exist.")


@behaviour("recorded: test_s3_copy_object_wrong_format, 2026-02-21")
def test_a_source_is_a_bucket_and_a_key(world: S3World) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("InvalidArgument", 400, world.s3.copy_object, **at, CopySource="no-key")

    assert error["ArgumentName"] == "x-amz-copy-source"


def copied(world: S3World, one: Stored, **options: Any) -> dict[str, Any]:
    """Where a copy of the object is."""
    at = {"Bucket": one.bucket, "Key": world.new_key()}
    world.s3.copy_object(**at, **one.source, **options)
    return at
