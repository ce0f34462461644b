"""Probe rounds: one observation a region, key set and round, and a controller that is never behind."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kms_failover.domain.health import Observation, Outcome, Source
from kms_failover.domain.key_set import MemberKey
from kms_failover.domain.probing import ROUND_SECONDS, ROUNDS, ProbeService, RoundTrip
from tests.domain.strategies import EAST, NOON, WEST, arn, key_set


class World:
    """Time passes only in sleep, and in a round trip that takes `slow` seconds. The diary tells what happened."""

    def __init__(self, *, slow: float = 0) -> None:
        self.now = NOON
        self.slow = slow
        self.slept: list[float] = []
        self.asked: list[tuple[str, ...]] = []
        self.written: list[Observation] = []
        self.diary: list[str] = []
        key_sets = (key_set(), key_set(name="invoices"))
        self.service = ProbeService(WEST, lambda: key_sets, self, self, self.wake, self.clock, self.sleep)

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def wake(self) -> None:
        self.diary.append("wake")

    def round_trips(self, members: Sequence[MemberKey]) -> dict[str, RoundTrip]:
        self.asked.append(tuple(member.arn for member in members))
        self.now += timedelta(seconds=self.slow)
        lost = RoundTrip(outcome=Outcome.REGION_FAULT, code="ReadTimeoutError", latency_ms=2000.0)
        return {arn(EAST): lost, arn(WEST): RoundTrip(outcome=Outcome.OK, latency_ms=3.0)}

    def add_observation(self, observation: Observation) -> None:
        self.written.append(observation)
        self.diary.append("write")


def test_every_member_key_of_every_key_set_is_observed_each_round() -> None:
    world = World()

    observed = world.service.run(2)

    assert observed == world.written
    assert [(o.key_set, o.region, o.outcome, o.code) for o in observed[:4]] == [
        ("orders", EAST, Outcome.REGION_FAULT, "ReadTimeoutError"),
        ("orders", WEST, Outcome.OK, ""),
        ("invoices", EAST, Outcome.REGION_FAULT, "ReadTimeoutError"),
        ("invoices", WEST, Outcome.OK, ""),
    ]
    assert {(o.observer, o.source) for o in observed} == {(WEST, Source.PROBE)}
    assert len({o.id for o in observed}) == 8


def test_a_key_that_two_key_sets_share_is_asked_once_a_round() -> None:
    world = World()

    world.service.run(1)

    assert world.asked == [(arn(EAST), arn(WEST))]


def test_the_controller_is_woken_after_each_rounds_last_write() -> None:
    world = World()

    world.service.run(2)

    assert world.diary == ["write"] * 4 + ["wake"] + ["write"] * 4 + ["wake"]


def test_rounds_start_ten_seconds_apart_however_long_each_takes() -> None:
    world = World(slow=4)

    world.service.run(3)

    assert world.slept == [ROUND_SECONDS - 4, ROUND_SECONDS - 4]


def test_a_round_that_takes_too_long_is_followed_at_once() -> None:
    world = World(slow=25)

    observed = world.service.run(3)

    assert world.slept == []
    assert len(observed) == 12


def test_an_invocation_fills_its_minute() -> None:
    assert ROUNDS * ROUND_SECONDS == 60
