"""The state's contract, held by the DynamoDB table and by the fake that other tests use in its place."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta, timezone
from typing import Any

import pytest
from moto import mock_aws

from kms_failover.adapters import stored_observations
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.objects.backfill import Backfill, Phase
from kms_failover.domain.objects.coverage import CoverageGap
from kms_failover.domain.objects.debt import Debt, ObjectEntries, Refusal
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.route import Route, first_route
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.errors import WriteConflictError
from tests.adapters.tables import create_state_table
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn, health, judgement, key_set, observation

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
    assert (state.key_sets(), state.judgement("orders"), state.route("orders")) == ((), None, None)
    assert (state.judgements(), state.all_intents(), state.owed("orders", EAST, 9)) == ({}, {}, 0)
    assert (state.history("orders"), state.intents("orders"), state.material("orders", EAST)) == ((), (), None)
    assert (list(state.debts("orders")), list(state.refusals("orders"))) == ([], [])
    assert (state.observations(NOON), state.reports(NOON), state.ignored_events(9)) == ((), (), ())


def test_observations_come_oldest_first_from_a_moment_on_and_of_this_observer(state: State) -> None:
    seen = [observation(seconds, Outcome.OK) for seconds in (-0.5, 0, 0.25, 1, 60)]
    for one in reversed(seen):
        state.add_observation(one)
    state.add_observation(observation(5, Outcome.OK).model_copy(update={"observer": EAST}))
    own = observation(5, Outcome.OK, key_set="orders")
    state.add_observation(own)

    assert state.observations(NOON) == (*seen[1:4], own, seen[4])


def test_observations_end_where_they_are_told_to_and_reports_are_the_data_planes(state: State) -> None:
    probe, later = observation(0, Outcome.OK), observation(61, Outcome.OK)
    report, alarm = (observation(1, Outcome.REGION_FAULT, source) for source in (Source.DATA_PLANE, Source.ALARM))
    for one in (later, alarm, report, probe):
        state.add_observation(one)

    assert set(state.observations(NOON, NOON + timedelta(seconds=60))) == {probe, report, alarm}
    assert state.reports(NOON) == (report,)


def test_the_same_observation_again_is_the_same_item(state: State) -> None:
    one = observation(0, Outcome.OK)
    elsewhere = one.model_copy(update={"at": one.at.astimezone(timezone(timedelta(hours=9)))})

    for again in (one, one, elsewhere):
        state.add_observation(again)

    assert len(state.observations(NOON)) == 1


def test_what_one_moment_has_to_say_of_several_keys_is_kept_apart(state: State) -> None:
    seen = {observation(0, Outcome.OK, region=r, key_set=k) for r in (EAST, WEST) for k in ("", "orders", "invoices")}
    for one in seen:
        state.add_observation(one.model_copy(update={"id": "the same"}))

    assert len(state.observations(NOON)) == len(seen)


def test_a_judgement_is_written_only_over_the_version_that_was_read(state: State) -> None:
    first, second = judgement(route(0)), judgement(route(1), health(EAST, Verdict.IMPAIRED), version=1)
    state.put_judgement(first)
    state.put_judgement(second)

    for stale in (first, second, judgement(route(9), version=3)):
        with pytest.raises(WriteConflictError):
            state.put_judgement(stale)

    assert state.judgement("orders") == second
    assert state.judgements() == {"orders": second}
    assert state.route("orders") == route(1)


def test_news_are_newest_first_and_written_again_the_same(state: State) -> None:
    found = [
        News(
            key_set="orders",
            observer=WEST,
            number=number,
            kind=NewsKind.LOST,
            region=EAST,
            regions=(EAST, WEST),
            at=NOON,
            reason="r",
        )
        for number in (2, 10, 1, 10)
    ]
    for news in found:
        state.add_news(news)

    assert [news.number for news in state.news("orders")] == [10, 2, 1]
    assert state.news("orders", 1) == (found[1],)
    assert state.news("wages") == ()


def test_history_is_newest_first(state: State) -> None:
    for epoch in (2, 10, 1):
        state.add_history(route(epoch))

    assert [entry.epoch for entry in state.history("orders")] == [10, 2, 1]


def test_an_intent_is_written_only_if_it_is_newer(state: State) -> None:
    first, second = (Intent(epoch=epoch, written_in=WEST) for epoch in (1, 2))
    state.put_intent("orders", second)

    for stale in (first, second):
        with pytest.raises(WriteConflictError):
            state.put_intent("orders", stale)

    assert state.intents("orders") == (second,)
    assert state.all_intents() == {"orders": [second]}


def test_intents_of_a_key_set_are_not_those_of_one_whose_name_begins_so(state: State) -> None:
    for name in ("orders", "orders-archive"):
        state.put_intent(name, Intent(epoch=1, written_in=WEST, reason=name))

    assert [intent.reason for intent in state.intents("orders")] == ["orders"]
    assert sorted(state.all_intents()) == ["orders", "orders-archive"]


def test_what_is_owed_is_counted_no_further_than_asked(state: State) -> None:
    for owed_to, key in ((EAST, "a"), (EAST, "b"), (EAST, "c"), (WEST, "d")):
        state.put_debt(Debt(key_set="orders", owed_to=owed_to, bucket="bucket", key=key, since=NOON))

    assert [state.owed("orders", EAST, most) for most in (1, 3, 9)] == [1, 3, 3]


def test_what_is_refused_is_counted_by_bucket_and_no_further_than_asked(state: State) -> None:
    for bucket, key in (("bucket", "a"), ("bucket", "b"), ("bucket", "c"), ("bucket-2", "d")):
        state.put_refusal(Refusal(key_set="orders", bucket=bucket, key=key, since=NOON, reason="r"))

    assert [state.refused("orders", "bucket", most) for most in (1, 3, 9)] == [1, 3, 3]


def test_ignored_events_come_newest_first(state: State) -> None:
    events = [
        IgnoredEvent(id=str(n), source="aws.kms", detail_type="t", at=NOON + timedelta(seconds=n), reason="r")
        for n in range(3)
    ]
    for event in events:
        state.add_ignored_event(event)

    assert state.ignored_events(2) == (events[2], events[1])


def a_debt(key: str = "k", owed_to: str = EAST, bucket: str = "bucket", **more: Any) -> Debt:
    return Debt(key_set="orders", owed_to=owed_to, bucket=bucket, key=key, since=NOON, **more)


def test_all_that_is_held_of_an_object_is_found_with_it(state: State) -> None:
    refusal = Refusal(key_set="orders", bucket="bucket", key="k", since=NOON, reason="r")
    for debt in (a_debt(), a_debt(owed_to=WEST), a_debt("another"), a_debt(bucket="another")):
        state.put_debt(debt)
    state.put_refusal(refusal)

    standing = state.standing("orders", [EAST, WEST, "eu-west-1"], "bucket", "k")

    assert [held.record for held in standing.debts] == [a_debt(), a_debt(owed_to=WEST)]
    assert standing.refusal is not None
    assert standing.refusal.record == refusal
    assert state.standing("orders", [EAST], "bucket", "nothing") == ObjectEntries()


def test_only_the_debt_that_was_seen_is_cleared(state: State) -> None:
    state.put_debt(a_debt(etag="of the old version"))
    (seen,) = state.standing("orders", [EAST], "bucket", "k").debts
    state.put_debt(a_debt(etag="of the new version"))

    state.clear_debt(seen)
    left = list(state.debts("orders"))
    state.clear_debt(*state.standing("orders", [EAST], "bucket", "k").debts)
    state.clear_debt(seen)

    assert left == [a_debt(etag="of the new version")]
    assert list(state.debts("orders")) == []


def test_a_debt_is_marked_as_sent_only_while_it_is_stored_as_it_was_read(state: State) -> None:
    debt = Debt(key_set="orders", owed_to=EAST, bucket="b", key="k", since=NOON)
    state.put_debt(debt)
    (read,) = state.standing("orders", [EAST], "b", "k").debts

    marked = [state.mark_sent(read, NOON), state.mark_sent(read, NOON)]

    assert (marked, list(state.debts("orders"))) == ([True, False], [debt.model_copy(update={"sent_at": NOON})])
    (again,) = state.standing("orders", [EAST], "b", "k").debts
    state.clear_debt(read)
    assert len(list(state.debts("orders"))) == 1
    state.clear_debt(again)
    assert not state.mark_sent(again, NOON)
    assert list(state.debts("orders")) == []


def test_debts_are_found_by_whom_they_are_owed_to_whatever_the_key(state: State) -> None:
    for owed_to, key in ((EAST, "a"), (EAST, "\U0001f511#\u00e9/x"), (WEST, "b"), (f"{EAST}1", "c")):
        state.put_debt(a_debt(key, owed_to))

    assert {debt.key for debt in state.debts("orders", EAST)} == {"a", "\U0001f511#\u00e9/x"}
    assert len(list(state.debts("orders"))) == 4


def test_the_buckets_with_debts_are_found_by_whom_they_owe(state: State) -> None:
    for owed_to, bucket in ((WEST, "b"), (EAST, "b"), (EAST, "a-longer-name"), (EAST, "b")):
        for key in "xyz":
            state.put_debt(a_debt(key, owed_to, bucket))

    assert sorted(state.debt_groups("orders")) == [(EAST, "a-longer-name"), (EAST, "b"), (WEST, "b")]


@pytest.mark.parametrize("start", ["", "0", "8", "f", "ffff"])
def test_wherever_reading_begins_each_debt_of_a_bucket_comes_once(state: State, start: str) -> None:
    for key in "abcdefghij":
        state.put_debt(a_debt(key))
        state.put_debt(a_debt(key, bucket="another"))

    found = [held.record.key for held in state.debts_of("orders", EAST, "bucket", start) if held.record]

    assert sorted(found) == list("abcdefghij")


def test_refusals_are_kept_until_they_are_cleared(state: State) -> None:
    refusal = Refusal(key_set="orders", bucket="b", key="k", since=NOON, reason="r")
    state.put_refusal(refusal)
    found = list(state.refusals("orders"))
    held = state.standing("orders", [], "b", "k").refusal
    assert held is not None

    state.clear_refusal(held)

    assert found == [refusal]
    assert list(state.refusals("orders")) == []


def test_a_backfills_begin_and_end_are_kept_beside_each_other_until_they_are_dropped(state: State) -> None:
    of = {"key_set": "orders", "bucket": "b", "region": WEST, "key_arn": arn(WEST), "execution": "e"}
    begun = Backfill(**of, began_at=NOON)
    ended = begun.model_copy(update={"ended_at": NOON, "listed": 7, "failed": 0})
    for backfill in (begun, ended):
        state.put_backfill(backfill)
    found = [state.backfill("orders", "b", phase) for phase in Phase], list(state.backfills("orders"))

    state.drop_backfill(begun)

    assert found == ([begun, ended], [begun, ended])
    assert (state.backfill("orders", "b", Phase.BEGUN), list(state.backfills("orders"))) == (None, [ended])


def test_a_backfill_is_changed_only_as_long_as_it_stands_there(state: State) -> None:
    of = {"key_set": "orders", "bucket": "b", "region": WEST, "key_arn": arn(WEST)}
    first, second = (Backfill(**of, execution=execution, began_at=NOON) for execution in ("1", "2"))
    state.put_backfill(first)

    state.replace_backfill(first, first.model_copy(update={"reason": "ABORTED"}))

    changed = state.backfill("orders", "b", Phase.BEGUN)
    state.put_backfill(second)
    with pytest.raises(WriteConflictError):
        state.replace_backfill(first, first)
    assert changed is not None
    assert changed.reason == "ABORTED"
    assert state.backfill("orders", "b", Phase.BEGUN) == second


def test_what_is_owed_to_a_region_or_refused_is_counted_by_bucket_each_object_once(state: State) -> None:
    for debt in (a_debt("a"), a_debt("b"), a_debt("c", owed_to=WEST), a_debt("d", bucket="another")):
        state.put_debt(debt)
    for bucket, key in (("bucket", "b"), ("bucket", "x"), ("another", "y")):
        state.put_refusal(Refusal(key_set="orders", bucket=bucket, key=key, since=NOON, reason="r"))

    assert state.uncovered("orders", EAST, "bucket", 9) == CoverageGap(owed=2, refused=2, objects=3)
    assert state.uncovered("orders", EAST, "bucket", 2).more


def test_material_records_are_kept_by_region(state: State) -> None:
    record = MaterialRecord(key_set="orders", region=EAST, key_arn=arn(EAST), key_material_id="ab" * 32)

    state.put_material(record)

    assert state.material("orders", EAST) == record
    assert state.material("orders", WEST) is None


def test_of_each_kind_of_loss_the_newest_is_kept_in_whatever_order_they_come(state: State) -> None:
    def loss(kind: LossKind, seconds: int) -> MaterialLoss:
        at = NOON + timedelta(seconds=seconds)
        return MaterialLoss(key_set="orders", region=EAST, key_arn=arn(EAST), kind=kind, at=at)

    for kind, seconds in ((LossKind.DELETED, 5), (LossKind.DELETED, 1), (LossKind.EXPIRED, 3), (LossKind.DELETED, 9)):
        state.put_loss(loss(kind, seconds))

    assert state.losses("orders", EAST) == (loss(LossKind.DELETED, 9), loss(LossKind.EXPIRED, 3))
    assert state.losses("orders", WEST) == ()


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
