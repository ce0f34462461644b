"""The state's contract, held by the DynamoDB table and by the fake that other tests use in its place."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.objects.backfill import Backfill, Phase
from kms_failover.domain.objects.coverage import CoverageGap
from kms_failover.domain.objects.debt import Debt, ObjectEntries, Refusal
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.errors import WriteConflictError
from tests.adapters.stored_examples import a_debt, route
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn, health, judgement, key_set, observation

type State = StateTable | MemoryState


@pytest.fixture(params=["table", "memory"])
def state(request: pytest.FixtureRequest, table: Any) -> State:
    return StateTable(table, WEST) if request.param == "table" else MemoryState(WEST)


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
    state.add_observation(observation(5, Outcome.OK).but(observer=EAST))
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
    elsewhere = one.but(at=one.at.astimezone(timezone(timedelta(hours=9))))

    for again in (one, one, elsewhere):
        state.add_observation(again)

    assert len(state.observations(NOON)) == 1


def test_what_one_moment_has_to_say_of_several_keys_is_kept_apart(state: State) -> None:
    seen = {observation(0, Outcome.OK, region=r, key_set=k) for r in (EAST, WEST) for k in ("", "orders", "invoices")}
    for one in seen:
        state.add_observation(one.but(id="the same"))

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

    assert (marked, list(state.debts("orders"))) == ([True, False], [debt.but(sent_at=NOON)])
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
    ended = begun.but(ended_at=NOON, listed=7, failed=0)
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

    state.replace_backfill(first, first.but(reason="ABORTED"))

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
