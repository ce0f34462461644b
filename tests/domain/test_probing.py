"""Probe rounds in virtual time: when they start, which keys they ask, what is written, and what it costs."""

import functools
import itertools
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.health import LEAST_BETWEEN_ROUNDS, Observation, Outcome, Source
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.probe_memory import LOOK_BACK, OWN_KEY_SLOTS, OWN_KEYS_SECONDS, WATCHED, OwnKeyTurns, ProbeKeys
from kms_failover.domain.probing import (
    DEADLINE_SECONDS,
    JITTER_SECONDS,
    NOT_ASKED,
    REST_SECONDS,
    ROUND_SECONDS,
    ROUNDS,
    ProbeService,
    RoundTrip,
)
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn

OK = RoundTrip(outcome=Outcome.OK, latency_ms=3.0)
SILENT = RoundTrip(outcome=Outcome.REGION_FAULT, code="ReadTimeoutError", latency_ms=2000.0)
DISABLED = RoundTrip(outcome=Outcome.KEY_FAULT, code="DisabledException")
THROTTLED = RoundTrip(outcome=Outcome.INCONCLUSIVE, code="ThrottlingException")
UNASKED = RoundTrip(outcome=Outcome.INCONCLUSIVE, code=NOT_ASKED)
CYCLE = timedelta(seconds=OWN_KEYS_SECONDS)
NAMES = ("invoices", "orders", "wages")


@functools.cache
def own(name: str, region: str) -> str:
    """An ARN whose turn comes neither in the minute before noon nor in the quarter of an hour after it."""
    numbered = (arn(region, f"of-{name}-{number}") for number in itertools.count())
    noon = int(NOON.timestamp()) // ROUND_SECONDS
    return next(one for one in numbered if 90 < (zlib.crc32(one.encode()) - noon) % OWN_KEY_SLOTS < OWN_KEY_SLOTS - 6)


def own_key_set(name: str) -> KeySet:
    members = tuple(MemberKey(region=region, arn=own(name, region)) for region in (EAST, WEST))
    return KeySet(name=name, members=members)


class World:
    """Time passes only in sleep and in a call that takes `slow` seconds; `happens` are things to be done at a time."""

    def __init__(self, *names: str, jitter: Callable[[], float] = lambda: 0.0) -> None:
        self.now = NOON
        self.slow = 0.0
        self.answers: dict[str, RoundTrip] = {}  # by ARN or region; OK without
        self.asked: list[tuple[datetime, tuple[str, ...], float]] = []
        self.diary: list[str] = []
        self.happens: list[tuple[datetime, Callable[[], None]]] = []
        self.state = MemoryState(WEST, *(own_key_set(name) for name in names or NAMES))
        self.broken: set[str] = set()
        self.jitter = jitter
        self.restart()

    def restart(self) -> None:
        """Another process, with the same state."""
        self.service = ProbeService(
            WEST, self.key_sets, self, self, self.wake, lambda: self.now, self.sleep, self.jitter
        )

    def at(self, seconds: float, thing: Callable[[], None]) -> None:
        self.happens.append((NOON + timedelta(seconds=seconds), thing))

    def pass_by(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while due := [one for one in self.happens if one[0] <= until]:
            first = min(due, key=lambda one: one[0])
            self.happens.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = until

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.pass_by(seconds)

    def wake(self) -> None:
        self.diary.append("wake")
        self._unless_broken("wake")

    def key_sets(self) -> tuple[KeySet, ...]:
        self._unless_broken("key sets")
        return self.state.key_sets()

    def round_trips(self, members: Sequence[MemberKey], within_seconds: float) -> dict[str, RoundTrip]:
        assert members
        self.asked.append((self.now, tuple(one.arn for one in members), within_seconds))
        self._unless_broken("prober")
        answers = {one.arn: self.answers.get(one.arn, self.answers.get(one.region, OK)) for one in members}
        self.pass_by(self.slow)
        return answers

    def add_observation(self, observation: Observation) -> None:
        self.diary.append(f"write {observation.key_set or observation.region}")
        self._unless_broken("write")
        self.state.add_observation(observation)

    def observations(self, since: datetime) -> tuple[Observation, ...]:
        self._unless_broken("read")
        return self.state.observations(since)

    def reports(self, since: datetime) -> tuple[Observation, ...]:
        self._unless_broken("read")
        return self.state.reports(since)

    def _unless_broken(self, part: str) -> None:
        if part in self.broken:
            raise ConnectionError(part)

    # What tests ask of it

    def report(self, *, region: str = EAST, source: Source = Source.DATA_PLANE, key_set: str = "") -> None:
        """As the data plane writes it: bearing the time of its five seconds' beginning."""
        fault = Outcome.KEY_FAULT if key_set else Outcome.REGION_FAULT
        at = self.now - timedelta(seconds=self.now.timestamp() % 5)
        self.state.add_observation(
            Observation(observer=WEST, region=region, source=source, outcome=fault, at=at, id="r", key_set=key_set)
        )

    def all_turns_come(self) -> None:
        """As after half an hour without a round."""
        self.service._turns.taken(frozenset(), self.now)

    def minute(self) -> list[Observation]:
        return self.service.run()

    def starts(self) -> list[float]:
        """Of the rounds, in seconds after noon."""
        regional = [o.at for o in self.state.observations(NOON) if not o.key_set and o.source is Source.PROBE]
        return [(at - NOON).total_seconds() for at in sorted(set(regional))]

    def asked_arns(self) -> list[str]:
        return [one for _, arns, _ in self.asked for one in arns]


def about_regions(observations: Sequence[Observation]) -> list[tuple[str, Outcome, str]]:
    return [(o.region, o.outcome, o.code) for o in observations if not o.key_set]


def about_keys(observations: Sequence[Observation]) -> list[tuple[str, str, Outcome, str]]:
    return [(o.key_set, o.region, o.outcome, o.code) for o in observations if o.key_set]


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


@pytest.mark.parametrize("answer", [DISABLED, THROTTLED])
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
    turns, now, end = OwnKeyTurns(), NOON + timedelta(seconds=started), timedelta()
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
    turns = OwnKeyTurns()
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
    turns = OwnKeyTurns()
    turns.taken(arns, NOON)

    assert turns.due(arns, NOON + timedelta(seconds=away)) == arns


@given(arns=arn_sets, seconds=st.integers(0, OWN_KEYS_SECONDS))
def test_two_processes_agree_on_a_keys_turn_and_the_next_one_covers_a_minute_that_was_left_undone(
    arns: set[str], seconds: int
) -> None:
    now = NOON + timedelta(seconds=seconds)
    first, other = OwnKeyTurns(), OwnKeyTurns()
    first.taken(arns, now - timedelta(seconds=60))

    assert other.due(arns, now) == first.due(arns, now)


@given(arns=arn_sets, back=st.integers(1, 10**5))
def test_a_clock_that_is_put_back_makes_nothing_due(arns: set[str], back: int) -> None:
    turns = OwnKeyTurns()
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
    world.state = MemoryState(WEST, own_key_set("orders"), own_key_set("orders").model_copy(update={"name": "wages"}))

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
    world.pass_by(WATCHED.total_seconds() + 1)
    world.report(source=Source.DATA_PLANE, key_set="invoices")

    observed = world.service.run(1)

    assert about_keys(observed) == []


def test_a_key_that_fails_is_found_twice_in_a_row_within_two_rounds_and_watched_as_long_as_it_fails(
    world: World,
) -> None:
    world.all_turns_come()
    world.answers[own("orders", WEST)] = DISABLED

    minutes = [world.minute() for _ in range(6)]

    failed = [o for minute in minutes for o in minute if o.outcome is Outcome.KEY_FAULT]
    assert len(failed) == 6 * ROUNDS
    assert {(o.key_set, o.region) for o in failed} == {("orders", WEST)}
    assert failed[1].at - failed[0].at == timedelta(seconds=10)


def test_a_key_set_whose_keys_have_answered_long_enough_is_watched_no_more(world: World) -> None:
    world.report(source=Source.KMS_EVENT, key_set="orders")
    world.service.run(1)
    world.pass_by(WATCHED.total_seconds() + 1)

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
