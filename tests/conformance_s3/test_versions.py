"""Versions, delete markers, the null version, and their order."""

from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World, Stored

NO_VERSION = "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"


@pytest.fixture
def deleted(world: S3World) -> tuple[Stored, dict[str, Any]]:
    """An object below a delete marker, and where the marker is."""
    one = world.put(world.versioned, b"data", Metadata={"a": "1"})
    marker = world.s3.delete_object(**one.at)
    return one, {**one.at, "VersionId": marker["VersionId"]}


@behaviour("recorded: test_s3_put_object_versioned, 2026-02-21")
def test_versions_are_listed_from_the_newest(world: S3World) -> None:
    first = world.put(world.versioned, b"first")
    later = [world.put(first.bucket, body, first.key) for body in (b"second", b"third")]

    listed = world.versions(first.bucket, first.key)

    assert [one["VersionId"] for one in listed] == [later[1].version, later[0].version, first.version]
    assert [one["IsLatest"] for one in listed] == [True, False, False]


@behaviour("recorded: test_object_version_id_format, 2026-02-21")
def test_a_version_id_is_made_of_32_characters(world: S3World) -> None:
    one = world.put(world.versioned)

    assert len(one.version or "") == 32


@behaviour("recorded: test_delete_object_versioned, 2026-02-21")
def test_a_delete_makes_a_marker_and_keeps_the_version(world: S3World, deleted: tuple[Stored, dict[str, Any]]) -> None:
    one, marker = deleted

    assert [two["VersionId"] for two in world.markers(one.bucket, one.key)] == [marker["VersionId"]]
    assert world.body(one.there) == b"data"
    error = world.refused("NoSuchKey", 404, world.s3.get_object, **one.at)
    assert error["Key"] == one.key


@behaviour("recorded: test_get_object_after_deleted_in_versioned_bucket, 2026-02-21")
def test_a_marker_says_in_its_headers_what_it_is(world: S3World, deleted: tuple[Stored, dict[str, Any]]) -> None:
    one, marker = deleted

    with pytest.raises(world.s3.exceptions.ClientError) as refused:
        world.s3.head_object(**one.at)

    headers = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == marker["VersionId"]


@behaviour(
    "recorded: test_delete_object_versioned, 2026-02-21", "recorded: test_object_lock_delete_markers, 2026-02-21"
)
@pytest.mark.parametrize(("call", "code"), [("get_object", "MethodNotAllowed"), ("head_object", "405")])
def test_a_marker_named_by_its_version_cannot_be_read(
    world: S3World, deleted: tuple[Stored, dict[str, Any]], call: str, code: str
) -> None:
    _, marker = deleted

    world.refused(code, 405, getattr(world.s3, call), **marker)


@behaviour("recorded: test_s3_copy_object_src_not_exists, 2023-10-26")
def test_a_marker_cannot_be_copied(world: S3World, deleted: tuple[Stored, dict[str, Any]]) -> None:
    one, marker = deleted
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    world.refused("NoSuchKey", 404, world.s3.copy_object, **at, CopySource=one.at)
    error = world.refused("InvalidRequest", 400, world.s3.copy_object, **at, CopySource=marker)

    assert (
        error["Message"] == "The source of a copy request may not specifically refer to a delete marker by version id."
    )


@behaviour("recorded: test_s3_copy_object_src_not_exists, 2023-10-26")
def test_the_version_below_a_marker_can_be_copied(world: S3World, deleted: tuple[Stored, dict[str, Any]]) -> None:
    one, _ = deleted
    at = {"Bucket": one.bucket, "Key": world.new_key()}

    answer = world.s3.copy_object(**at, CopySource=one.there)

    assert answer["CopySourceVersionId"] == one.version
    assert world.body(at) == b"data"


@behaviour("recorded: test_delete_object_versioned, 2026-02-21")
def test_deleting_a_marker_brings_the_version_below_it_back(
    world: S3World, deleted: tuple[Stored, dict[str, Any]]
) -> None:
    one, marker = deleted

    answer = world.s3.delete_object(**marker)

    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, marker["VersionId"])
    assert world.head(one.at)["VersionId"] == one.version


@behaviour("recorded: test_delete_object_versioned, 2026-02-21")
def test_deleting_the_current_version_makes_the_one_before_it_current(world: S3World) -> None:
    first = world.put(world.versioned, b"first")
    second = world.put(first.bucket, b"second", first.key)

    answer = world.s3.delete_object(**second.there)

    assert answer["VersionId"] == second.version
    assert "DeleteMarker" not in answer
    assert world.body(first.at) == b"first"


@behaviour("recorded: test_delete_object_versioned, 2026-02-21")
def test_a_delete_of_what_is_absent_makes_a_marker_too(world: S3World) -> None:
    at = {"Bucket": world.versioned, "Key": world.new_key()}

    answer = world.s3.delete_object(**at)

    assert answer["DeleteMarker"] is True
    assert len(world.markers(at["Bucket"], at["Key"])) == 1


@behaviour("recorded: test_delete_objects_versioned, 2026-02-23")
def test_several_are_deleted_each_with_its_own_outcome(world: S3World) -> None:
    one, two = world.put(world.versioned), world.put(world.versioned)
    wanted = [{"Key": one.key}, {"Key": two.key, "VersionId": two.version}, {"Key": one.key, "VersionId": NO_VERSION}]

    answer = world.s3.delete_objects(Bucket=one.bucket, Delete={"Objects": wanted})

    by_key = {entry["Key"]: entry for entry in answer["Deleted"]}
    assert by_key[one.key]["DeleteMarker"] is True
    assert by_key[two.key]["VersionId"] == two.version
    assert [(entry["Code"], entry["VersionId"]) for entry in answer["Errors"]] == [("NoSuchVersion", NO_VERSION)]


@behaviour("recorded: test_get_object_with_version_unversioned_bucket, 2026-02-21")
def test_an_object_of_an_unversioned_bucket_is_the_null_version(world: S3World) -> None:
    one = world.put(world.plain, b"data")

    assert one.version is None
    assert world.body({**one.at, "VersionId": "null"}) == b"data"
    error = world.refused("InvalidArgument", 400, world.s3.get_object, **one.at, VersionId=NO_VERSION)
    assert (error["Message"], error["ArgumentName"]) == ("Invalid version id specified", "versionId")


@behaviour("recorded: test_put_object_on_suspended_bucket, 2026-02-21")
def test_a_suspended_bucket_overwrites_its_null_version_and_keeps_the_others(world: S3World) -> None:
    bucket, one = _suspended(world)

    world.put(bucket, b"null 1", one.key)
    world.put(bucket, b"null 2", one.key)

    assert [two["VersionId"] for two in world.versions(bucket, one.key)] == ["null", one.version]
    assert world.body(one.at) == b"null 2"
    assert world.body(one.there) == b"versioned"


@behaviour("recorded: test_delete_object_on_suspended_bucket, 2026-02-21")
def test_a_delete_in_a_suspended_bucket_replaces_the_null_version_by_a_marker(world: S3World) -> None:
    bucket, one = _suspended(world)
    world.put(bucket, b"null", one.key)

    answer = world.s3.delete_object(**one.at)

    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, "null")
    assert [two["VersionId"] for two in world.versions(bucket, one.key)] == [one.version]


@behaviour("recorded: test_bucket_versioning_crud, 2026-02-21")
def test_versioning_is_unset_until_it_is_set_and_can_only_be_suspended(world: S3World) -> None:
    bucket = world.buckets.new()
    before = world.s3.get_bucket_versioning(Bucket=bucket)
    world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    world.refused(
        "MalformedXML",
        400,
        world.s3.put_bucket_versioning,
        Bucket=bucket,
        VersioningConfiguration={"Status": "Disabled"},
    )
    error = world.refused(
        "IllegalVersioningConfigurationException",
        400,
        world.s3.put_bucket_versioning,
        Bucket=bucket,
        VersioningConfiguration={},
    )

    assert "Status" not in before
    assert error["Message"] == "The Versioning element must be specified"
    assert world.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


@behaviour("recorded: test_object_tagging_versioned, 2026-02-23")
def test_each_version_has_tags_of_its_own(world: S3World) -> None:
    first = world.put(world.versioned, b"first", Tagging="a=1")
    second = world.put(first.bucket, b"second", first.key)

    world.s3.put_object_tagging(**first.there, Tagging={"TagSet": [{"Key": "a", "Value": "old"}]})

    assert world.tags(second.there) == {}
    assert world.tags(first.there) == {"a": "old"}


@behaviour("recorded: test_put_object_acl_on_delete_marker, 2026-02-21")
def test_a_marker_takes_no_tags_and_no_acl(world: S3World, deleted: tuple[Stored, dict[str, Any]]) -> None:
    _, marker = deleted

    world.refused("MethodNotAllowed", 405, world.s3.put_object_tagging, **marker, Tagging={"TagSet": []})
    world.refused("MethodNotAllowed", 405, world.s3.put_object_acl, **marker, ACL="private")


def _suspended(world: S3World) -> tuple[str, Stored]:
    """A bucket whose versioning is suspended, with one version from before."""
    bucket = world.buckets.new(versioned=True)
    one = world.put(bucket, b"versioned")
    world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    return bucket, one
