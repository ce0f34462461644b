"""The state's contract, held by the DynamoDB table and by the fake that other tests use in its place."""

from collections.abc import Iterator
from datetime import timedelta, timezone
from typing import Any

import pytest
from moto import mock_aws

from kms_failover.adapters import state_table
from kms_failover.adapters.state_table import OBSERVATION_LIFE, StateTable
from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import Outcome, Verdict
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import Intent, Route, first_route
from kms_failover.errors import EpochConflictError
from tests.adapters.tables import create_state_table
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn, health, key_set, observation

type State = StateTable | MemoryState


@pytest.fixture
def table() -> Iterator[Any]:
    with mock_aws():
        yield create_state_table(WEST)


@pytest.fixture(params=["table", "memory"])
def state(request: pytest.FixtureRequest, table: Any) -> State:
    return StateTable(table, WEST) if request.param == "table" else MemoryState(WEST)


def route(epoch: int = 0) -> Route:
    return first_route(key_set(), WEST, NOON).model_copy(update={"epoch": epoch})


# The contract


def test_key_sets_come_back_as_they_were_put_by_name(state: State) -> None:
    for name in ("orders", "invoices"):
        state.put_key_set(key_set(name=name))

    state.put_key_set(key_set(EAST, name="orders"))

    assert state.key_sets() == (key_set(name="invoices"), key_set(EAST, name="orders"))


def test_nothing_is_there_before_it_is_written(state: State) -> None:
    assert (state.key_sets(), state.health("orders"), state.route("orders")) == ((), {}, None)
    assert (state.history("orders"), state.intents("orders"), state.material("orders", EAST)) == ((), (), None)
    assert (list(state.debts("orders")), list(state.refusals("orders"))) == ([], [])
    assert state.observations("orders", NOON) == ()


def test_observations_come_oldest_first_from_a_moment_on_and_of_this_observer(state: State) -> None:
    seen = [observation(seconds, Outcome.OK) for seconds in (-0.5, 0, 0.25, 1, 60)]
    for one in reversed(seen):
        state.add_observation(one)
    state.add_observation(observation(5, Outcome.OK).model_copy(update={"observer": EAST}))
    state.add_observation(observation(5, Outcome.OK).model_copy(update={"key_set": "invoices"}))

    assert state.observations("orders", NOON) == tuple(seen[1:])


def test_the_same_observation_again_is_the_same_item(state: State) -> None:
    one = observation(0, Outcome.OK)
    elsewhere = one.model_copy(update={"at": one.at.astimezone(timezone(timedelta(hours=9)))})

    for again in (one, one, elsewhere):
        state.add_observation(again)

    assert len(state.observations("orders", NOON)) == 1


def test_verdicts_come_back_by_region(state: State) -> None:
    for seen in (health(EAST), health(WEST), health(EAST, Verdict.IMPAIRED)):
        state.put_health("orders", seen)

    assert state.health("orders") == {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST)}


def test_a_route_is_written_only_over_the_epoch_that_was_read(state: State) -> None:
    state.put_route(route(0), previous_epoch=None)
    state.put_route(route(1), previous_epoch=0)

    for stale in (None, 0, 2):
        with pytest.raises(EpochConflictError):
            state.put_route(route(9), previous_epoch=stale)

    assert state.route("orders") == route(1)


def test_history_is_newest_first(state: State) -> None:
    for epoch in (2, 10, 1):
        state.add_history(route(epoch))

    assert [entry.epoch for entry in state.history("orders")] == [10, 2, 1]


def test_an_intent_is_written_only_if_it_is_newer(state: State) -> None:
    first, second = (Intent(epoch=epoch, written_in=WEST) for epoch in (1, 2))
    state.put_intent("orders", second)

    for stale in (first, second):
        with pytest.raises(EpochConflictError):
            state.put_intent("orders", stale)

    assert state.intents("orders") == (second,)


def test_a_debt_keeps_its_first_day_until_it_is_cleared(state: State) -> None:
    debt = Debt(key_set="orders", owed_to=EAST, bucket="b", key="k", since=NOON)
    state.put_debt(debt)
    state.put_debt(debt.model_copy(update={"since": NOON + timedelta(days=1)}))
    aged = list(state.debts("orders"))

    state.clear_debt("orders", debt.id)
    state.clear_debt("orders", debt.id)

    assert aged == [debt]
    assert list(state.debts("orders")) == []


def test_debts_are_found_by_whom_they_are_owed_to_whatever_the_key(state: State) -> None:
    for owed_to, key in ((EAST, "a"), (EAST, "\U0001f511#\u00e9/x"), (WEST, "b"), (f"{EAST}1", "c")):
        state.put_debt(Debt(key_set="orders", owed_to=owed_to, bucket="bucket", key=key, since=NOON))

    assert {debt.key for debt in state.debts("orders", EAST)} == {"a", "\U0001f511#\u00e9/x"}
    assert len(list(state.debts("orders"))) == 4


def test_refusals_are_kept_until_they_are_cleared(state: State) -> None:
    refusal = Refusal(key_set="orders", bucket="b", key="k", since=NOON, reason="r")
    state.put_refusal(refusal)
    found = list(state.refusals("orders"))

    state.clear_refusal("orders", refusal.id)

    assert found == [refusal]
    assert list(state.refusals("orders")) == []


def test_material_records_are_kept_by_region(state: State) -> None:
    record = MaterialRecord(key_set="orders", region=EAST, key_arn=arn(EAST), key_material_id="ab" * 32)

    state.put_material(record)

    assert state.material("orders", EAST) == record
    assert state.material("orders", WEST) is None


# DynamoDB's own


def test_each_region_writes_its_own_intent_and_reads_all(table: Any) -> None:
    east, west = StateTable(table, EAST), StateTable(table, WEST)

    east.put_intent("orders", Intent(epoch=2, written_in=EAST))
    west.put_intent("orders", Intent(epoch=1, written_in=WEST))

    assert [intent.epoch for intent in west.intents("orders")] == [2, 1]


def test_each_region_has_its_own_route_and_verdicts(table: Any) -> None:
    east, west = StateTable(table, EAST), StateTable(table, WEST)

    east.put_route(route(0), previous_epoch=None)
    east.put_health("orders", health(EAST))

    assert west.route("orders") is None
    assert west.health("orders") == {}


def test_observations_expire(table: Any) -> None:
    StateTable(table, WEST).add_observation(observation(0, Outcome.OK))

    item = table.scan()["Items"][0]

    assert int(item["expires_at"]) == int((NOON + OBSERVATION_LIFE).timestamp())


def test_nothing_else_expires(table: Any) -> None:
    state = StateTable(table, WEST)
    state.put_key_set(key_set())
    state.put_route(route(0), previous_epoch=None)
    state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key="k", since=NOON))

    assert not [item for item in table.scan()["Items"] if "expires_at" in item]


class SmallPages:
    """The table, three items a page."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.pages = 0

    def query(self, **request: Any) -> Any:
        self.pages += 1
        return self._table.query(**request | {"Limit": 3})


@pytest.fixture
def paged(table: Any) -> Any:
    state = StateTable(table, WEST)
    for seconds in range(8):
        state.add_observation(observation(seconds, Outcome.OK))
        state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key=f"k{seconds}", since=NOON))
    return SmallPages(table)


def test_every_page_is_read(paged: Any) -> None:
    state = StateTable(paged, WEST)

    assert len(state.observations("orders", NOON)) == 8
    assert len(list(state.debts("orders"))) == 8


def test_too_many_observations_leave_the_newest_and_stop_reading(paged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_table, "MAX_OBSERVATIONS", 3)

    seen = StateTable(paged, WEST).observations("orders", NOON)

    assert [(one.at - NOON).total_seconds() for one in seen] == [5, 6, 7]
    assert paged.pages <= 2


def test_an_error_of_dynamodbs_own_is_not_taken_for_a_conflict(table: Any) -> None:
    table.delete()

    with pytest.raises(Exception, match="ResourceNotFoundException"):
        StateTable(table, WEST).put_route(route(0), previous_epoch=None)
