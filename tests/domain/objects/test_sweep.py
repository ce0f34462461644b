"""Debt is sent for repayment once an object, within a bound, from the region where the object lies."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects import sweep as sweeping
from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.debt import Debt, LedgerEntry, Refusal
from kms_failover.domain.objects.sweep import (
    DebtSummary,
    DroppedDebts,
    RewrapMessage,
    SweepResult,
)
from kms_failover.errors import QueueError, UnknownKeySetError
from tests.domain.objects.rewrap_world import HERE, THERE, THIRD, key_set
from tests.domain.objects.sweep_world import LONG_AGO, NOW, World, debt

debts = st.builds(
    Debt,
    key_set=st.just("orders"),
    owed_to=st.sampled_from([HERE, THERE]),
    bucket=st.sampled_from([f"orders-{HERE}", f"orders-{THERE}"]),
    key=st.sampled_from("abcdef"),
    since=st.just(LONG_AGO),
)


@given(st.lists(debts, max_size=30))
def test_each_object_here_that_is_owed_to_anybody_is_queued_once(held: list[Debt]) -> None:
    world = World(held)

    swept = world.sweep()

    here = {(debt.bucket, debt.key) for debt in held if debt.bucket == f"orders-{HERE}"}
    assert sorted((message.bucket, message.key) for message in world.queue.sent) == sorted(here)
    assert swept == SweepResult(queued=len(here), remaining=0)


def test_what_somebody_has_looked_at_meanwhile_is_neither_sent_nor_owed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([debt("repaid"), debt("b")])
    debts_of = world.state.debts_of

    def read_and_repaid(*of: str) -> Iterator[LedgerEntry[Debt]]:
        found = list(debts_of(*of))
        for held in found:
            if held.record and held.record.key == "repaid":
                world.state.clear_debt(held)
        return iter(found)

    monkeypatch.setattr(world.state, "debts_of", read_and_repaid)

    assert world.sweep() == SweepResult(1, 1)
    assert [one.key for one in world.state.debts("orders")] == world.queue.keys == ["b"]


def test_who_saw_a_debt_before_it_was_sent_leaves_it_and_whoever_takes_the_message_clears_it() -> None:
    world = World([debt("a")])
    seen_before = world.held("a")
    world.sweep()
    seen_after = world.held("a")

    world.state.clear_debt(seen_before)
    left = list(world.state.debts("orders"))
    world.state.clear_debt(seen_after)

    assert ([one.key for one in left], list(world.state.debts("orders"))) == (["a"], [])


def test_while_the_queue_takes_nothing_only_one_batch_a_run_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([debt(f"{n}") for n in range(25)])
    send = world.queue.send
    monkeypatch.setattr(world.queue, "send", refuse)
    with pytest.raises(QueueError):
        world.sweep()

    monkeypatch.setattr(world.queue, "send", send)

    assert world.sweep() == SweepResult(15, 0, waiting=10)


def refuse(_messages: Sequence[RewrapMessage]) -> None:
    raise QueueError("SQS is away")


def test_a_run_is_bounded_and_says_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_QUEUED", 3)
    world = World([debt(key) for key in "abcde"])

    swept = world.sweep()

    assert swept == SweepResult(queued=3, remaining=2)
    assert len(world.queue.sent) == 3


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_QUEUED", 4)
    ages = dict(zip("hgfedcba", range(8), strict=True))
    world = World([debt(key, since=LONG_AGO - timedelta(hours=hours)) for key, hours in ages.items()])

    world.sweep()

    assert world.queue.keys[:2] == ["a", "b"]
    assert world.queue.keys == sorted(world.queue.keys)


def test_debts_that_are_never_repaid_do_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_QUEUED", 2)
    ages = dict(zip("abcdefgh", range(8), strict=True))
    world = World([debt(key, since=LONG_AGO + timedelta(hours=hours)) for key, hours in ages.items()])

    for _ in range(60):
        world.sweep()
        world.now += sweeping.SENT_LASTS

    assert set(world.queue.keys) == set("abcdefgh")


def test_debts_of_another_regions_bucket_hide_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose workers may be away: their debts are not even read."""
    monkeypatch.setattr(sweeping, "MAX_READ", 4)
    theirs = [debt(f"{n}", owed_to=owed_to, bucket=f"orders-{THERE}") for n in range(50) for owed_to in (HERE, THERE)]
    world = World([*theirs, debt("ours")])

    world.sweep()

    assert world.queue.keys == ["ours"]


def test_reading_is_bounded_and_every_debt_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_READ", 4)
    world = World([debt(f"{n}") for n in range(20)])

    runs = [world.sweep() for _ in range(100)]

    assert max(run.queued + run.waiting for run in runs) == 4
    assert set(world.queue.keys) == {f"{n}" for n in range(20)}


def test_debts_of_a_bucket_that_left_its_key_set_are_dropped_and_counted() -> None:
    world = World([debt("a", bucket="left-us", region=HERE), debt("b")])

    swept = world.sweep()

    left = DroppedDebts("orders", "left-us", HERE, debts=1)
    assert swept == SweepResult(queued=1, remaining=0, dropped=1, dropped_of=(left,))
    assert [debt.key for debt in world.state.debts("orders")] == ["b"]


def test_debts_owed_to_a_region_that_left_its_key_set_are_dropped() -> None:
    world = World([debt("a", owed_to=THIRD, region=HERE)])

    assert world.sweep() == SweepResult(
        0, 0, dropped=1, dropped_of=(DroppedDebts("orders", f"orders-{HERE}", THIRD, debts=1),)
    )


@pytest.mark.parametrize(
    ("of", "dropped"),
    [
        ({"region": THERE}, 0),  # its own region may have read of the bucket before this one
        ({"region": THIRD}, 1),  # no member any more: nobody else would
        ({"since": NOW - timedelta(hours=23)}, 0),  # written before debts named their region
        ({"since": NOW - timedelta(hours=25)}, 1),
    ],
)
def test_only_a_debt_that_is_surely_nobodys_is_dropped(of: dict[str, Any], dropped: int) -> None:
    assert World([debt("a", bucket="unknown", **of)]).sweep().dropped == dropped


def test_what_a_backfill_proved_of_a_bucket_that_left_is_forgotten() -> None:
    """If it comes back, nobody has looked at what came to it meanwhile."""
    world = World()
    here, theirs = (
        Backfill(key_set="orders", bucket="left", region=region, key_arn="", execution="", began_at=NOW, ended_at=at)
        for region, at in ((HERE, None), (THERE, NOW))
    )
    kept = here.but(bucket=f"orders-{HERE}")
    for backfill in (here, theirs, kept):
        world.state.put_backfill(backfill)

    world.sweep()

    assert list(world.state.backfills("orders")) == [theirs, kept]


def test_debts_are_queued_before_any_item_of_before_is_given_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([debt("a")], key_set())
    queued_before, asked = [], []

    def adopt_former(_key_set: str, _regions: Sequence[str], at_most: int) -> int:
        queued_before.append(world.queue.keys)
        asked.append(at_most)
        return 0

    monkeypatch.setattr(world.state, "adopt_former", adopt_former)
    world.sweep()

    assert (queued_before, asked) == ([["a"]], [sweeping.MAX_ADOPTED])


def test_one_key_set_can_be_swept_alone() -> None:
    invoices = KeySet.model_validate(key_set().model_dump() | {"name": "invoices"})
    world = World([debt("a"), debt("b", "invoices")], key_set(), invoices)

    world.service.sweep("invoices")

    assert world.queue.keys == ["b"]


def test_an_unknown_key_set_is_an_error() -> None:
    with pytest.raises(UnknownKeySetError):
        World().service.sweep("nobodys")


def test_no_debt_is_no_message() -> None:
    assert World().sweep() == SweepResult(queued=0, remaining=0)


def test_what_is_owed_overdue_and_refused_is_counted_by_key_set_and_region() -> None:
    world = World([debt("a"), debt("b", since=NOW), debt("c", owed_to=THERE), debt("x", bucket=f"orders-{THERE}")])
    for key, bucket in (("d", f"orders-{HERE}"), ("e", f"orders-{THERE}")):
        world.state.put_refusal(Refusal(key_set="orders", bucket=bucket, key=key, since=LONG_AGO, reason="r"))

    owed = world.service.sweep().owed

    assert set(owed) == {DebtSummary("orders", HERE, 2, 1, refused=1), DebtSummary("orders", THERE, 1, 1, refused=0)}


def test_the_oldest_of_the_overdue_are_named_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_NAMED", 2)
    ages = dict(zip("abcd", (3, 1, 4, 2), strict=True))
    world = World([debt(key, since=LONG_AGO - timedelta(hours=hours)) for key, hours in ages.items()])

    swept = world.service.sweep()

    assert (swept.overdue, [one.key for one in swept.oldest]) == (4, ["c", "a"])
