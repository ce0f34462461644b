"""Probe rounds in virtual time: when they start, which regions they ask, what is written, and what it costs."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.routing.key_check_schedule import OWN_KEYS_SECONDS
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.probe import JITTER_SECONDS, MAX_FAILED_WRITES, REST_SECONDS, ROUND_SECONDS, RoundTrip
from kms_failover.domain.routing.probe_memory import ProbeKeys
from kms_failover.domain.routing.probe_request import ROUNDS
from kms_failover.domain.routing.rounds import LEAST_BETWEEN_ROUNDS
from tests.domain.routing.probe_world import (
    CYCLE,
    DISABLED,
    NAMES,
    REFUSED,
    SILENT,
    THROTTLED,
    World,
    about_regions,
    own,
    own_key_set,
)
from tests.domain.strategies import EAST, NOON, WEST


@pytest.fixture
def world() -> World:
    return World()


# Regions


def test_each_region_is_asked_with_one_key_in_a_round_however_many_key_sets_there_are(world: World) -> None:
    observed = world.service.run(2)

    assert [arns for _, arns, _ in world.asked] == [(own("invoices", EAST), own("invoices", WEST))] * 2
    assert about_regions(observed) == [(EAST, Outcome.OK, ""), (WEST, Outcome.OK, "")] * 2
    assert {(o.observer, o.source, o.latency_ms) for o in observed} == {(WEST, Source.PROBE, 3.0)}
    assert observed == list(world.state.observations(NOON))
    assert len({o.id for o in observed}) == 4


def test_an_observation_bears_the_time_at_which_its_round_began(world: World) -> None:
    world.slow = 3

    observed = world.service.run(1)

    assert {o.at for o in observed} == {NOON}


@pytest.mark.parametrize("answer", [DISABLED, REFUSED, THROTTLED])
def test_a_key_that_cannot_be_used_says_nothing_about_its_region_and_the_next_one_is_asked(
    world: World, answer: RoundTrip
) -> None:
    world.answers[own("invoices", EAST)] = answer

    observed = world.service.run(2)

    east = [(outcome, code) for region, outcome, code in about_regions(observed) if region == EAST]
    assert east == [(Outcome.INCONCLUSIVE, answer.code), (Outcome.OK, "")]


def test_a_key_that_is_lost_alone_never_loses_its_region(world: World) -> None:
    world.answers[own("invoices", EAST)] = SILENT

    observed = world.service.run(4)

    east = [outcome for region, outcome, _ in about_regions(observed) if region == EAST]
    assert east == [Outcome.REGION_FAULT, *[Outcome.OK] * 4]


def test_the_first_candidate_is_the_first_by_name_in_whatever_order_the_key_sets_come() -> None:
    chosen = ProbeKeys().choose([own_key_set("wages"), own_key_set("invoices"), own_key_set("orders")])

    assert {region: one.arn for region, one in chosen.items()} == {r: own("invoices", r) for r in (EAST, WEST)}


def test_after_the_last_candidate_comes_the_first_again(world: World) -> None:
    world.answers[EAST] = THROTTLED

    world.service.run(4)

    asked = [arns[0] for _, arns, _ in world.asked]
    assert asked == [own(name, EAST) for name in (*NAMES, NAMES[0])]


def test_another_regions_probe_key_stays_what_it_is(world: World) -> None:
    world.answers[EAST] = THROTTLED

    world.service.run(3)

    assert {arns[1] for _, arns, _ in world.asked} == {own("invoices", WEST)}


def test_a_region_without_a_usable_key_stays_inconclusive_and_never_becomes_lost(world: World) -> None:
    world.answers[EAST] = DISABLED

    observed = world.minute()

    assert {outcome for region, outcome, _ in about_regions(observed) if region == EAST} == {Outcome.INCONCLUSIVE}


# A minute: late, doubled, skipped


def test_rounds_start_ten_seconds_apart_however_long_each_takes(world: World) -> None:
    world.slow = 4

    world.minute()

    assert world.starts() == [0, 10, 20, 30, 40, 50]


def test_an_invocation_fills_its_minute_and_leaves_its_environment_free_for_the_next_one(world: World) -> None:
    world.minute()

    assert ROUNDS * ROUND_SECONDS == 60
    assert world.now == NOON + timedelta(seconds=60 - REST_SECONDS)


def test_fewer_rounds_end_with_the_last_one(world: World) -> None:
    world.service.run(2)

    assert world.now == NOON + timedelta(seconds=10)


@given(jitters=st.lists(st.floats(0, 1, exclude_max=True), min_size=2 * ROUNDS, max_size=2 * ROUNDS))
def test_jitter_delays_a_round_by_a_second_at_most_and_never_adds_up(jitters: list[float]) -> None:
    drawn = iter(jitters)
    world = World(jitter=lambda: next(drawn))

    world.minute()
    world.pass_by(REST_SECONDS)
    world.minute()

    late = [start - number * ROUND_SECONDS for number, start in enumerate(world.starts())]
    assert late == pytest.approx([jitter * JITTER_SECONDS for jitter in jitters], abs=1e-5)


def test_overdue_rounds_follow_at_once_and_none_starts_after_the_minute(world: World) -> None:
    world.slow = 25

    observed = world.minute()

    assert world.starts() == [0, 25, 50]
    assert len(observed) == 6


def test_a_late_invocation_does_all_its_rounds(world: World) -> None:
    world.minute()
    world.pass_by(REST_SECONDS + 45)

    world.minute()

    assert world.starts()[ROUNDS:] == [105, 115, 125, 135, 145, 155]


def test_a_doubled_invocation_in_the_same_process_keeps_the_least_pause(world: World) -> None:
    world.service.run(1)
    world.service.run(1)

    assert world.starts() == [0, LEAST_BETWEEN_ROUNDS.total_seconds()]


def test_a_doubled_invocation_in_another_process_writes_observations_of_its_own(world: World) -> None:
    first = world.service.run(1)
    world.restart()
    second = world.service.run(1)

    assert {o.at for o in first} == {o.at for o in second}  # the judgement takes them for one round
    assert len(world.state.observations(NOON)) == 4


# What fails


def test_a_state_that_cannot_be_read_stops_no_round_and_is_told_at_the_end(world: World) -> None:
    world.broken.add("read")

    with pytest.raises(ExceptionGroup) as raised:
        world.minute()

    assert world.starts() == [0, 10, 20, 30, 40, 50]
    assert raised.group_contains(ConnectionError, match="read")


@pytest.mark.parametrize("part", ["key sets", "prober", "write", "wake"])
def test_what_fails_in_one_round_stops_no_other_and_is_told_at_the_end(world: World, part: str) -> None:
    world.broken.add(part)
    world.at(15, world.broken.clear)

    with pytest.raises(ExceptionGroup) as raised:
        world.minute()

    assert world.starts()[-4:] == [20, 30, 40, 50]
    assert world.diary.count("wake") == ROUNDS
    assert raised.group_contains(ConnectionError, match=part)


def test_what_cannot_be_written_is_told_all_the_same(world: World) -> None:
    told: list[Observation] = []
    world.broken.add("write")

    with pytest.raises(ExceptionGroup):
        world.service.run(1, told.extend)

    assert about_regions(told) == [(EAST, Outcome.OK, ""), (WEST, Outcome.OK, "")]


def test_who_is_told_and_fails_stops_no_write(world: World) -> None:
    def fail(_: Sequence[Observation]) -> None:
        raise ConnectionError("tell")

    with pytest.raises(ExceptionGroup):
        world.service.run(1, fail)

    assert world.starts() == [0]


# What it costs (docs/probe.md)


def test_kms_costs_below_ten_dollars_a_month_for_a_hundred_key_sets_in_two_regions() -> None:
    """Prices: aws.amazon.com/kms/pricing, symmetric requests; the month is the longest."""
    month, regions, observers, key_sets, requests_a_round_trip = timedelta(days=31), 2, 2, 100, 2
    dollars_a_request = 0.03 / 10_000
    minutes = month / timedelta(minutes=1)

    probe_keys = regions * ROUNDS * minutes
    own_keys = key_sets * regions * (month / CYCLE)
    requests = observers * requests_a_round_trip * (probe_keys + own_keys)

    assert requests * dollars_a_request < 10
    assert observers * requests_a_round_trip * own_keys * dollars_a_request < 4  # what the key sets add


def test_a_hundred_key_sets_ask_no_more_than_the_arithmetic_says() -> None:
    world = World(*(f"set-{number:03}" for number in range(100)))
    minutes = OWN_KEYS_SECONDS // 60
    world.minute()
    world.pass_by(REST_SECONDS)
    world.asked.clear()

    for _ in range(minutes):
        world.minute()
        world.pass_by(REST_SECONDS)

    asked = len(world.asked_arns())
    most = 2 * ROUNDS * minutes + 2 * 100
    assert most - 4 <= asked <= most  # a probe key's own turn costs nothing


def test_what_cannot_be_written_of_one_region_is_written_of_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = world.state.add_observation

    def throttled(observation: Observation) -> None:
        if observation.region == EAST:
            raise ConnectionError("ThrottlingException")
        write(observation)

    monkeypatch.setattr(world.state, "add_observation", throttled)
    with pytest.raises(ExceptionGroup):
        world.service.run(1)

    assert {one.region for one in world.state.observations(NOON)} == {WEST}


def test_a_state_that_takes_nothing_is_not_tried_for_each_of_many_keys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Observation] = []

    def silent(observation: Observation) -> None:
        tried.append(observation)
        raise ConnectionError("the table does not answer")

    monkeypatch.setattr(world.state, "add_observation", silent)
    world.all_turns_come()
    with pytest.raises(ExceptionGroup):
        world.service.run(1)

    assert len([one for one in tried if one.key_set]) == MAX_FAILED_WRITES
