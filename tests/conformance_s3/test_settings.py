"""Tags, ACLs and ownership, replication configurations, buckets in two Regions, conditional reads."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conformance.behaviour import behaviour

from .test_conditional_writes import NOT_HELD, OTHER_ETAG
from .world import S3World, Stored

LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"  # not public, so no account blocks a grant to it
ROLE = "arn:aws:iam::123456789012:role/replication"
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
HOUR = timedelta(hours=1)


def tagging(**tags: str) -> dict[str, Any]:
    return {"Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}}


# --- tags -------------------------------------------------------------------------------------------------------


@behaviour("recorded: test_object_tagging_crud, 2026-02-23")
def test_tags_are_replaced_as_a_whole_and_leave_the_object_alone(world: S3World) -> None:
    one = world.put(world.plain, b"data", Tagging="a=1&b=2")

    world.s3.put_object_tagging(**one.at, **tagging(c="3"))

    assert world.tags(one.at) == {"c": "3"}
    head = world.head(one.at)
    assert (head["ETag"], head["TagCount"]) == (one.etag, 1)
    world.s3.delete_object_tagging(**one.at)
    assert "TagCount" not in world.head(one.at)


@behaviour("recorded: test_object_tags_delete_or_overwrite_object, 2026-02-23")
@pytest.mark.parametrize("deleted", [False, True], ids=["overwritten", "deleted before"])
def test_tags_do_not_outlive_their_object(world: S3World, *, deleted: bool) -> None:
    one = world.put(world.plain, b"old", Tagging="a=1")
    if deleted:
        world.s3.delete_object(**one.at)

    world.put(one.bucket, b"new", one.key)

    assert world.tags(one.at) == {}


@behaviour("recorded: test_tagging_validation, 2026-02-23")
@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([("k", "1"), ("k", "2")], "Cannot provide multiple Tags with the same key"),
        ([("k1,k2", "1")], "The TagKey you have provided is invalid"),
        ([("aws:k", "1")], "Your TagKey cannot be prefixed with aws:"),
    ],
    ids=["twice", "comma", "aws"],
)
def test_a_tag_that_is_none_is_refused(world: S3World, tags: list[tuple[str, str]], message: str) -> None:
    one = world.put(world.plain, b"data", Tagging="a=1")
    wanted = {"TagSet": [{"Key": key, "Value": value} for key, value in tags]}

    error = world.refused("InvalidTag", 400, world.s3.put_object_tagging, **one.at, Tagging=wanted)

    assert error["Message"] == message
    assert world.tags(one.at) == {"a": "1"}


@behaviour("guide: object-tagging", "s3:PutObjectTagging", assumed="the code and its status")
def test_an_object_has_at_most_10_tags(world: S3World) -> None:
    ten = {f"k{number}": "v" for number in range(10)}
    one = world.put(world.plain, Tagging=urlencode(ten))

    world.refused("BadRequest", 400, world.s3.put_object_tagging, **one.at, **tagging(**ten, one_more="v"))
    world.refused("BadRequest", 400, world.s3.put_object, **one.at, Tagging=urlencode({**ten, "one more": "v"}))

    assert world.tags(one.at) == ten


@behaviour("recorded: test_object_tagging_exc, 2026-02-23")
def test_tags_of_a_write_are_a_query_without_duplicates(world: S3World) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    error = world.refused("InvalidArgument", 400, world.s3.put_object, **at, Tagging="k=1&k=2")

    assert (error["ArgumentName"], error["ArgumentValue"]) == ("x-amz-tagging", "k=1&k=2")
    world.refused("404", 404, world.s3.head_object, **at)


@behaviour("recorded: test_object_tagging_exc, 2026-02-23")
def test_what_is_absent_has_no_tags(world: S3World) -> None:
    at = {"Bucket": world.plain, "Key": world.new_key()}

    world.refused("NoSuchKey", 404, world.s3.get_object_tagging, **at)
    world.refused("NoSuchKey", 404, world.s3.put_object_tagging, **at, **tagging(a="1"))


# --- ACL and ownership ------------------------------------------------------------------------------------------


def with_acls(world: S3World) -> str:
    """A bucket whose objects may have ACLs."""
    return world.buckets.new(ObjectOwnership="ObjectWriter")


def granted(world: S3World, one: Stored) -> dict[str, str]:
    """All to the owner, and reading to another."""
    owner = world.s3.get_object_acl(**one.at)["Owner"]["ID"]
    return {"GrantFullControl": f"id={owner}", "GrantRead": f"uri={LOG_DELIVERY}"}


@behaviour("recorded: test_crud_bucket_ownership_controls, 2026-02-21")
def test_ownership_is_enforced_unless_it_is_changed(world: S3World) -> None:
    enforced = world.s3.get_bucket_ownership_controls(Bucket=world.plain)
    chosen = world.s3.get_bucket_ownership_controls(Bucket=with_acls(world))

    assert enforced["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert chosen["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "ObjectWriter"}]


@behaviour("recorded: test_s3_object_acl, 2026-02-21")
def test_an_object_belongs_to_its_owner_alone(world: S3World) -> None:
    one = world.put(world.plain)

    acl = world.s3.get_object_acl(**one.at)

    assert [(grant["Grantee"]["ID"], grant["Permission"]) for grant in acl["Grants"]] == [
        (acl["Owner"]["ID"], "FULL_CONTROL")
    ]


@behaviour("recorded: test_s3_object_acl, 2026-02-21", "s3:CopyObject", "facts 5.4")
def test_a_copy_does_not_keep_the_acl(world: S3World) -> None:
    bucket = with_acls(world)
    one = world.put(bucket)
    grants = granted(world, one)
    world.s3.put_object_acl(**one.at, **grants)
    before = world.s3.get_object_acl(**one.at)["Grants"]

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE")

    after = world.s3.get_object_acl(**one.at)["Grants"]
    assert sorted(grant["Permission"] for grant in before) == ["FULL_CONTROL", "READ"]
    assert [grant["Permission"] for grant in after] == ["FULL_CONTROL"]


@behaviour("s3:CopyObject")
def test_a_copy_is_given_grants_in_its_own_request(world: S3World) -> None:
    bucket = with_acls(world)
    one = world.put(bucket)

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", **granted(world, one))

    acl = world.s3.get_object_acl(**one.at)
    found = {(grant["Grantee"].get("ID") or grant["Grantee"]["URI"], grant["Permission"]) for grant in acl["Grants"]}
    assert found == {(acl["Owner"]["ID"], "FULL_CONTROL"), (LOG_DELIVERY, "READ")}


@behaviour("recorded: test_s3_object_acl_exceptions, 2026-02-21")
@pytest.mark.parametrize(
    ("grant", "code"),
    [
        ({"ACL": "fake-acl"}, "InvalidArgument"),
        ({"GrantRead": 'uri="http://acs.amazonaws.com/groups/s3/FakeGroup"'}, "InvalidArgument"),
        ({"GrantRead": 'fakekey="1234"'}, "InvalidArgument"),
        ({"GrantRead": "id=wrong-id"}, "InvalidArgument"),
        ({"ACL": "private", "GrantRead": f'uri="{LOG_DELIVERY}"'}, "InvalidRequest"),
        ({}, "MissingSecurityHeader"),
    ],
    ids=["canned", "group", "form", "id", "both", "none"],
)
def test_an_acl_that_is_none_is_refused(world: S3World, grant: dict[str, str], code: str) -> None:
    one = world.put(with_acls(world))

    world.refused(code, 400, world.s3.put_object_acl, **one.at, **grant)


# --- replication configurations ---------------------------------------------------------------------------------


def replication_to(bucket: str, **more: Any) -> dict[str, Any]:
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"},
    }
    return {"ReplicationConfiguration": {"Role": ROLE, "Rules": [rule | more]}}


@behaviour("recorded: test_replication_config, 2026-02-21")
def test_a_replication_configuration_comes_back_as_it_was_put(world: S3World) -> None:
    world.needs_any_role()
    source, destination = world.buckets.new(versioned=True), world.buckets.new(world.target.away, versioned=True)
    wanted = replication_to(destination)

    world.s3.put_bucket_replication(Bucket=source, **wanted)

    got = world.s3.get_bucket_replication(Bucket=source)
    assert got["ReplicationConfiguration"] == wanted["ReplicationConfiguration"]
    for _ in range(2):
        world.s3.delete_bucket_replication(Bucket=source)
    world.refused("ReplicationConfigurationNotFoundError", 404, world.s3.get_bucket_replication, Bucket=source)


@behaviour("recorded: test_replication_config, 2026-02-21")
def test_the_source_of_replication_has_versions(world: S3World) -> None:
    world.needs_any_role()
    wanted = replication_to(world.versioned)

    error = world.refused("InvalidRequest", 400, world.s3.put_bucket_replication, Bucket=world.plain, **wanted)

    assert error["Message"] == "Versioning must be 'Enabled' on the bucket to apply a replication configuration"


@behaviour("recorded: test_replication_config_without_filter, 2026-02-21")
@pytest.mark.parametrize("absent", [False, True], ids=["without versions", "absent"])
def test_the_destination_of_replication_has_versions(world: S3World, *, absent: bool) -> None:
    world.needs_any_role()
    wanted = replication_to(f"absent-{world.new_key()}" if absent else world.plain)

    error = world.refused("InvalidRequest", 400, world.s3.put_bucket_replication, Bucket=world.versioned, **wanted)

    assert error["Message"] == "Destination bucket must have versioning enabled."


@behaviour("recorded: test_replication_config, 2026-02-21")
def test_a_replication_configuration_has_rules(world: S3World) -> None:
    world.needs_any_role()
    wanted = {"ReplicationConfiguration": {"Role": ROLE, "Rules": []}}

    error = world.refused("MalformedXML", 400, world.s3.put_bucket_replication, Bucket=world.versioned, **wanted)

    assert error["Message"] == MALFORMED


# --- buckets ----------------------------------------------------------------------------------------------------


@behaviour("recorded: test_delete_bucket_with_content, 2026-02-21")
@pytest.mark.parametrize("versioned", [False, True], ids=["objects", "versions"])
def test_a_bucket_that_is_not_empty_is_not_deleted(world: S3World, *, versioned: bool) -> None:
    bucket = world.buckets.new(versioned=versioned)
    one = world.put(bucket)
    if versioned:
        world.s3.delete_object(**one.at)

    world.refused("BucketNotEmpty", 409, world.s3.delete_bucket, Bucket=bucket)

    assert world.s3.list_object_versions(Bucket=bucket)["Versions"]


@behaviour("recorded: test_bucket_operation_between_regions, 2026-02-21", "s3:HeadBucket")
def test_a_bucket_is_in_its_region(world: S3World) -> None:
    bucket = world.buckets.new(world.target.away)
    away = world.buckets.client("s3", world.target.away)

    assert away.head_bucket(Bucket=bucket)["BucketRegion"] == world.target.away
    assert away.get_bucket_location(Bucket=bucket)["LocationConstraint"] == world.target.away


@behaviour("recorded: test_bucket_operation_between_regions, 2026-02-21", "s3:CopyObject")
def test_a_copy_goes_from_one_region_to_the_other(world: S3World) -> None:
    one = world.put(world.plain, b"data", Metadata={"a": "1"})
    at = {"Bucket": world.buckets.new(world.target.away), "Key": one.key}
    away = world.buckets.client("s3", world.target.away)

    away.copy_object(**at, **one.source)

    head = away.head_object(**at)
    assert (head["Metadata"], head["ETag"]) == ({"a": "1"}, one.etag)


# --- conditional reads ------------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_get_object_preconditions, 2026-02-21")
@pytest.mark.parametrize(
    ("condition", "name"),
    [({"IfMatch": OTHER_ETAG}, "If-Match"), ({"IfUnmodifiedSince": -HOUR}, "If-Unmodified-Since")],
    ids=["match", "unmodified"],
)
def test_a_read_whose_condition_does_not_hold_is_refused(world: S3World, condition: dict[str, Any], name: str) -> None:
    one = world.put(world.plain)
    given = _dated(world, one, condition)

    error = world.refused("PreconditionFailed", 412, world.s3.get_object, **one.at, **given)
    world.refused("412", 412, world.s3.head_object, **one.at, **given)

    assert (error["Condition"], error["Message"]) == (name, NOT_HELD)


@behaviour("recorded: test_s3_get_object_preconditions, 2026-02-21")
@pytest.mark.parametrize(
    "condition", [{"IfNoneMatch": "own"}, {"IfModifiedSince": timedelta(0)}], ids=["none match", "modified"]
)
def test_a_read_of_what_is_known_already_is_not_modified(world: S3World, condition: dict[str, Any]) -> None:
    one = world.put(world.plain)
    given = _dated(world, one, condition)

    world.refused("304", 304, world.s3.get_object, **one.at, **given)
    world.refused("304", 304, world.s3.head_object, **one.at, **given)


@behaviour("s3:GetObject")
def test_what_matches_may_have_changed_since(world: S3World) -> None:
    one = world.put(world.plain, b"data")
    condition = _dated(world, one, {"IfMatch": "own", "IfUnmodifiedSince": -HOUR})

    assert world.body(one.at, **condition) == b"data"
    assert world.head(one.at, **condition)["ETag"] == one.etag


def _dated(world: S3World, one: Any, condition: dict[str, Any]) -> dict[str, Any]:
    changed = world.head(one.at)["LastModified"]
    return {
        name: one.etag if value == "own" else changed + value if isinstance(value, timedelta) else value
        for name, value in condition.items()
    }
