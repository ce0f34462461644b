"""A key set that this version cannot read: the others go on, and what was last readable stays."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from kms_failover.adapters.key_set_journal import KeySetJournal
from kms_failover.adapters.state_table import key_sets as stored_key_sets
from kms_failover.domain.key_set import Bucket, Failback
from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.sweep import Chance, RewrapMessage, SweepService
from kms_failover.domain.routing.controller import Controller
from tests.adapters.unreadable_world import NO_BODY, Break, World, has, lacks, says
from tests.client.kms_world import aws_error
from tests.domain.routing.controller_world import RecordedAnnouncer
from tests.domain.strategies import EAST, NOON, WEST, arn, key_set


@pytest.fixture
def world(module_table: Any) -> World:
    return World(module_table)


# Key sets


@pytest.mark.parametrize("spoiled", [says(failback="scheduled"), says(members=[]), *NO_BODY])
def test_a_key_set_that_cannot_be_read_leaves_the_others_and_is_told(world: World, spoiled: Break) -> None:
    for name in ("invoices", "orders"):
        world.state.put_key_set(key_set(name=name))
    world.spoil("key-sets", "invoices", spoiled)
    cold = world.anew()

    known = cold.key_sets()

    assert known == (key_set(),)
    assert [error.item for error in cold.unknown_key_sets] == ["key-sets/invoices"]
    assert [error.item for error in world.told] == ["key-sets/invoices"]


def test_a_key_set_that_cannot_be_read_any_more_stays_as_the_process_knows_it(world: World) -> None:
    world.state.put_key_set(key_set())
    world.state.key_sets()
    world.spoil("key-sets", "orders", says(failback="scheduled"))

    known = world.state.key_sets()

    assert known == (key_set(),)
    assert world.state.unknown_key_sets == ()
    assert world.items_told == {"key-sets/orders"}


def test_after_a_cold_start_the_last_version_that_somebody_replaced_stays(world: World) -> None:
    journal = KeySetJournal(world.table, WEST)
    versions = [key_set(), key_set(EAST, WEST, failback=Failback.AUTOMATIC), key_set(WEST, EAST)]
    for number, version in enumerate(versions):
        seen = journal.in_force().get("orders")
        journal.replace(version, seen, NOON + timedelta(seconds=number), "a")
    world.spoil("key-sets", "orders", says(failback="scheduled"))
    replaced_last = max(item["sk"] for item in world.table.scan()["Items"] if item["pk"] == "former#orders")
    former = world.table.get_item(Key={"pk": "former#orders", "sk": replaced_last})["Item"]

    first = world.anew().key_sets()
    world.table.put_item(Item=has(body="{")(former))
    second = world.anew().key_sets()

    assert (first, second) == ((versions[1],), (versions[0],))
    assert "key-sets/orders" in world.items_told


def test_no_debt_and_no_proof_is_dropped_because_an_older_version_of_its_key_set_stands_in(world: World) -> None:
    """The former version has no bucket yet; the one in force has, and an object of it opens in one region alone."""
    with_bucket = key_set().but(buckets=(Bucket(name="invoices", region=WEST),))
    journal = KeySetJournal(world.table, WEST)
    journal.replace(key_set(), None, NOON, "ana")
    journal.replace(with_bucket, journal.in_force()["orders"], NOON, "ana")
    owed = Debt(key_set="orders", owed_to=WEST, bucket="invoices", key="k", since=NOON - timedelta(days=9), region=WEST)
    world.state.put_debt(owed)
    place = {"key_set": "orders", "bucket": "invoices", "region": WEST, "key_arn": arn(WEST), "execution": "e"}
    world.state.put_backfill(Backfill.model_validate(place | {"began_at": NOON}))
    world.spoil("key-sets", "orders", says(failback="scheduled"))
    state = world.anew()

    swept = SweepService(
        state.key_sets, state, _NoQueue(), WEST, Chance(lambda: "0", lambda _: None), lambda: NOON
    ).sweep()

    assert swept.dropped == 0
    assert state.owed("orders", WEST, 10) == 1
    assert [one.bucket for one in state.backfills("orders")] == ["invoices"]
    world.state.put_key_set(key_set())
    assert (state.key_sets(), state.stands_in("orders")) == ((key_set(),), False)


def test_no_route_leaves_a_region_because_an_older_version_of_its_key_set_stands_in(world: World) -> None:
    """The former version has one member; the route leads to the one that the version in force has added."""
    journal, told, clock = KeySetJournal(world.table, WEST), RecordedAnnouncer(), [NOON]
    journal.replace(key_set(EAST), None, NOON, "ana")
    journal.replace(key_set(WEST, EAST), journal.in_force()["orders"], NOON, "ana")
    Controller(world.state, told, lambda _: None, lambda: clock[0]).run()
    world.spoil("key-sets", "orders", says(failback="scheduled"))
    clock[0] += timedelta(minutes=1)

    (judged,) = Controller(world.anew(), told, lambda _: None, lambda: clock[0]).run()

    assert judged.route.regions == (WEST, EAST)
    assert world.state.route("orders") == judged.route
    assert told.messages == []


class _NoQueue:
    def send(self, messages: Sequence[RewrapMessage]) -> None:
        raise NotImplementedError


def test_who_may_not_read_former_versions_reads_the_other_key_sets(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("invoices", "orders"):
        world.state.put_key_set(key_set(name=name))
    world.spoil("key-sets", "invoices", lacks("body"))
    monkeypatch.setattr(
        stored_key_sets, "former_key_sets", lambda *_: (_ for _ in ()).throw(aws_error("AccessDeniedException")())
    )

    assert world.state.key_sets() == (key_set(),)


def test_a_key_set_that_is_deleted_does_not_stay(world: World) -> None:
    world.state.put_key_set(key_set())
    world.state.key_sets()

    world.table.delete_item(Key={"pk": "key-sets", "sk": "orders"})

    assert world.state.key_sets() == ()


def test_a_key_set_under_another_ones_name_is_not_believed(world: World) -> None:
    for name in ("invoices", "orders"):
        world.state.put_key_set(key_set(name=name))

    world.spoil("key-sets", "invoices", says(name="orders"))

    assert world.state.key_sets() == (key_set(),)
    assert world.items_told == {"key-sets/invoices"}


def test_key_sets_beyond_what_is_read_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_key_sets, "MAX_KEY_SETS", 2)
    for name in ("a", "b", "c"):
        world.state.put_key_set(key_set(name=name))

    known = world.state.key_sets()

    assert [one.name for one in known] == ["a", "b"]
    assert [error.item for error in world.told] == ["key-sets"]
