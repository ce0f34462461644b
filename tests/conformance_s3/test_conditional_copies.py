"""CopyObject under a condition on its source, on its destination, or on both: rewrap's main guard."""

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .test_conditional_writes import NOT_HELD, NOT_TAKEN, OTHER_ETAG
from .world import S3World

REPLACE = {"MetadataDirective": "REPLACE", "Metadata": {"a": "2"}}
HOUR = timedelta(hours=1)


@behaviour("recorded: test_s3_copy_object_preconditions, 2025-11-12")
@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ({"CopySourceIfMatch": OTHER_ETAG}, "x-amz-copy-source-If-Match"),
        ({"CopySourceIfNoneMatch": "own"}, "x-amz-copy-source-If-None-Match"),
        ({"CopySourceIfUnmodifiedSince": -HOUR}, "x-amz-copy-source-If-Unmodified-Since"),
        ({"CopySourceIfModifiedSince": timedelta(0)}, "x-amz-copy-source-If-Modified-Since"),
    ],
    ids=["match", "none match", "unmodified", "modified"],
)
def test_a_copy_whose_source_condition_does_not_hold_is_refused(
    world: S3World, condition: dict[str, Any], name: str
) -> None:
    source, destination = world.put(world.plain, b"new"), world.put(world.plain, b"old", Metadata={"a": "1"})
    before = world.picture(destination.at)

    error = world.refused(
        "PreconditionFailed",
        412,
        world.s3.copy_object,
        **destination.at,
        **source.source,
        **given(world, source, condition),
    )

    assert (error["Message"], error["Condition"]) == (NOT_HELD, name)
    assert world.picture(destination.at) == before


@behaviour("recorded: test_s3_copy_object_preconditions, 2025-11-12")
@pytest.mark.parametrize(
    "condition",
    [
        {"CopySourceIfMatch": "own"},
        {"CopySourceIfNoneMatch": OTHER_ETAG},
        {"CopySourceIfUnmodifiedSince": HOUR},
        {"CopySourceIfModifiedSince": -HOUR},
        {"CopySourceIfModifiedSince": HOUR},
    ],
    ids=["match", "none match", "unmodified", "modified", "modified in the future"],
)
def test_a_copy_whose_source_condition_holds_is_made(world: S3World, condition: dict[str, Any]) -> None:
    source, destination = world.put(world.plain, b"new"), world.put(world.plain, b"old")

    world.s3.copy_object(**destination.at, **source.source, **given(world, source, condition))

    assert world.body(destination.at) == b"new"


@behaviour("s3:CopyObject")
def test_a_source_that_matches_may_have_changed_since(world: S3World) -> None:
    source, destination = world.put(world.plain, b"new"), world.put(world.plain, b"old")
    condition = given(world, source, {"CopySourceIfMatch": "own", "CopySourceIfUnmodifiedSince": -HOUR})

    world.s3.copy_object(**destination.at, **source.source, **condition)

    assert world.body(destination.at) == b"new"


@behaviour("recorded: test_copy_object_if_match, 2026-02-21")
def test_a_copy_onto_an_object_with_its_etag_is_made(world: S3World) -> None:
    source, destination = world.put(world.plain, b"new"), world.put(world.plain, b"old")

    copied = world.s3.copy_object(**destination.at, **source.source, IfMatch=destination.etag)

    assert copied["CopyObjectResult"]["ETag"] == source.etag
    assert world.body(destination.at) == b"new"


@behaviour("recorded: test_copy_object_if_match, 2026-02-21")
def test_a_copy_onto_another_object_than_expected_is_refused_and_changes_nothing(world: S3World) -> None:
    source = world.put(world.plain, b"new", Metadata={"a": "2"}, Tagging="t=2")
    destination = world.put(world.plain, b"old", Metadata={"a": "1"}, Tagging="t=1", ContentType="text/old")
    before = world.picture(destination.at)

    error = world.refused(
        "PreconditionFailed", 412, world.s3.copy_object, **destination.at, **source.source, IfMatch=source.etag
    )

    assert (error["Message"], error["Condition"]) == (NOT_HELD, "If-Match")
    assert world.picture(destination.at) == before


@behaviour("recorded: test_copy_object_if_match, 2026-02-21")
def test_a_copy_onto_an_expected_object_that_is_absent_finds_none(world: S3World) -> None:
    source = world.put(world.plain, b"new")
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("NoSuchKey", 404, world.s3.copy_object, **at, **source.source, IfMatch=source.etag)

    assert (error["Key"], error["Message"]) == (at["Key"], "The specified key does not exist.")
    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_copy_object_if_match_versioned_bucket, 2026-02-21")
def test_a_copy_onto_a_delete_marker_finds_no_object(world: S3World) -> None:
    source, destination = world.put(world.versioned, b"new"), world.put(world.versioned, b"old")
    world.s3.delete_object(**destination.at)

    world.refused("NoSuchKey", 404, world.s3.copy_object, **destination.at, **source.source, IfMatch=destination.etag)

    assert len(world.versions(destination.bucket, destination.key)) == 1


@behaviour("recorded: test_copy_object_if_match_versioned_bucket, 2026-02-21")
def test_a_copy_compares_with_the_current_version_of_its_destination(world: S3World) -> None:
    source, first = world.put(world.versioned, b"new"), world.put(world.versioned, b"first")
    second = world.put(world.versioned, b"second", first.key)

    world.refused("PreconditionFailed", 412, world.s3.copy_object, **first.at, **source.source, IfMatch=first.etag)
    copied = world.s3.copy_object(**first.at, **source.source, IfMatch=second.etag)

    assert copied["CopySourceVersionId"] == source.version
    assert [one["VersionId"] for one in world.versions(first.bucket, first.key)] == [
        copied["VersionId"],
        second.version,
        first.version,
    ]


@behaviour("recorded: test_copy_object_if_none_match, 2026-02-21")
def test_a_copy_where_nothing_must_be_is_made_once(world: S3World) -> None:
    source = world.put(world.plain, b"new")
    at = {"Bucket": world.plain, "Key": world.new_key()}

    world.s3.copy_object(**at, **source.source, IfNoneMatch="*")
    error = world.refused("PreconditionFailed", 412, world.s3.copy_object, **at, **source.source, IfNoneMatch="*")

    assert error["Condition"] == "If-None-Match"
    assert world.body(at) == b"new"


@behaviour("recorded: test_copy_object_if_none_match_versioned_bucket, 2026-02-21")
def test_a_copy_where_nothing_must_be_is_made_over_a_delete_marker(world: S3World) -> None:
    source, destination = world.put(world.versioned, b"new"), world.put(world.versioned, b"old")
    world.refused("PreconditionFailed", 412, world.s3.copy_object, **destination.at, **source.source, IfNoneMatch="*")
    world.s3.delete_object(**destination.at)

    world.s3.copy_object(**destination.at, **source.source, IfNoneMatch="*")

    assert world.body(destination.at) == b"new"


@behaviour("recorded: test_copy_object_if_match_in_place, 2026-02-21")
@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
def test_a_copy_onto_itself_with_its_etag_changes_the_metadata(world: S3World, *, versioned: bool) -> None:
    one = world.put(world.versioned if versioned else world.plain, b"data", Metadata={"a": "1"})

    world.s3.copy_object(**one.at, **one.source, **REPLACE, IfMatch=one.etag)

    assert world.head(one.at)["Metadata"] == {"a": "2"}
    assert world.body(one.at) == b"data"


@behaviour("recorded: test_copy_object_if_match, 2026-02-21", "s3:CopyObject")
@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
def test_a_copy_onto_itself_loses_against_a_write_in_between(world: S3World, *, versioned: bool) -> None:
    seen = world.put(world.versioned if versioned else world.plain, b"seen", Metadata={"a": "1"})
    world.put(seen.bucket, b"newer", seen.key, Metadata={"a": "client"}, Tagging="t=client")
    before = world.picture(seen.at)

    world.refused(
        "PreconditionFailed", 412, world.s3.copy_object, **seen.at, **seen.source, **REPLACE, IfMatch=seen.etag
    )

    assert world.picture(seen.at) == before


@behaviour("recorded: test_copy_object_if_none_match_in_place, 2026-02-21")
def test_a_copy_onto_itself_where_nothing_must_be_is_refused(world: S3World) -> None:
    one = world.put(world.plain, b"data", Metadata={"a": "1"})

    world.refused("PreconditionFailed", 412, world.s3.copy_object, **one.at, **one.source, **REPLACE, IfNoneMatch="*")

    assert world.head(one.at)["Metadata"] == {"a": "1"}


@behaviour("recorded: test_copy_object_precondition_write_validation, 2026-02-21")
@pytest.mark.parametrize(
    ("condition", "header"),
    [
        ({"IfNoneMatch": OTHER_ETAG}, "If-None-Match"),
        ({"IfMatch": "*"}, "If-Match"),
        ({"IfMatch": OTHER_ETAG, "IfNoneMatch": "*"}, "If-Match,If-None-Match"),
    ],
    ids=["none match of an etag", "match of any", "both"],
)
def test_a_copy_takes_one_condition_of_two_kinds(world: S3World, condition: dict[str, str], header: str) -> None:
    source, destination = world.put(world.plain, b"new"), world.put(world.plain, b"old")

    error = world.refused("NotImplemented", 501, world.s3.copy_object, **destination.at, **source.source, **condition)

    assert (error["Message"], error["Header"]) == (NOT_TAKEN, header)
    assert world.body(destination.at) == b"old"


@behaviour("recorded: test_s3_copy_object_preconditions, 2025-11-12", "s3:CopyObject")
def test_conditions_on_source_and_destination_must_both_hold(world: S3World) -> None:
    source, destination = world.put(world.plain, b"new"), world.put(world.plain, b"old")
    copy = {**destination.at, **source.source}

    world.refused(
        "PreconditionFailed", 412, world.s3.copy_object, **copy, CopySourceIfMatch=source.etag, IfMatch=OTHER_ETAG
    )
    world.refused(
        "PreconditionFailed", 412, world.s3.copy_object, **copy, CopySourceIfMatch=OTHER_ETAG, IfMatch=destination.etag
    )
    world.s3.copy_object(**copy, CopySourceIfMatch=source.etag, IfMatch=destination.etag)

    assert world.body(destination.at) == b"new"


def given(world: S3World, source: Any, condition: dict[str, Any]) -> dict[str, Any]:
    """The condition with "own" as the source's ETag, and times counted from the source's last change."""
    changed = world.head(source.at)["LastModified"]
    return {
        name: source.etag if value == "own" else changed + value if isinstance(value, timedelta) else value
        for name, value in condition.items()
    }
