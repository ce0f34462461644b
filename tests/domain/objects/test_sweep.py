"""Debt is sent for repayment once an object, within a bound, from the region where the object lies."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects import sweep as sweeping
from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.debt import Debt, LedgerEntry, Refusal
from kms_failover.domain.objects.object_record import REFUSED
from kms_failover.domain.objects.sweep import (
    Chance,
    DebtSummary,
    DroppedDebts,
    RewrapMessage,
    SweepResult,
    SweepService,
    key_set_in,
)
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.route import first_route
from kms_failover.errors import EventFormatError, QueueError, UnknownKeySetError
from tests.domain.memory_state import MemoryState
from tests.domain.objects.rewrap_world import HERE, THERE, THIRD, key_set
from tests.domain.strategies import health, judgement

LONG_AGO = datetime(2026, 11, 23, tzinfo=UTC)
NOW = LONG_AGO + timedelta(days=1)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
debts = st.builds(
    Debt,
    key_set=st.just("orders"),
    owed_to=st.sampled_from([HERE, THERE]),
    bucket=st.sampled_from([f"orders-{HERE}", f"orders-{THERE}"]),
    key=st.sampled_from("abcdef"),
    since=st.just(LONG_AGO),
)


class Queue:
    def __init__(self) -> None:
        self.sent: list[RewrapMessage] = []

    def send(self, messages: Sequence[RewrapMessage]) -> None:
        assert messages
        self.sent += messages

    @property
    def keys(self) -> list[str]:
        return [message.key for message in self.sent]


class World:
    """What this region's sweep reads, and sends. All regions are healthy, but for those that `verdicts` names."""

    def __init__(self, held: Sequence[Debt] = (), *key_sets: KeySet) -> None:
        self.state = MemoryState(HERE, *(key_sets or (key_set(),)))
        self.queue = Queue()
        self.now = NOW
        chosen = random.Random(1)  # noqa: S311  # fairness, not secrecy
        chance = Chance(lambda: f"{chosen.getrandbits(32):08x}", chosen.shuffle)
        self.service = SweepService(self.state.key_sets, self.state, self.queue, HERE, chance, lambda: self.now)
        for debt in held:
            self.state.put_debt(debt)

    def judged(self, *verdicts: RegionHealth) -> "World":
        route = first_route(key_set(), HERE, LONG_AGO)
        self.state.put_judgement(judgement(route, *verdicts))
        return self

    def held(self, key: str, owed_to: str = HERE) -> LedgerEntry[Debt]:
        return self.state.standing("orders", [owed_to], f"orders-{HERE}", key).debts[0]

    def sweep(self) -> SweepResult:
        """Without what it says of single key sets and debts, which has tests of its own."""
        return replace(self.service.sweep(), overdue=0, oldest=(), owed=())


def debt(key: str, name: str = "orders", owed_to: str = HERE, bucket: str = f"orders-{HERE}", **more: object) -> Debt:
    of = {"key_set": name, "owed_to": owed_to, "bucket": bucket, "key": key, "since": LONG_AGO}
    return Debt.model_validate(of | more)


@given(st.lists(debts, max_size=30))
def test_each_object_here_that_is_owed_to_anybody_is_queued_once(held: list[Debt]) -> None:
    world = World(held)

    swept = world.sweep()

    here = {(debt.bucket, debt.key) for debt in held if debt.bucket == f"orders-{HERE}"}
    assert sorted((message.bucket, message.key) for message in world.queue.sent) == sorted(here)
    assert swept == SweepResult(queued=len(here), remaining=0)


@pytest.mark.parametrize(("impaired", "queued"), [(None, ["a", "b"]), (THERE, ["a"]), (HERE, ["b"])])
def test_what_is_owed_to_an_impaired_region_waits_for_it(impaired: str | None, queued: list[str]) -> None:
    world = World([debt("a", owed_to=HERE), debt("b", owed_to=THERE)])
    if impaired:
        world.judged(health(impaired, Verdict.IMPAIRED))

    world.sweep()

    assert sorted(world.queue.keys) == queued


@pytest.mark.parametrize(
    ("waits_for", "swept"),
    [
        ((THERE,), SweepResult(0, 0, parked=1)),
        ((THERE, THIRD), SweepResult(1, 0)),
        ((THIRD,), SweepResult(1, 0)),
        ((), SweepResult(1, 0)),
    ],
)
def test_what_waits_for_an_impaired_region_costs_nothing_until_it_is_back(
    waits_for: tuple[str, ...], swept: SweepResult
) -> None:
    """Though it is owed to this region, which is well: its source is what is silent."""
    world = World([debt("a", waits_for=waits_for)]).judged(health(THERE, Verdict.IMPAIRED))

    assert world.sweep() == swept


def test_what_waits_for_a_key_that_cannot_be_used_costs_nothing() -> None:
    world = World([debt("a", owed_to=THERE)]).judged(health(THERE, key_usable=False))

    assert world.sweep() == SweepResult(0, 0, parked=1)


def test_what_a_person_must_look_at_is_not_tried_again() -> None:
    assert World([debt("a", code=REFUSED)]).sweep() == SweepResult(0, 0, parked=1)


def test_what_fails_is_tried_later_and_later() -> None:
    failed = debt("a", code="AccessDenied", tries=1, tried_at=NOW)
    pauses = []
    for tries in (1, 2, 3, 9, 99):
        world = World([failed.but(tries=tries)])
        while not world.sweep().queued:
            world.now += timedelta(minutes=1)
        pauses.append((world.now - NOW).total_seconds() / 60)

    assert pauses == [1, 2, 4, 60, 60]


def test_what_waited_for_a_region_is_tried_as_soon_as_that_is_well() -> None:
    waiting = debt("a", waits_for=[THERE], tries=9, tried_at=NOW)
    world = World([waiting]).judged(health(THERE).but(since=NOW + timedelta(seconds=1)))
    world.now = NOW + timedelta(seconds=2)

    assert world.sweep().queued == 1


def test_what_is_sent_already_and_not_tried_yet_waits_in_the_queue() -> None:
    """Rewrap is slow: a debt that was sent each minute would be in the queue hundreds of times."""
    world = World([debt("a"), debt("a", owed_to=THERE), debt("b")])

    runs = [world.sweep()]
    for _ in range(10):
        world.now += MINUTE
        runs.append(world.sweep())

    assert runs == [SweepResult(2, 0), *[SweepResult(0, 0, waiting=3)] * 10]
    assert sorted(world.queue.keys) == ["a", "b"]


def test_what_was_sent_long_ago_is_sent_again() -> None:
    """Its message may be lost: a purged queue, a try that could write nothing down."""
    world = World([debt("a")])
    world.sweep()
    world.now += sweeping.SENT_LASTS

    assert world.sweep() == SweepResult(1, 0)


def test_once_it_was_tried_it_is_sent_as_its_tries_say() -> None:
    world = World([debt("a")])
    world.sweep()
    world.state.put_debt(debt("a", code="AccessDenied", tries=1, tried_at=world.now))
    world.now += MINUTE

    assert world.sweep() == SweepResult(1, 0)


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


WELL_SINCE_LONG = health(HERE)
JUST_BACK = health(HERE).but(returned_at=NOW - HOUR + MINUTE)
BACK_FOR_AN_HOUR = health(HERE).but(returned_at=NOW - HOUR)


@pytest.mark.parametrize(
    ("of", "verdicts", "is_overdue"),
    [
        ({"since": NOW - HOUR}, [], True),
        ({"since": NOW - HOUR + MINUTE}, [], False),
        ({"code": "AccessDenied", "tries": 30}, [WELL_SINCE_LONG], True),
        ({}, [JUST_BACK], False),
        ({}, [BACK_FOR_AN_HOUR], True),
        ({}, [health(HERE, Verdict.IMPAIRED)], False),
        ({}, [health(HERE, key_usable=False)], False),
        ({"waits_for": [THERE]}, [health(THERE, Verdict.IMPAIRED)], False),
        ({"waits_for": [THERE]}, [health(THERE).but(returned_at=NOW - MINUTE)], False),
        (
            {"waits_for": [THERE, THIRD]},
            [health(THERE, Verdict.IMPAIRED)],
            True,
        ),  # the third could open it all the time
        ({"code": REFUSED}, [], True),
    ],
)
def test_a_debt_that_no_outage_explains_is_overdue_after_an_hour(
    of: dict[str, Any], verdicts: list[RegionHealth], *, is_overdue: bool
) -> None:
    world = World([debt("a", **of)]).judged(*verdicts)

    swept = world.service.sweep()

    assert (swept.overdue, [one.key for one in swept.oldest]) == ((1, ["a"]) if is_overdue else (0, []))


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


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, None),
        ({"key_set": "orders"}, "orders"),
        ({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, None),
        ({"detail-type": "KMS Region Recovered", "detail": {"keySet": "orders", "region": THERE}}, "orders"),
    ],
)
def test_events_name_one_key_set_or_all(event: dict[str, object], expected: str | None) -> None:
    assert key_set_in(event) == expected


@pytest.mark.parametrize(
    "event",
    [
        {"detail-type": "KMS Region Recovered", "detail": {"region": THERE}},
        {"detail-type": "KMS Region Recovered"},
        {"detail-type": "KMS Route Changed", "source": "kms-failover", "detail": {"keySet": "orders"}},
        {"key_set": 7},
        {"key_set": "\ud800"},
        {"detail-type": []},
        None,
        [],
        "text",
        5,
    ],
)
def test_other_events_are_refused(event: object) -> None:
    with pytest.raises(EventFormatError):
        key_set_in(event)
