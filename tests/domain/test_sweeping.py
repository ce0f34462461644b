"""Debt is sent for repayment once an object, within a bound, from the region where the object lies."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain import sweeping
from kms_failover.domain.debt import Debt
from kms_failover.domain.health import Verdict
from kms_failover.domain.judgement import Judgement
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import first_route
from kms_failover.domain.sweeping import RewrapMessage, SweepService, Swept, key_set_in
from kms_failover.errors import EventFormatError, UnknownKeySetError
from tests.domain.rewrap_world import HERE, THERE, key_set
from tests.domain.strategies import health, judgement

debts = st.builds(
    Debt,
    key_set=st.just("orders"),
    owed_to=st.sampled_from([HERE, THERE]),
    bucket=st.sampled_from([f"orders-{HERE}", f"orders-{THERE}"]),
    key=st.sampled_from("abcdef"),
    since=st.just(datetime(2026, 11, 23, tzinfo=UTC)),
)


class Ledger:
    def __init__(self, debts: Sequence[Debt], impaired: str | None = None) -> None:
        self.held = list({debt.id: debt for debt in debts}.values())
        self.impaired = impaired

    def judgement(self, name: str) -> Judgement | None:
        verdicts = {HERE: Verdict.HEALTHY, THERE: Verdict.HEALTHY} | {self.impaired: Verdict.IMPAIRED}
        route = first_route(key_set(), HERE, datetime(2026, 11, 23, tzinfo=UTC))
        return judgement(route, *(health(region, verdict) for region, verdict in verdicts.items() if region))

    def debts(self, key_set: str, owed_to: str) -> Iterator[Debt]:
        return (debt for debt in self.held if debt.key_set == key_set and debt.owed_to == owed_to)


class Queue:
    def __init__(self) -> None:
        self.sent: list[RewrapMessage] = []

    def send(self, messages: Sequence[RewrapMessage]) -> None:
        assert messages
        self.sent += messages


def service(held: Sequence[Debt], queue: Queue, *key_sets: KeySet, impaired: str | None = None) -> SweepService:
    known = key_sets or (key_set(),)
    shuffle = random.Random(1).shuffle  # noqa: S311  # fairness, not secrecy
    return SweepService(lambda: known, Ledger(held, impaired), queue, HERE, shuffle)


def debt(key: str, name: str = "orders", owed_to: str = HERE, bucket: str = f"orders-{HERE}") -> Debt:
    return Debt(key_set=name, owed_to=owed_to, bucket=bucket, key=key, since=datetime(2026, 11, 23, tzinfo=UTC))


@given(st.lists(debts, max_size=30))
def test_each_object_here_that_is_owed_to_anybody_is_queued_once(held: list[Debt]) -> None:
    queue = Queue()

    swept = service(held, queue).sweep()

    here = {(debt.bucket, debt.key) for debt in held if debt.bucket == f"orders-{HERE}"}
    assert sorted((message.bucket, message.key) for message in queue.sent) == sorted(here)
    assert swept == Swept(queued=len(here), remaining=0)


@pytest.mark.parametrize(("impaired", "queued"), [(None, ["a", "b"]), (THERE, ["a"]), (HERE, ["b"])])
def test_what_is_owed_to_an_impaired_region_waits_for_it(impaired: str | None, queued: list[str]) -> None:
    queue = Queue()

    service([debt("a", owed_to=HERE), debt("b", owed_to=THERE)], queue, impaired=impaired).sweep()

    assert sorted(message.key for message in queue.sent) == queued


def test_a_run_is_bounded_and_says_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_QUEUED", 3)
    queue = Queue()

    swept = service([debt(key) for key in "abcde"], queue).sweep()

    assert swept == Swept(queued=3, remaining=2)
    assert len(queue.sent) == 3


def test_debts_that_are_never_repaid_do_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_QUEUED", 1)
    queue = Queue()
    sweep = service([debt(key) for key in "abc"], queue)

    for _ in range(30):
        sweep.sweep()

    assert {message.key for message in queue.sent} == set("abc")


def test_reading_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_READ", 4)

    assert service([debt(key) for key in "abcdef"], Queue()).sweep().queued == 4


def test_one_key_set_can_be_swept_alone() -> None:
    invoices = KeySet.model_validate(key_set().model_dump() | {"name": "invoices"})
    queue = Queue()

    service([debt("a"), debt("b", "invoices")], queue, key_set(), invoices).sweep("invoices")

    assert [message.key for message in queue.sent] == ["b"]


def test_an_unknown_key_set_is_an_error() -> None:
    with pytest.raises(UnknownKeySetError):
        service([], Queue()).sweep("nobodys")


def test_no_debt_is_no_message() -> None:
    assert service([], Queue()).sweep() == Swept(queued=0, remaining=0)


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
    ],
)
def test_other_events_are_refused(event: dict[str, object]) -> None:
    with pytest.raises(EventFormatError):
        key_set_in(event)
