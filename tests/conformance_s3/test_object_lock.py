"""Object Lock: retention, legal hold, defaults, and what a copy takes of them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World, Stored

PROTECTED = "Access Denied because object protected by object lock."
MISSING = "Bucket is missing Object Lock Configuration"
DAY = timedelta(days=1)
GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"


def until(days: float) -> datetime:
    return (datetime.now(UTC) + days * DAY).replace(microsecond=0)


def retained(world: S3World, days: float = 2) -> Stored:
    return world.put(world.locked, b"data", ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=until(days))


def held(world: S3World) -> Stored:
    return world.put(world.locked, b"data", ObjectLockLegalHoldStatus="ON")


# --- retention --------------------------------------------------------------------------------------------------


@behaviour("recorded: test_s3_object_retention, 2026-02-21")
def test_a_retained_version_cannot_be_deleted(world: S3World) -> None:
    one = retained(world)

    error = world.refused("AccessDenied", 403, world.s3.delete_object, **one.there)

    assert error["Message"] == PROTECTED
    assert world.body(one.there) == b"data"


@behaviour("recorded: test_s3_object_retention, 2026-02-21")
def test_governance_mode_can_be_bypassed(world: S3World) -> None:
    one = retained(world)

    world.s3.delete_object(**one.there, BypassGovernanceRetention=True)

    assert world.versions(one.bucket, one.key) == []


@behaviour("recorded: test_object_lock_delete_markers, 2026-02-21")
def test_a_retained_object_can_get_a_delete_marker(world: S3World) -> None:
    one = retained(world)

    marker = world.s3.delete_object(**one.at)

    assert marker["DeleteMarker"] is True
    world.s3.delete_object(**one.at, VersionId=marker["VersionId"])
    assert world.head(one.at)["ObjectLockMode"] == GOVERNANCE


@behaviour("recorded: test_object_lock_delete_markers, 2026-02-21")
def test_a_delete_marker_has_no_retention(world: S3World) -> None:
    one = retained(world)
    marker = {**one.at, "VersionId": world.s3.delete_object(**one.at)["VersionId"]}
    wanted = {"Retention": {"Mode": GOVERNANCE, "RetainUntilDate": until(3)}}

    for call, more in ((world.s3.put_object_retention, wanted), (world.s3.get_object_retention, {})):
        error = world.refused("MethodNotAllowed", 405, call, **marker, **more)
        assert error["ResourceType"] == "DeleteMarker"


@behaviour("recorded: test_s3_object_retention, 2026-02-21", "s3:PutObject")
def test_a_retained_object_can_be_overwritten_by_a_new_version(world: S3World) -> None:
    one = retained(world)

    newer = world.put(one.bucket, b"newer", one.key)

    assert world.body(one.at) == b"newer"
    assert world.head(one.there)["ObjectLockMode"] == GOVERNANCE
    assert "ObjectLockMode" not in world.head(newer.there)


@behaviour("recorded: test_object_lock_extend_duration, 2026-02-21")
def test_retention_can_be_extended_and_not_shortened(world: S3World) -> None:
    one, longer = retained(world), until(3)

    put_retention(world, one, longer)
    error = world.refused(
        "AccessDenied",
        403,
        world.s3.put_object_retention,
        **one.there,
        Retention={"Mode": GOVERNANCE, "RetainUntilDate": until(1)},
    )

    assert error["Message"] == PROTECTED
    assert world.head(one.there)["ObjectLockRetainUntilDate"] == longer


@behaviour("recorded: test_s3_object_retention, 2026-02-21")
def test_governance_retention_is_shortened_or_taken_away_by_a_bypass(world: S3World) -> None:
    one, shorter = retained(world), until(1)

    put_retention(world, one, shorter, BypassGovernanceRetention=True)
    assert world.head(one.there)["ObjectLockRetainUntilDate"] == shorter
    world.s3.put_object_retention(**one.there, Retention={}, BypassGovernanceRetention=True)

    assert "ObjectLockMode" not in world.head(one.there)


@behaviour("recorded: test_s3_object_retention_exc, 2026-02-21")
@pytest.mark.parametrize(
    ("retention", "code"),
    [
        ({"Mode": GOVERNANCE, "RetainUntilDate": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidArgument"),
        ({"Mode": "BAD-VALUE", "RetainUntilDate": until(300)}, "MalformedXML"),
        ({"RetainUntilDate": until(300)}, "MalformedXML"),
    ],
    ids=["in the past", "no mode of that name", "no mode"],
)
def test_retention_needs_a_mode_and_a_time_to_come(world: S3World, retention: dict[str, Any], code: str) -> None:
    one = world.put(world.locked)

    world.refused(code, 400, world.s3.put_object_retention, **one.there, Retention=retention)

    assert "ObjectLockMode" not in world.head(one.there)


@behaviour("recorded: test_s3_object_lock_mode_validation, 2026-02-21")
@pytest.mark.parametrize(
    ("lock", "argument"),
    [
        ({"ObjectLockMode": GOVERNANCE}, "x-amz-object-lock-retain-until-date"),
        ({"ObjectLockRetainUntilDate": until(2)}, "x-amz-object-lock-mode"),
        ({"ObjectLockMode": "BAD-VALUE", "ObjectLockRetainUntilDate": until(2)}, "x-amz-object-lock-mode"),
    ],
    ids=["no time", "no mode", "no mode of that name"],
)
def test_a_put_with_half_a_retention_is_refused(world: S3World, lock: dict[str, Any], argument: str) -> None:
    at = {"Bucket": world.locked, "Key": world.new_key()}

    error = world.refused("InvalidArgument", 400, world.s3.put_object, **at, **lock)

    assert error["ArgumentName"] == argument


@behaviour("recorded: test_s3_object_retention_exc, 2026-02-21")
def test_an_object_without_retention_has_no_configuration(world: S3World) -> None:
    one = world.put(world.locked)

    error = world.refused("NoSuchObjectLockConfiguration", 404, world.s3.get_object_retention, **one.at)

    assert error["Message"] == "The specified object does not have a ObjectLock configuration"


@behaviour("recorded: test_s3_object_retention_exc, 2026-02-21", "recorded: test_put_object_legal_hold_exc, 2026-02-21")
def test_a_bucket_without_object_lock_takes_no_locks(world: S3World) -> None:
    one = world.put(world.versioned)
    retention = {"Retention": {"Mode": GOVERNANCE, "RetainUntilDate": until(2)}}

    for call, more in (
        (world.s3.put_object_retention, retention),
        (world.s3.get_object_retention, {}),
        (world.s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
        (world.s3.get_object_legal_hold, {}),
    ):
        assert world.refused("InvalidRequest", 400, call, **one.at, **more)["Message"] == MISSING


@behaviour("recorded: test_delete_object_with_no_locking, 2026-02-21")
def test_a_bypass_is_for_buckets_with_object_lock(world: S3World) -> None:
    one = world.put(world.plain)

    error = world.refused("InvalidArgument", 400, world.s3.delete_object, **one.at, BypassGovernanceRetention=True)

    assert error["ArgumentName"] == "x-amz-bypass-governance-retention"


@behaviour("recorded: test_s3_object_retention_compliance_mode, 2026-02-21")
def test_compliance_mode_holds_against_everybody_until_its_end(world: S3World) -> None:
    world.needs_buckets_that_go()
    end = datetime.now(UTC) + timedelta(seconds=4)
    one = world.put(world.locked, ObjectLockMode=COMPLIANCE, ObjectLockRetainUntilDate=end)
    weaker = {"Retention": {"Mode": GOVERNANCE, "RetainUntilDate": until(2)}}
    shorter = {"Retention": {"Mode": COMPLIANCE, "RetainUntilDate": end - timedelta(seconds=2)}}

    world.refused("AccessDenied", 403, world.s3.delete_object, **one.there, BypassGovernanceRetention=True)
    for change in (weaker, shorter):
        world.refused(
            "AccessDenied", 403, world.s3.put_object_retention, **one.there, **change, BypassGovernanceRetention=True
        )
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 1)
    world.s3.delete_object(**one.there)

    assert world.versions(one.bucket, one.key) == []


# --- legal hold -------------------------------------------------------------------------------------------------


@behaviour("recorded: test_delete_locked_object, 2026-02-21")
def test_a_held_version_cannot_be_deleted_even_past_governance(world: S3World) -> None:
    one = held(world)

    error = world.refused("AccessDenied", 403, world.s3.delete_object, **one.there, BypassGovernanceRetention=True)

    assert error["Message"] == PROTECTED


@behaviour("recorded: test_delete_locked_object, 2026-02-21")
def test_a_deletion_of_several_names_the_held_one(world: S3World) -> None:
    one, other = held(world), world.put(world.locked)
    wanted = [{"Key": two.key, "VersionId": two.version} for two in (one, other)]

    answer = world.s3.delete_objects(Bucket=one.bucket, Delete={"Objects": wanted})

    assert [(entry["Key"], entry["Code"], entry["Message"]) for entry in answer["Errors"]] == [
        (one.key, "AccessDenied", PROTECTED)
    ]
    assert [entry["Key"] for entry in answer["Deleted"]] == [other.key]


@behaviour("recorded: test_s3_legal_hold_lock_versioned, 2026-02-21")
def test_a_hold_that_is_lifted_lets_the_version_go(world: S3World) -> None:
    one = held(world)

    world.s3.put_object_legal_hold(**one.there, LegalHold={"Status": "OFF"})

    assert world.head(one.there)["ObjectLockLegalHoldStatus"] == "OFF"
    world.s3.delete_object(**one.there)
    assert world.versions(one.bucket, one.key) == []


@behaviour("recorded: test_put_get_object_legal_hold, 2026-02-21")
def test_a_hold_that_was_never_set_is_no_configuration(world: S3World) -> None:
    one = world.put(world.locked)

    world.refused("NoSuchObjectLockConfiguration", 404, world.s3.get_object_legal_hold, **one.at)
    world.s3.put_object_legal_hold(**one.at, LegalHold={"Status": "ON"})

    assert world.s3.get_object_legal_hold(**one.at)["LegalHold"] == {"Status": "ON"}


# --- defaults and copies ----------------------------------------------------------------------------------------


@behaviour("recorded: test_bucket_config_default_retention, 2026-02-21")
def test_a_default_retention_is_given_to_new_objects(world: S3World) -> None:
    bucket = with_default(world, 1)

    default = world.put(bucket)
    own = world.put(bucket, ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=until(5))

    assert until(0.9) < world.head(default.there)["ObjectLockRetainUntilDate"] < until(1.1)
    assert until(4.9) < world.head(own.there)["ObjectLockRetainUntilDate"]


@behaviour("recorded: test_bucket_config_default_retention, 2026-02-21", "s3:CopyObject")
def test_a_copy_gets_the_default_retention_anew(world: S3World) -> None:
    bucket = with_default(world, 1)
    one = world.put(bucket, ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=until(5))

    copy = world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE")

    assert world.head({**one.at, "VersionId": copy["VersionId"]})["ObjectLockRetainUntilDate"] < until(1.1)


@behaviour(
    "recorded: test_s3_copy_object_retention_lock, 2026-02-21",
    "recorded: test_s3_copy_object_legal_hold, 2026-02-21",
)
def test_a_copy_takes_neither_retention_nor_hold(world: S3World) -> None:
    for one in (retained(world), held(world)):
        copy = {"Bucket": one.bucket, "Key": world.new_key()}

        world.s3.copy_object(**copy, **one.source)

        assert (
            not {"ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"} & world.head(copy).keys()
        )


@behaviour("s3:CopyObject")
def test_a_copy_is_given_retention_and_hold_in_its_own_request(world: S3World) -> None:
    one, end = retained(world), until(4)
    lock = {"ObjectLockMode": GOVERNANCE, "ObjectLockRetainUntilDate": end, "ObjectLockLegalHoldStatus": "ON"}

    copy = world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", **lock)

    head = world.head({**one.at, "VersionId": copy["VersionId"]})
    assert {name: head[name] for name in lock} == lock


@behaviour("recorded: test_disable_versioning_on_locked_bucket, 2026-02-21")
def test_a_locked_bucket_stays_versioned(world: S3World) -> None:
    wanted = {"VersioningConfiguration": {"Status": "Suspended"}}

    error = world.refused("InvalidBucketState", 409, world.s3.put_bucket_versioning, Bucket=world.locked, **wanted)

    assert "Object Lock configuration is present on this bucket" in error["Message"]


def put_retention(world: S3World, one: Stored, end: datetime, **options: Any) -> None:
    world.s3.put_object_retention(**one.there, Retention={"Mode": GOVERNANCE, "RetainUntilDate": end}, **options)


def with_default(world: S3World, days: int) -> str:
    bucket = world.buckets.new(lock=True)
    rule = {"DefaultRetention": {"Mode": GOVERNANCE, "Days": days}}
    world.s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    return bucket
