"""The key sets' own keys: when it is their turn, what their answers mean, which are watched, which asked at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.routing.key_check_schedule import OWN_KEY_SLOTS, OWN_KEYS_SECONDS, KeyCheckSchedule
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.probe import DEADLINE_SECONDS, REST_SECONDS, ROUND_SECONDS, RoundTrip
from kms_failover.domain.routing.probe_memory import WATCH_PERIOD
from kms_failover.domain.routing.probe_request import ROUNDS
from tests.domain.memory_state import MemoryState
from tests.domain.routing.probe_world import (
    DISABLED,
    NAMES,
    REFUSED,
    SILENT,
    THROTTLED,
    UNASKED,
    World,
    about_keys,
    about_regions,
    own,
    own_key_set,
)
from tests.domain.strategies import EAST, NOON, WEST


@pytest.fixture
def world() -> World:
    return World()


# Own keys: their turn


def test_the_controller_is_woken_before_any_own_key_is_asked(world: World) -> None:
    world.all_turns_come()

    world.service.run(1)

    assert world.diary.index("wake") == 2
    assert "write orders" in world.diary[3:]
    assert world.diary.count("wake") == 1


def test_it_is_woken_again_when_an_own_key_fails(world: World) -> None:
    world.all_turns_come()
    world.answers[own("orders", EAST)] = DISABLED

    world.service.run(1)

    assert world.diary[-1] == "wake"
    assert world.diary.count("wake") == 2


arn_sets = st.sets(st.from_regex(r"[a-f0-9]{8}", fullmatch=True), min_size=1, max_size=40)


@given(arns=arn_sets, pauses=st.lists(st.floats(4, 900), min_size=1, max_size=400), started=st.integers(0, 10**6))
def test_every_key_has_its_turn_once_a_cycle_whatever_is_late_or_skipped(
    arns: set[str], pauses: list[float], started: int
) -> None:
    turns, now, end = KeyCheckSchedule(), NOON + timedelta(seconds=started), timedelta()
    turns.due(arns, now)
    turns.taken(arns, now)
    counts = dict.fromkeys(arns, 0)
    start = int(now.timestamp()) // ROUND_SECONDS
    for pause in (*pauses, 900.0):
        now += timedelta(seconds=pause)
        end += timedelta(seconds=pause)
        for due in turns.due(arns, now):
            counts[due] += 1
        turns.taken(arns, now)

    covered = int(now.timestamp()) // ROUND_SECONDS - start
    assert all(covered // OWN_KEY_SLOTS <= count <= covered // OWN_KEY_SLOTS + 1 for count in counts.values())


@given(arns=arn_sets, cycles=st.integers(1, 3))
def test_regular_rounds_ask_every_key_exactly_once_a_cycle(arns: set[str], cycles: int) -> None:
    turns = KeyCheckSchedule()
    asked: list[str] = []
    turns.due(arns, NOON)
    turns.taken(arns, NOON)
    for number in range(1, cycles * OWN_KEY_SLOTS + 1):
        now = NOON + timedelta(seconds=number * ROUND_SECONDS)
        asked += turns.due(arns, now)
        turns.taken(arns, now)

    assert sorted(asked) == sorted([*arns] * cycles)


@given(arns=arn_sets, away=st.integers(OWN_KEYS_SECONDS, 10 * OWN_KEYS_SECONDS))
def test_after_a_whole_cycle_without_a_round_every_key_is_due_once(arns: set[str], away: int) -> None:
    turns = KeyCheckSchedule()
    turns.taken(arns, NOON)

    assert turns.due(arns, NOON + timedelta(seconds=away)) == arns


@given(arns=arn_sets, seconds=st.integers(0, OWN_KEYS_SECONDS))
def test_two_processes_agree_on_a_keys_turn_and_the_next_one_covers_a_minute_that_was_left_undone(
    arns: set[str], seconds: int
) -> None:
    now = NOON + timedelta(seconds=seconds)
    first, other = KeyCheckSchedule(), KeyCheckSchedule()
    first.taken(arns, now - timedelta(seconds=60))

    assert other.due(arns, now) == first.due(arns, now)


@given(arns=arn_sets, back=st.integers(1, 10**5))
def test_a_clock_that_is_put_back_makes_nothing_due(arns: set[str], back: int) -> None:
    turns = KeyCheckSchedule()
    turns.taken(arns, NOON)

    assert turns.due(arns, NOON - timedelta(seconds=back)) == set()


def test_a_cycle_of_minutes_asks_every_own_key_of_every_key_set() -> None:
    world = World()

    for _ in range(OWN_KEYS_SECONDS // 60 + 1):
        world.minute()
        world.pass_by(REST_SECONDS)

    seen = [o for o in world.state.observations(NOON) if o.key_set]
    assert {(o.key_set, o.region) for o in seen} == {(name, region) for name in NAMES for region in (EAST, WEST)}
    assert len(seen) <= 2 * 2 * len(NAMES)


def test_a_key_set_that_is_new_has_its_keys_asked_at_once(world: World) -> None:
    world.minute()
    world.state.put_key_set(own_key_set("taxes"))

    observed = world.service.run(2)

    assert about_keys(observed) == [("taxes", EAST, Outcome.OK, ""), ("taxes", WEST, Outcome.OK, "")]


def test_a_probe_key_is_not_asked_twice_for_its_own_key_set(world: World) -> None:
    world.all_turns_come()

    observed = world.service.run(1)

    arns = world.asked_arns()
    assert len(arns) == len(set(arns)) == 6
    assert about_keys(observed)[:2] == [("invoices", EAST, Outcome.OK, ""), ("invoices", WEST, Outcome.OK, "")]


def test_a_key_that_two_key_sets_share_is_asked_once_and_observed_for_both() -> None:
    world = World()
    world.state = MemoryState(WEST, own_key_set("orders"), own_key_set("orders").but(name="wages"))

    observed = world.service.ask({"orders", "wages"})

    assert world.asked_arns() == [own("orders", EAST), own("orders", WEST)]
    assert {(o.key_set, o.region) for o in observed} == {(k, r) for k in ("orders", "wages") for r in (EAST, WEST)}


def test_own_keys_get_what_time_is_left_of_the_round(world: World) -> None:
    world.all_turns_come()
    world.slow = 3

    world.service.run(1)

    assert [within for _, _, within in world.asked] == [DEADLINE_SECONDS, DEADLINE_SECONDS - 3]


# Own keys: what their answers mean


def test_a_key_that_fails_in_a_region_that_answers_is_told_and_watched(world: World) -> None:
    world.all_turns_come()
    world.answers[own("orders", EAST)] = SILENT

    observed, again = world.service.run(1), world.service.run(1)

    assert ("orders", EAST, Outcome.REGION_FAULT, "ReadTimeoutError") in about_keys(observed)
    assert about_regions(observed) == [(EAST, Outcome.OK, ""), (WEST, Outcome.OK, "")]
    assert ("orders", EAST, Outcome.REGION_FAULT, "ReadTimeoutError") in about_keys(again)


def test_a_key_that_fails_beside_a_probe_key_that_says_nothing_stays_a_region_fault(world: World) -> None:
    world.all_turns_come()
    world.answers |= {own("invoices", EAST): THROTTLED, own("orders", EAST): SILENT}

    observed = world.service.run(1)

    assert ("orders", EAST, Outcome.REGION_FAULT, "ReadTimeoutError") in about_keys(observed)


def test_the_own_keys_of_a_region_that_does_not_answer_wait_until_it_does(world: World) -> None:
    world.all_turns_come()
    world.answers[EAST] = SILENT
    world.at(12, world.answers.clear)

    lost = world.service.run(1)
    back = world.service.run(2)

    assert {region for _, region, outcome, _ in about_keys(lost) if outcome is Outcome.OK} == {WEST}
    assert own("orders", EAST) not in world.asked[1][1]
    assert {(name, region) for name, region, outcome, _ in about_keys(back) if outcome is Outcome.OK} >= {
        (name, EAST) for name in NAMES
    }


def test_a_key_for_which_there_was_no_time_is_asked_in_the_next_round_and_says_nothing(world: World) -> None:
    world.all_turns_come()
    world.answers[own("orders", EAST)] = UNASKED
    world.at(5, world.answers.clear)

    observed = world.service.run(2)

    assert [one for one in about_keys(observed) if one[:2] == ("orders", EAST)] == [("orders", EAST, Outcome.OK, "")]
    assert world.asked_arns().count(own("orders", EAST)) == 2


def test_own_keys_that_cannot_be_asked_for_a_defect_keep_their_turn(world: World) -> None:
    world.all_turns_come()
    world.broken.add("prober")
    world.at(5, world.broken.clear)

    with pytest.raises(ExceptionGroup):
        world.service.run(2)

    assert {o.key_set for o in world.state.observations(NOON)} == {"", *NAMES}


def test_a_probe_keys_fault_is_its_key_sets_own_at_once(world: World) -> None:
    world.answers[own("invoices", EAST)] = DISABLED

    observed = world.service.run(1)

    assert about_keys(observed) == [("invoices", EAST, Outcome.KEY_FAULT, "DisabledException")]


def test_a_probe_key_that_is_lost_alone_is_its_key_sets_fault_in_the_next_round(world: World) -> None:
    world.answers[own("invoices", EAST)] = SILENT

    observed = world.service.run(2)

    assert about_keys(observed)[0] == ("invoices", EAST, Outcome.REGION_FAULT, "ReadTimeoutError")
    assert next(o.at for o in observed if o.key_set) == NOON + timedelta(seconds=7)


# Own keys: watched


@pytest.mark.parametrize("source", [Source.PROBE, Source.KMS_EVENT])
def test_a_key_set_with_a_key_fault_has_its_keys_asked_in_every_round(world: World, source: Source) -> None:
    world.report(source=source, key_set="orders")
    world.pass_by(100)

    observed = world.service.run(3)

    assert about_keys(observed) == [("orders", EAST, Outcome.OK, ""), ("orders", WEST, Outcome.OK, "")] * 3


def test_a_key_fault_that_is_too_long_ago_or_from_elsewhere_watches_nothing(world: World) -> None:
    world.report(source=Source.DATA_PLANE, key_set="wages")
    world.report(source=Source.KMS_EVENT, key_set="orders")
    world.pass_by(WATCH_PERIOD.total_seconds() + 1)
    world.report(source=Source.DATA_PLANE, key_set="invoices")

    observed = world.service.run(1)

    assert about_keys(observed) == []


@pytest.mark.parametrize("answer", [DISABLED, REFUSED])
def test_a_key_that_fails_is_found_twice_in_a_row_within_two_rounds_and_watched_as_long_as_it_fails(
    world: World, answer: RoundTrip
) -> None:
    world.all_turns_come()
    world.answers[own("orders", WEST)] = answer

    minutes = [world.minute() for _ in range(6)]

    failed = [o for minute in minutes for o in minute if o.outcome is answer.outcome]
    assert len(failed) == 6 * ROUNDS
    assert {(o.key_set, o.region) for o in failed} == {("orders", WEST)}
    assert failed[1].at - failed[0].at == timedelta(seconds=10)


def test_a_key_set_whose_keys_have_answered_long_enough_is_watched_no_more(world: World) -> None:
    world.report(source=Source.KMS_EVENT, key_set="orders")
    world.service.run(1)
    world.pass_by(WATCH_PERIOD.total_seconds() + 1)

    observed = world.service.run(1)

    assert about_keys(observed) == []


def test_what_is_watched_stays_so_while_the_state_cannot_be_read(world: World) -> None:
    world.report(source=Source.KMS_EVENT, key_set="orders")
    world.at(5, lambda: world.broken.add("read"))

    with pytest.raises(ExceptionGroup):
        world.service.run(2)

    assert world.asked_arns().count(own("orders", EAST)) == 2


# At once


def test_the_own_keys_of_named_key_sets_are_asked_at_once_and_the_regions_verdict_is_left_alone(world: World) -> None:
    world.answers[own("orders", EAST)] = DISABLED

    observed = world.service.ask(["orders", "gone"])

    assert world.now == NOON
    assert about_keys(observed) == [
        ("orders", EAST, Outcome.KEY_FAULT, "DisabledException"),
        ("orders", WEST, Outcome.OK, ""),
    ]
    assert about_regions(observed) == []
    assert observed == list(world.state.observations(NOON))
    assert world.diary[-1] == "wake"


def test_asking_at_once_wakes_the_controller_and_raises_when_it_cannot_ask(world: World) -> None:
    world.broken.add("prober")

    with pytest.raises(ExceptionGroup):
        world.service.ask(["orders"])

    assert world.diary == ["wake"]


def test_a_region_that_is_silent_loses_no_key_of_it_whosever_turn_it_is(world: World) -> None:
    world.answers[EAST] = SILENT
    world.all_turns_come()

    for _ in range(3):
        world.minute()

    assert {region for _, region, _, _ in about_keys(world.state.observations(NOON))} == {WEST}
