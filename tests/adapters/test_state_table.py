"""The state in DynamoDB: whose partitions count, what earlier versions left, and pages."""

import hashlib
import json
from typing import Any

import pytest

from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.state_table import observations as stored_observations
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.observation import Outcome, Source
from tests.adapters.stored_examples import a_debt, route
from tests.domain.strategies import EAST, NOON, WEST, health, judgement, key_set, observation

# DynamoDB's own


def test_each_region_writes_its_own_intent_and_reads_all(table: Any) -> None:
    east, west = StateTable(table, EAST), StateTable(table, WEST)

    east.put_intent("orders", Intent(epoch=2, written_in=EAST))
    west.put_intent("orders", Intent(epoch=1, written_in=WEST))

    assert [intent.epoch for intent in west.intents("orders")] == [2, 1]


def test_each_region_has_its_own_judgement(table: Any) -> None:
    east, west = StateTable(table, EAST), StateTable(table, WEST)

    east.put_judgement(judgement(route(0)))

    assert west.route("orders") is None
    assert west.judgements() == {}


def test_what_stands_in_another_writers_partition_is_not_believed(table: Any) -> None:
    state = StateTable(table, WEST)
    state.add_observation(observation(0, Outcome.REGION_FAULT, Source.DATA_PLANE))
    item = table.scan()["Items"][0]
    forged = json.loads(item["body"]) | {"source": "probe"}

    table.put_item(Item=item | {"body": json.dumps(forged)})

    assert state.observations(NOON) == ()


def test_a_judgement_that_cannot_be_read_is_its_own_key_sets_trouble(table: Any) -> None:
    state = StateTable(table, WEST)
    state.put_judgement(judgement(route(0)))
    item = table.scan()["Items"][0]
    table.put_item(Item=item | {"sk": "invoices", "body": json.dumps({"version": "?"})})

    assert list(state.judgements()) == ["orders"]


def test_an_order_that_cannot_be_read_holds_until_a_newer_one_comes(table: Any) -> None:
    state = StateTable(table, WEST)
    state.put_intent("orders", Intent(epoch=7, written_in=WEST))
    item = table.scan()["Items"][0]
    table.put_item(Item=item | {"body": json.dumps({"mode": "evacuate", "epoch": 7})})

    (found,) = state.all_intents()["orders"]

    assert (found.mode, found.epoch, found.written_in) == (Mode.HOLD, 7, WEST)
    assert state.intents("orders") == (found,)


def test_a_fact_with_a_field_of_a_later_version_is_read_all_the_same(table: Any) -> None:
    state = StateTable(table, WEST)
    state.put_judgement(judgement(route(0), health(EAST)))
    item = table.scan()["Items"][0]
    body = json.loads(item["body"])
    body["later"] = body["route"]["later"] = body["verdicts"][0]["later"] = 1

    table.put_item(Item=item | {"body": json.dumps(body)})

    assert state.judgement("orders") == judgement(route(0), health(EAST))


FORMER_DEBT = (
    '{"key_set": "orders", "owed_to": "us-east-1", "bucket": "b", "key": "k", "since": "2026-11-23T12:00:00Z"}'
)


FORMER_REFUSAL = '{"key_set": "orders", "bucket": "b", "key": "k", "since": "2026-11-23T12:00:00Z", "reason": "r"}'


def put_former(table: Any, key: str = "k") -> None:
    """As version 1 wrote them: the sort key had no bucket."""
    digest = hashlib.sha256(f"b/{key}".encode()).hexdigest()
    debt, refusal = (json.dumps(json.loads(body) | {"key": key}) for body in (FORMER_DEBT, FORMER_REFUSAL))
    table.put_item(Item={"pk": "debt#orders", "sk": f"us-east-1#{digest}", "epoch": 0, "body": debt})
    table.put_item(Item={"pk": "refusal#orders", "sk": digest, "epoch": 0, "body": refusal})


def test_debts_and_refusals_of_before_are_counted_found_and_cleared(table: Any) -> None:
    state = StateTable(table, WEST)
    put_former(table)
    counted = state.owed("orders", "us-east-1", 9)

    adopted = state.adopt_former("orders", ["us-east-1", WEST], 99)

    assert (counted, adopted, state.owed("orders", "us-east-1", 9)) == (1, 2, 1)
    assert list(state.debt_groups("orders")) == [("us-east-1", "b")]
    standing = state.standing("orders", ["us-east-1"], "b", "k")
    assert standing.refusal is not None
    state.clear_debt(*standing.debts)
    state.clear_refusal(standing.refusal)
    assert table.scan()["Items"] == []


def test_where_nobody_can_tell_the_bucket_of_a_debt_no_bucket_counts_as_covered(table: Any) -> None:
    state = StateTable(table, WEST)
    put_former(table)

    assert state.uncovered("orders", "us-east-1", "another", 9).more
    assert state.uncovered("orders", WEST, "another", 9).more  # the refusal's


def test_many_debts_of_before_cost_one_read_to_pass_over(table: Any) -> None:
    for number in range(5):
        put_former(table, f"k{number}")
    counted = SmallPages(table)
    state = StateTable(counted, WEST)
    StateTable(table, WEST).put_debt(a_debt())

    groups = list(state.debt_groups("orders"))

    assert groups == [(EAST, "bucket")]
    assert counted.pages == 3


def test_no_more_of_before_is_adopted_than_asked_and_debts_come_first(table: Any) -> None:
    state = StateTable(table, WEST)
    for number in range(3):
        put_former(table, f"k{number}")

    adopted = state.adopt_former("orders", ["us-east-1", WEST], 4)

    assert adopted == 4
    assert [owed_to for owed_to, _ in state.debt_groups("orders")] == ["us-east-1"]
    assert len(list(state.debts_of("orders", "us-east-1", "b", ""))) == 3


def test_a_debt_of_before_replaces_none_of_now(table: Any) -> None:
    state = StateTable(table, WEST)
    put_former(table)
    newer = Debt(key_set="orders", owed_to="us-east-1", bucket="b", key="k", since=NOON, etag="e")
    state.put_debt(newer)

    state.adopt_former("orders", ["us-east-1"], 99)

    assert list(state.debts("orders")) == [newer]


def test_a_debt_that_cannot_be_read_is_cleared_when_its_object_is_settled(table: Any) -> None:
    state = StateTable(table, WEST)
    state.put_debt(a_debt())
    item = table.scan()["Items"][0]
    table.put_item(Item=item | {"body": '{"of": "a later version"}'})
    (held,) = state.standing("orders", [EAST], "bucket", "k").debts

    state.clear_debt(held)

    assert held.record is None
    assert table.scan()["Items"] == []


def test_observations_expire(table: Any) -> None:
    StateTable(table, WEST).add_observation(observation(0, Outcome.OK))

    item = table.scan()["Items"][0]

    assert int(item["expires_at"]) == int((NOON + stored_observations.OBSERVATION_LIFE).timestamp())


def test_nothing_else_expires(table: Any) -> None:
    state = StateTable(table, WEST)
    state.put_key_set(key_set())
    state.put_judgement(judgement(route(0)))
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

    assert len(state.observations(NOON)) == 8
    assert len(list(state.debts("orders"))) == 8


def test_too_many_observations_leave_the_newest_and_stop_reading(paged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_observations, "MAX_OBSERVATIONS", 3)

    seen = StateTable(paged, WEST).observations(NOON)

    assert [(one.at - NOON).total_seconds() for one in seen] == [5, 6, 7]
    assert paged.pages <= len(stored_observations.KINDS) + 1


def test_an_error_of_dynamodbs_own_is_not_taken_for_a_conflict(table: Any) -> None:
    table.delete()

    with pytest.raises(Exception, match="ResourceNotFoundException"):
        StateTable(table, WEST).put_judgement(judgement(route(0)))
