"""PutObject and DeleteObject under a condition: the guard of every read-modify-write of the product."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World

OTHER_ETAG = '"900150983cd24fb0d6963f7d28e17f72"'
NOT_HELD = "At least one of the pre-conditions you specified did not hold"
NOT_TAKEN = "A header you provided implies functionality that is not implemented"


@behaviour("recorded: test_put_object_if_match, 2026-02-21")
def test_a_put_with_the_etag_of_the_object_overwrites_it(world: S3World) -> None:
    one = world.put(world.plain, b"old")

    world.s3.put_object(**one.at, Body=b"new", IfMatch=one.etag)

    assert world.body(one.at) == b"new"


@behaviour("recorded: test_put_object_if_match, 2026-02-21")
def test_a_put_with_another_etag_is_refused_and_changes_nothing(world: S3World) -> None:
    one = world.put(world.plain, b"old", Metadata={"a": "1"}, Tagging="t=1", CacheControl="no-store")
    before = world.picture(one.at)

    error = world.refused(
        "PreconditionFailed", 412, world.s3.put_object, **one.at, Body=b"new", Metadata={"a": "2"}, IfMatch=OTHER_ETAG
    )

    assert (error["Message"], error["Condition"]) == (NOT_HELD, "If-Match")
    assert world.picture(one.at) == before


@behaviour("recorded: test_put_object_if_match, 2026-02-21")
def test_a_put_with_an_etag_where_no_object_is_finds_none(world: S3World) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("NoSuchKey", 404, world.s3.put_object, **at, Body=b"new", IfMatch=OTHER_ETAG)

    assert error["Message"] == "The specified key does not exist."
    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_put_object_if_match_versioned_bucket, 2026-02-21")
def test_a_put_with_an_etag_on_a_delete_marker_finds_no_object(world: S3World) -> None:
    one = world.put(world.versioned, b"old")
    world.s3.delete_object(**one.at)

    world.refused("NoSuchKey", 404, world.s3.put_object, **one.at, Body=b"new", IfMatch=one.etag)

    assert len(world.versions(one.bucket, one.key)) == 1


@behaviour("recorded: test_put_object_if_match_versioned_bucket, 2026-02-21")
def test_a_put_compares_with_the_current_version_only(world: S3World) -> None:
    first = world.put(world.versioned, b"first")
    second = world.put(world.versioned, b"second", first.key)

    world.refused("PreconditionFailed", 412, world.s3.put_object, **first.at, Body=b"third", IfMatch=first.etag)
    world.s3.put_object(**first.at, Body=b"third", IfMatch=second.etag)

    assert world.body(first.at) == b"third"
    assert len(world.versions(first.bucket, first.key)) == 3


@behaviour("recorded: test_put_object_if_none_match, 2026-02-21")
@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
def test_a_put_of_what_must_not_exist_is_refused_where_it_does(world: S3World, *, versioned: bool) -> None:
    one = world.put(world.versioned if versioned else world.plain, b"old")
    before = world.picture(one.at)

    error = world.refused("PreconditionFailed", 412, world.s3.put_object, **one.at, Body=b"new", IfNoneMatch="*")

    assert (error["Message"], error["Condition"]) == (NOT_HELD, "If-None-Match")
    assert world.picture(one.at) == before


@behaviour("recorded: test_put_object_if_none_match, 2026-02-21")
def test_a_put_of_what_must_not_exist_is_taken_after_a_delete(world: S3World) -> None:
    one = world.put(world.plain, b"old")
    world.s3.delete_object(**one.at)

    world.s3.put_object(**one.at, Body=b"new", IfNoneMatch="*")

    assert world.body(one.at) == b"new"


@behaviour("recorded: test_put_object_if_none_match_versioned_bucket, 2026-02-21")
def test_a_delete_marker_counts_as_no_object(world: S3World) -> None:
    one = world.put(world.versioned, b"old")
    world.s3.delete_object(**one.at)

    world.s3.put_object(**one.at, Body=b"new", IfNoneMatch="*")

    assert world.body(one.at) == b"new"
    assert [marker["IsLatest"] for marker in world.markers(one.bucket, one.key)] == [False]


@behaviour(
    "recorded: test_put_object_if_none_match_validation, 2026-02-21",
    "recorded: test_put_object_if_match_validation, 2026-02-21",
    "recorded: test_put_object_if_match_and_if_none_match_validation, 2026-02-21",
)
@pytest.mark.parametrize(
    ("condition", "header"),
    [
        ({"IfNoneMatch": OTHER_ETAG}, "If-None-Match"),
        ({"IfMatch": "*"}, "If-Match"),
        ({"IfMatch": OTHER_ETAG, "IfNoneMatch": "*"}, "If-Match,If-None-Match"),
    ],
    ids=["none match of an etag", "match of any", "both"],
)
def test_a_put_takes_one_condition_of_two_kinds(world: S3World, condition: dict[str, str], header: str) -> None:
    one = world.put(world.plain, b"old")

    error = world.refused("NotImplemented", 501, world.s3.put_object, **one.at, Body=b"new", **condition)

    assert (error["Message"], error["Header"]) == (NOT_TAKEN, header)
    assert world.body(one.at) == b"old"


@behaviour("recorded: test_delete_object_if_match_non_express, 2026-02-21")
def test_a_delete_with_another_etag_is_refused(world: S3World) -> None:
    one = world.put(world.plain, b"old")

    error = world.refused("PreconditionFailed", 412, world.s3.delete_object, **one.at, IfMatch=OTHER_ETAG)

    assert error["Condition"] == "If-Match"
    assert world.body(one.at) == b"old"


@behaviour("s3:DeleteObject")
def test_a_delete_with_the_etag_of_the_object_removes_it(world: S3World) -> None:
    one = world.put(world.plain, b"old")

    world.s3.delete_object(**one.at, IfMatch=one.etag)

    world.refused("404", 404, world.s3.head_object, **one.at)


@behaviour(
    "recorded: test_delete_object_if_match_modified_non_express, 2026-02-21",
    "recorded: test_delete_object_if_match_size_non_express, 2026-02-21",
)
@pytest.mark.parametrize(
    ("condition", "header"),
    [
        ({"IfMatchLastModifiedTime": datetime(2026, 1, 1, tzinfo=UTC)}, "x-amz-if-match-last-modified-time"),
        ({"IfMatchSize": 3}, "x-amz-if-match-size"),
    ],
    ids=["time", "size"],
)
def test_a_delete_takes_no_condition_of_directory_buckets(
    world: S3World, condition: dict[str, Any], header: str
) -> None:
    one = world.put(world.plain, b"old")

    error = world.refused("NotImplemented", 501, world.s3.delete_object, **one.at, **condition)

    assert (error["Message"], error["Header"]) == (NOT_TAKEN, header)
    assert world.body(one.at) == b"old"
