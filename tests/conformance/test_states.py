"""Key states, and what each operation gets in them."""

from functools import partial
from typing import Any

import pytest

from .behaviour import behaviour
from .world import DAY, World, id_of

DOOMED_CODES = ("KMSInvalidStateException", "DisabledException")  # facts 1.8: either
REFUSALS: dict[str, tuple[str, ...]] = {
    "Disabled": ("DisabledException",),
    "PendingImport": ("KMSInvalidStateException",),
    "PendingDeletion": DOOMED_CODES,
}
CALLS = (
    "encrypt",
    "decrypt",
    "generate_data_key",
    "generate_data_key_without_plaintext",
    "re_encrypt from",
    "re_encrypt to",
)


def brought_into(world: World, state: str, key: str) -> None:
    match state:
        case "Disabled":
            world.here.disable_key(KeyId=id_of(key))
        case "PendingImport":
            world.here.delete_imported_key_material(KeyId=key)
        case "PendingDeletion":
            world.here.schedule_key_deletion(KeyId=id_of(key), PendingWindowInDays=7)
    world.in_state(key, state)


def prepared(world: World, call: str, key: str) -> Any:
    """The cryptographic call on the key, ready to be made in any state."""
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    other = world.key()
    other_blob = world.here.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]
    return {
        "encrypt": partial(world.here.encrypt, KeyId=key, Plaintext=b"x"),
        "decrypt": partial(world.here.decrypt, CiphertextBlob=blob),
        "generate_data_key": partial(world.here.generate_data_key, KeyId=key, KeySpec="AES_256"),
        "generate_data_key_without_plaintext": partial(
            world.here.generate_data_key_without_plaintext, KeyId=key, KeySpec="AES_256"
        ),
        "re_encrypt from": partial(world.here.re_encrypt, CiphertextBlob=blob, DestinationKeyId=other),
        "re_encrypt to": partial(world.here.re_encrypt, CiphertextBlob=other_blob, DestinationKeyId=key),
    }[call]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
@behaviour("guide: key-state", "facts 1.8")
def test_no_cryptography_in_this_state(world: World, state: str, call: str) -> None:
    key = world.key()
    ready = prepared(world, call, key)

    brought_into(world, state, key)

    world.refused(REFUSALS[state], ready)


@pytest.mark.parametrize("call", CALLS)
@behaviour("guide: key-state", "facts 1.8")
def test_no_cryptography_while_an_import_is_pending(world: World, call: str) -> None:
    key, _ = world.imported_key()
    ready = prepared(world, call, key)

    brought_into(world, "PendingImport", key)

    world.refused(REFUSALS["PendingImport"], ready)


@pytest.mark.parametrize("call", CALLS)
@behaviour("kms:EnableKey")
def test_cryptography_works_again_when_the_key_is_enabled(world: World, call: str) -> None:
    key = world.key()
    ready = prepared(world, call, key)
    brought_into(world, "Disabled", key)

    world.here.enable_key(KeyId=id_of(key))

    world.in_state(key, "Enabled")
    assert ready()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("state", ["Disabled", "PendingImport", "PendingDeletion"])
@behaviour("guide: key-state")
def test_a_key_is_described_in_every_state(world: World, state: str) -> None:
    key, _ = world.imported_key()

    brought_into(world, state, key)

    described = world.describe(key)
    assert (described["KeyState"], described["Enabled"]) == (state, False)


@pytest.mark.parametrize("operation", ["enable_key", "disable_key"])
@behaviour("guide: key-state")
def test_a_key_that_is_pending_deletion_is_not_switched(world: World, operation: str) -> None:
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    world.refused("KMSInvalidStateException", getattr(world.here, operation), KeyId=id_of(key))


@pytest.mark.parametrize("operation", ["enable_key", "disable_key"])
@behaviour("guide: key-state")
def test_a_key_without_material_is_not_switched(world: World, operation: str) -> None:
    key = world.external_key()

    world.refused("KMSInvalidStateException", getattr(world.here, operation), KeyId=id_of(key))


@pytest.mark.parametrize("operation", ["enable_key", "disable_key"])
@behaviour("guide: key-state")
def test_switching_a_key_twice_changes_nothing(world: World, operation: str) -> None:
    key = world.key()

    for _ in range(2):
        getattr(world.here, operation)(KeyId=id_of(key))

    world.in_state(key, {"enable_key": "Enabled", "disable_key": "Disabled"}[operation])


@behaviour("kms:CancelKeyDeletion")
def test_a_key_whose_deletion_is_cancelled_is_disabled(world: World) -> None:
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    answer = world.here.cancel_key_deletion(KeyId=id_of(key))

    assert answer["KeyId"] == key
    world.in_state(key, "Disabled")
    assert "DeletionDate" not in world.describe(key)


@behaviour("kms:CancelKeyDeletion", assumed="that a key without material comes back as PendingImport")
def test_a_key_without_material_whose_deletion_is_cancelled_is_pending_import(world: World) -> None:
    key = world.external_key()
    brought_into(world, "PendingDeletion", key)

    world.here.cancel_key_deletion(KeyId=id_of(key))

    world.in_state(key, "PendingImport")


@behaviour("guide: key-state")
def test_only_a_deletion_that_was_scheduled_is_cancelled(world: World) -> None:
    key = world.key()

    world.refused("KMSInvalidStateException", world.here.cancel_key_deletion, KeyId=id_of(key))


@behaviour("guide: key-state")
def test_a_deletion_is_not_scheduled_twice(world: World) -> None:
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    world.refused("KMSInvalidStateException", world.here.schedule_key_deletion, KeyId=id_of(key), PendingWindowInDays=7)


@behaviour("guide: key-state")
def test_a_key_without_material_may_be_deleted(world: World) -> None:
    key = world.external_key()

    answer = world.here.schedule_key_deletion(KeyId=id_of(key), PendingWindowInDays=7)

    assert answer["KeyState"] == "PendingDeletion"


@pytest.mark.parametrize("days", [6, 31])
@behaviour("kms:ScheduleKeyDeletion", assumed="the error code")
def test_the_waiting_period_is_7_to_30_days(world: World, days: int) -> None:
    key = world.key()

    world.refused("ValidationException", world.here.schedule_key_deletion, KeyId=id_of(key), PendingWindowInDays=days)


@behaviour("kms:ScheduleKeyDeletion")
def test_the_answer_tells_state_window_and_date(world: World) -> None:
    key = world.key()

    answer = world.here.schedule_key_deletion(KeyId=id_of(key), PendingWindowInDays=9)

    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (key, "PendingDeletion", 9)
    assert abs(answer["DeletionDate"] - (world.now + 9 * DAY)) < DAY


@behaviour("kms:ScheduleKeyDeletion")
def test_the_waiting_period_is_30_days_unless_said_otherwise(world: World) -> None:
    key = world.key()

    answer = world.here.schedule_key_deletion(KeyId=id_of(key))

    assert abs(answer["DeletionDate"] - (world.now + 30 * DAY)) < DAY


@behaviour("kms:ScheduleKeyDeletion")
def test_the_key_is_gone_after_its_waiting_period(world: World) -> None:
    world.needs_settable_clock()
    key = world.key()
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    brought_into(world, "PendingDeletion", key)

    world.pass_until(world.now + 7 * DAY)

    world.refused("NotFoundException", world.here.describe_key, KeyId=key)
    world.refused("AccessDeniedException", world.here.decrypt, CiphertextBlob=blob)


@behaviour("guide: kms-events", "facts 1.9")
def test_the_end_of_a_key_is_told_to_eventbridge(world: World) -> None:
    world.needs_settable_clock()
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    world.pass_until(world.now + 7 * DAY)
    world.refused("NotFoundException", world.here.describe_key, KeyId=key)

    (event,) = world.events("KMS CMK Deletion", key)
    assert event["detail"] == {"key-id": key.rpartition("/")[2]}


@behaviour("guide: key-state")
def test_a_key_that_is_pending_deletion_gets_no_alias(world: World) -> None:
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    world.refused(
        "KMSInvalidStateException",
        world.here.create_alias,
        AliasName=f"alias/conformance-{key[-12:]}",
        TargetKeyId=key,
    )


@behaviour("guide: key-state")
def test_a_key_that_is_pending_deletion_gets_no_tags(world: World) -> None:
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    world.refused(
        "KMSInvalidStateException", world.here.tag_resource, KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]
    )


@behaviour("guide: key-state")
def test_a_key_that_is_pending_deletion_gets_no_description(world: World) -> None:
    key = world.key()
    brought_into(world, "PendingDeletion", key)

    world.refused("KMSInvalidStateException", world.here.update_key_description, KeyId=key, Description="new")


@pytest.mark.parametrize("state", ["Disabled", "PendingImport", "PendingDeletion"])
@behaviour("guide: key-state")
def test_no_grant_is_made_in_this_state(world: World, state: str) -> None:
    key, _ = world.imported_key()
    brought_into(world, state, key)
    account = key.split(":")[4]

    world.refused(
        REFUSALS[state],
        world.here.create_grant,
        KeyId=key,
        GranteePrincipal=f"arn:aws:iam::{account}:root",
        Operations=["Decrypt"],
    )


@pytest.mark.parametrize(
    ("operation", "event_name"), [("disable_key", "DisableKey"), ("schedule_key_deletion", "ScheduleKeyDeletion")]
)
@behaviour("guide: logging-using-cloudtrail", "facts 1.9")
def test_what_takes_a_key_out_of_use_is_in_the_trail(world: World, operation: str, event_name: str) -> None:
    key = world.key()

    getattr(world.here, operation)(KeyId=id_of(key))

    event = world.events("AWS API Call via CloudTrail", key)[-1]
    assert (event["detail"]["eventName"], event["detail"]["requestParameters"]["keyId"]) == (event_name, id_of(key))


@pytest.mark.parametrize("operation", ["disable_key", "enable_key", "schedule_key_deletion"])
@behaviour("kms:DisableKey", "kms:EnableKey", "kms:ScheduleKeyDeletion")
def test_a_key_is_named_by_its_arn_as_well(world: World, operation: str) -> None:
    key = world.key()

    answer = getattr(world.here, operation)(KeyId=key)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@behaviour("kms:CreateGrant")
def test_a_grant_is_not_made_through_an_alias(world: World) -> None:
    key = world.key()
    alias = f"alias/conformance-{key[-12:]}"
    world.here.create_alias(AliasName=alias, TargetKeyId=key)
    account = key.split(":")[4]

    try:
        world.refused(
            ("NotFoundException", "InvalidArnException"),
            world.here.create_grant,
            KeyId=alias,
            GranteePrincipal=f"arn:aws:iam::{account}:root",
            Operations=["Decrypt"],
        )
    finally:
        world.here.delete_alias(AliasName=alias)
