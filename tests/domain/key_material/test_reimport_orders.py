"""Orders of a person to import: what they restore, and when they have failed."""

from datetime import timedelta

import pytest

from kms_failover.domain.key_material.material import (
    Concern,
    LossKind,
)
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.reimport_request import Loss, ReimportRequest
from kms_failover.errors import (
    IntentRefusedError,
    ThrottledError,
)
from tests.domain.key_material.reimport_world import ALICE, FORCE, HERE, NOW, World, arn, deletion, key_set


def test_an_order_restores_it_and_people_hear_that_it_is_well() -> None:
    world = World()
    world.run()
    world.keys.lose()
    world.run(deletion())

    (result,) = world.run(FORCE)

    assert (result.action, result.concern) == (Action.RESTORE, Concern.NONE)
    assert [subject for subject, _ in world.topic.published] == [
        f"Key material in {HERE}: 1 of your keys needs you",
        f"Key material in {HERE}: kept by the service again",
    ]


def test_the_schedule_does_not_undo_the_deletion_later() -> None:
    world = World()
    world.run()
    world.keys.lose()
    world.run(deletion())
    world.later(400)

    (result,) = world.run()

    assert (result.action, result.concern) == (Action.NOTHING, Concern.DELETED)


def test_a_repeated_event_of_a_deletion_that_was_ordered_back_deletes_nothing() -> None:
    world = World()
    world.run()
    world.keys.lose()
    world.run(deletion())
    world.now += timedelta(minutes=5)
    world.run(FORCE)
    world.expire()

    (result,) = world.run(deletion())

    assert result.action is Action.RESTORE


def test_a_deletion_that_bears_a_time_to_come_is_over_once_it_was_ordered_back() -> None:
    world = World()
    world.run()
    world.keys.lose()
    loss = Loss(LossKind.DELETED, NOW + timedelta(days=1), ALICE, "ab12")
    world.run(ReimportRequest(key_id=arn("orders"), loss=loss))
    world.now += timedelta(minutes=5)
    world.run(FORCE)
    world.expire()

    (result,) = world.run()

    assert result.action is Action.RESTORE


@pytest.mark.parametrize("state", ["PendingDeletion", "PendingReplicaDeletion", "Unavailable", "Creating"])
def test_an_order_for_a_key_that_takes_no_material_has_failed_and_the_key_has_not(state: str) -> None:
    world = World()
    world.run()
    world.keys.keys[arn("orders")].state = state
    (by_schedule,) = world.run()
    before = world.ledger.records["orders"]
    told = len(world.topic.published)

    results = [world.run(FORCE)[0] for _ in range(5)]

    assert (by_schedule.error, by_schedule.reason) == (None, f"the key is {state}")
    for result in results:
        assert isinstance(result.error, IntentRefusedError)
        assert f"nothing was imported: the key is {state}. KMS takes material in" in result.reason
    after = world.ledger.records["orders"]
    assert (after.failures, after.failure, after.concern) == (before.failures, before.failure, before.concern)
    assert len(world.topic.published) == told


def test_an_order_for_a_replica_that_waits_for_its_primary_has_failed() -> None:
    world = World()
    world.keys.keys[arn("orders")].is_replica = True

    (result,) = world.run(FORCE)

    assert isinstance(result.error, IntentRefusedError)
    assert "waits for the primary key" in result.reason
    assert world.ledger.records["orders"].failures == 0


def test_an_order_that_the_time_did_not_suffice_for_has_failed() -> None:
    world = World()
    world.keys.keys[arn("orders")].error = ThrottledError("GetParametersForImport")

    (result,) = world.run(FORCE)

    assert "nothing was imported: the run's time was over before its turn: order it again" in result.reason


def test_an_order_for_fresh_material_imports_it_again_and_is_no_error() -> None:
    world = World()
    world.run()

    (result,) = world.run(FORCE)

    assert (result.action, result.reason, result.error) == (Action.RENEW, "asked for", None)


def test_an_order_for_a_key_set_without_an_imported_key_here_is_refused() -> None:
    world = World(key_set(origin="AWS_KMS"))

    with pytest.raises(IntentRefusedError, match="no key with imported material in eu-west-1"):
        world.run(FORCE)

    assert world.run(ReimportRequest(key_set="orders")) == []
