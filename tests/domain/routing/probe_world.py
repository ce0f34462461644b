"""A probe in virtual time, with keys that answer as a test says."""

import functools
import itertools
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.key_check_schedule import OWN_KEY_SLOTS, OWN_KEYS_SECONDS
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.probe import (
    NOT_ASKED,
    ROUND_SECONDS,
    ProbeService,
    RoundTrip,
)
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn

OK = RoundTrip(outcome=Outcome.OK, latency_ms=3.0)
SILENT = RoundTrip(outcome=Outcome.REGION_FAULT, code="ReadTimeoutError", latency_ms=2000.0)
DISABLED = RoundTrip(outcome=Outcome.KEY_FAULT, code="DisabledException")
REFUSED = RoundTrip(outcome=Outcome.REFUSED, code="AccessDeniedException")
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

    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]:
        self._unless_broken("read")
        return self.state.observations(since, until)

    def reports(self, since: datetime, until: datetime) -> tuple[Observation, ...]:
        self._unless_broken("read")
        return self.state.reports(since, until)

    def _unless_broken(self, part: str) -> None:
        if part in self.broken:
            raise ConnectionError(part)

    # What tests ask of it

    def report(
        self, *, region: str = EAST, source: Source = Source.DATA_PLANE, key_set: str = "", later: float = 0
    ) -> None:
        """As the data plane writes it: bearing the time of its five seconds' beginning."""
        fault = Outcome.KEY_FAULT if key_set else Outcome.REGION_FAULT
        at = self.now - timedelta(seconds=self.now.timestamp() % 5 - later)
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
