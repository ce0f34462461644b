"""Replica keys: they wait for their primary, and are never sent new material."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kms_failover.domain.key_material.material import (
    Concern,
    KeyView,
    MaterialRecord,
)
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import (
    ImportRefusedError,
)
from tests.domain.key_material.reimport_world import HERE, World, WorldKey, arn


def test_a_replica_is_never_sent_new_material_and_waits_for_its_primary() -> None:
    world = World()
    world.keys.keys[arn("orders")].is_replica = True

    (result,) = world.run()

    assert world.keys.imports == []
    assert (result.action, result.error, result.concern) == (Action.NOTHING, None, Concern.NONE)
    assert "waits for the primary" in result.reason


def test_a_replica_that_has_waited_for_an_hour_is_peoples_business_and_told_once() -> None:
    """Twenty days later it still waited, and nobody had been told."""
    world = World()
    world.keys.keys[arn("orders")].is_replica = True

    at_risk = []
    for _ in range(8):
        at_risk.append(world.whole_run().at_risk)
        world.now += timedelta(minutes=15)

    assert at_risk == [0, 0, 0, 0, 1, 1, 1, 1]
    ((subject, text),) = world.topic.published
    assert subject == f"Key material in {HERE}: 1 of your keys needs you"
    assert "waits for the primary key" in text


def test_a_replica_whose_primary_has_its_material_at_last_needs_nobody_any_more() -> None:
    world = World()
    key = world.keys.keys[arn("orders")]
    key.is_replica = True
    world.run()
    world.later(1)
    world.run()
    key.material = world.custody.held["material-of-orders"]

    results = [world.whole_run() for _ in range(2)]

    assert [run.at_risk for run in results] == [0, 0]
    assert [text.endswith("kept by the service again") for _, text in world.topic.published] == [False, True]
    assert world.ledger.records["orders"].absent_since is None


@pytest.mark.parametrize("state", ["PendingDeletion", "PendingReplicaDeletion", "Unavailable"])
def test_a_key_that_opens_nothing_for_an_hour_concerns_people_whatever_its_state(state: str) -> None:
    world = World()
    world.run()
    world.keys.keys[arn("orders")].state = state

    concerns = []
    for minutes in (0, 59, 1, 60):
        world.now += timedelta(minutes=minutes)
        concerns += [result.concern for result in world.run()]

    assert concerns == [Concern.NONE, Concern.NONE, Concern.FAILING, Concern.FAILING]
    assert len(world.topic.published) == 1


def test_a_replica_whose_primary_has_material_does_not_wait_for_it_but_has_other_bytes() -> None:
    here, there = (f"arn:aws:kms:{region}:111122223333:key/mrk-1" for region in (HERE, "us-east-1"))
    members = [{"region": arn.split(":")[3], "arn": arn, "origin": "EXTERNAL"} for arn in (there, here)]
    related = KeySet.model_validate(
        {"name": "orders", "members": members, "material": {"secret": "material-of-orders"}}
    )
    world = World(related)
    world.keys.keys = {here: WorldKey(is_replica=True)}
    of_primary = {"key_set": "orders", "region": "us-east-1", "key_arn": there, "key_material_id": "ab12"}
    world.ledger.records["orders"] = MaterialRecord.model_validate(of_primary)

    (result,) = world.run()

    assert isinstance(result.error, ImportRefusedError)
    assert result.concern is Concern.FAILING


def test_a_key_that_has_had_material_is_never_sent_new_material_though_nothing_is_written_down() -> None:
    world = World()
    world.keys.keys[arn("orders")].material = world.custody.held["material-of-orders"]

    world.run()

    assert world.keys.imports == [(arn("orders"), False)]


def test_a_key_whose_material_is_written_down_is_never_sent_new_material_though_kms_shows_none() -> None:
    world = World()
    world.run()
    world.expire()
    view = world.keys.view

    def says_nothing(arn: str) -> KeyView:
        return replace(view(arn), material_id="", materials=None)

    world.keys.view = says_nothing  # type: ignore[method-assign]  # a KMS that does not list them

    world.run()

    assert world.keys.imports == [(arn("orders"), True), (arn("orders"), False)]


def test_a_replica_takes_the_existing_material_of_its_primary() -> None:
    world = World()
    key = world.keys.keys[arn("orders")]
    key.is_replica, key.material = True, world.custody.held["material-of-orders"]

    (result,) = world.run()

    assert (result.action, result.error) == (Action.RESTORE, None)
    assert world.keys.imports == [(arn("orders"), False)]
