"""Probe rounds that follow a report or a fault sooner."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.probe import REST_SECONDS
from kms_failover.domain.routing.probe_memory import LOOK_BACK
from kms_failover.domain.routing.probe_request import ROUNDS
from kms_failover.domain.routing.rounds import LEAST_BETWEEN_ROUNDS
from tests.domain.routing.probe_world import SILENT, World
from tests.domain.strategies import EAST, NOON


@pytest.fixture
def world() -> World:
    return World()


# Sooner


def test_a_report_of_the_data_plane_brings_two_rounds_as_soon_as_rounds_may_follow_each_other(world: World) -> None:
    world.at(1.5, world.report)

    world.minute()

    assert world.starts()[:4] == [0, 4, 8, 12]  # the regular one at 10 would be one with that at 8
    assert world.starts()[4:] == [20, 30, 40, 50]


def test_an_urgent_round_starts_to_the_second_whenever_the_looks_are(world: World) -> None:
    world.slow = 0.3
    world.at(1, world.report)

    world.minute()

    assert world.starts()[:3] == [0, 4, 8]


def test_an_urgent_round_that_the_minute_has_no_time_for_is_the_next_ones_first(world: World) -> None:
    world.at(55.5, world.report)

    world.minute()
    assert world.starts()[-1] == 56
    assert world.now == NOON + timedelta(seconds=60 - REST_SECONDS)
    world.pass_by(REST_SECONDS)
    world.minute()

    assert world.starts()[ROUNDS : ROUNDS + 3] == [56, 60, 70]


def test_a_report_in_the_midst_of_a_pause_is_seen_within_a_second(world: World) -> None:
    world.at(5.5, world.report)

    world.minute()

    assert world.starts()[:4] == [0, 6, 10, 20]  # that at 10 is the second one


def test_a_report_that_bears_an_earlier_time_than_the_last_look_is_seen(world: World) -> None:
    world.at(4.9, world.report)  # bears noon

    world.minute()

    assert world.starts()[:3] == [0, 5, 9]


def test_a_report_from_between_two_invocations_counts_and_an_old_one_does_not(world: World) -> None:
    world.report()
    world.pass_by(5)
    world.service.run(2)
    assert world.starts() == [5, 9, 15]

    world.restart()
    world.pass_by(LOOK_BACK.total_seconds() + 1)
    world.service.run(2)

    assert world.starts()[3:] == [31, 41]


def test_a_caller_whose_own_way_is_broken_hastens_the_rounds_of_a_minute_and_no_more_until_it_pauses(
    world: World,
) -> None:
    for seconds in range(1, 240, 5):
        world.at(seconds, world.report)

    for _ in range(4):
        world.minute()
        world.pass_by(REST_SECONDS)
    contradicted = list(world.starts())
    world.pass_by(61)
    world.at((world.now - NOON).total_seconds() + 1, world.report)
    world.minute()

    assert contradicted[:16] == [*range(0, 61, 4)]
    assert contradicted[16:] == [*range(70, 240, 10)]
    assert world.starts()[len(contradicted) :][:3] == [301, 305, 309]


@pytest.mark.parametrize("pace", [31, 40, 60, 90])
def test_a_caller_whose_own_way_is_broken_hastens_few_rounds_at_whatever_pace(world: World, pace: int) -> None:
    for seconds in range(1, 900, pace):
        world.at(seconds, world.report)

    for _ in range(15):
        world.minute()
        world.pass_by(REST_SECONDS)

    late = [seconds for seconds in world.starts() if seconds >= 300]
    assert len(world.starts()) > 15 * ROUNDS
    assert len(late) == 10 * ROUNDS


def test_one_report_by_a_clock_that_is_fast_silences_nobody(world: World) -> None:
    world.at(1, lambda: world.report(later=3600))
    for seconds in range(6, 110, 5):
        world.at(seconds, world.report)
    for seconds in range(300, 320, 5):
        world.at(seconds + 1, world.report)

    for _ in range(6):
        world.minute()
        world.pass_by(REST_SECONDS)

    after = [start for start in world.starts() if start >= 300]
    assert after[:4] == [300, 304, 308, 312]


def test_a_report_is_counted_once_however_often_it_is_seen(world: World) -> None:
    world.at(1, world.report)
    world.at(2, world.report)

    world.minute()

    assert len(world.starts()) == ROUNDS + 2


@pytest.mark.parametrize("source", [Source.ALARM, Source.HEALTH_EVENT, Source.DRILL])
def test_only_the_data_planes_reports_are_urgent(world: World, source: Source) -> None:
    world.at(1, lambda: world.report(source=source))

    world.minute()

    assert len(world.starts()) == ROUNDS


def test_a_key_fault_is_no_urgent_report(world: World) -> None:
    world.at(1, lambda: world.report(key_set="orders"))

    world.minute()

    assert len(world.starts()) == ROUNDS


@given(
    reports=st.lists(st.floats(0, 70), max_size=20),
    lost=st.floats(0, 60),
    slow=st.sampled_from([0.0, 2.0, 3.5]),
)
def test_rounds_never_come_closer_than_the_least_pause_nor_after_the_minute(
    reports: list[float], lost: float, slow: float
) -> None:
    world = World(jitter=lambda: 0.7)
    world.slow = slow
    world.at(lost, lambda: world.answers.update({EAST: SILENT}))
    for seconds in reports:
        world.at(seconds, world.report)

    world.minute()

    starts = world.starts()
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(pause > LEAST_BETWEEN_ROUNDS.total_seconds() - 1e-6 for pause in pauses)
    assert starts[-1] < 60


def test_a_report_of_what_two_rounds_have_found_hastens_nothing(world: World) -> None:
    world.answers[EAST] = SILENT
    for seconds in range(10, 60):
        world.at(seconds, world.report)

    world.minute()

    assert world.starts() == [0, 7, 14, 20, 30, 40, 50]


def test_a_region_that_fails_is_asked_again_sooner_until_the_verdict_is_due(world: World) -> None:
    world.answers[EAST] = SILENT

    world.minute()

    assert world.starts() == [0, 7, 14, 20, 30, 40, 50]


def test_a_region_that_answers_again_is_asked_at_the_regular_times(world: World) -> None:
    world.answers[EAST] = SILENT
    world.at(5, world.answers.clear)

    world.minute()

    assert world.starts() == [0, 7, 11, 20, 30, 40, 50]


def seconds_to(faults: int, lost: float, *, reported_after: float | None = None) -> float:
    """From silence to the end of the round that finds the given fault in a row; rounds into silence take 2 s."""
    world = World(jitter=lambda: 0.999)

    def lose() -> None:
        world.slow = 2.0
        world.answers[EAST] = SILENT

    world.at(lost, lose)
    if reported_after is not None:
        world.at(lost + reported_after, world.report)
    found: list[datetime] = []
    while len(found) < faults:
        observed = world.minute()
        found += [o.at for o in observed if o.outcome is Outcome.REGION_FAULT]
        world.pass_by(REST_SECONDS)
    return (found[faults - 1] - NOON).total_seconds() + 2.0 - lost


@given(lost=st.floats(0, 120))
def test_silence_alone_is_found_three_times_in_a_row_within_28_seconds(lost: float) -> None:
    assert seconds_to(3, lost) <= 28


@given(lost=st.floats(0, 120), reported_after=st.floats(0.1, 2))
def test_silence_that_the_data_plane_reports_is_found_twice_within_12_seconds(
    lost: float, reported_after: float
) -> None:
    assert seconds_to(2, lost, reported_after=reported_after) <= 11
