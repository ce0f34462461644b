"""The pace of an observer's rounds: regular ones, and sooner where a round has failed or callers report a fault."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol

from kms_failover.domain.routing.observation import Observation
from kms_failover.domain.routing.probe_memory import LOOK_BACK, WATCH_PERIOD, Attention
from kms_failover.domain.routing.probe_run import ProbeRun
from kms_failover.domain.routing.rounds import LEAST_BETWEEN_ROUNDS
from kms_failover.domain.timing import CLOCK_SKEW

# 11 s to the first fault, two more rounds, a time-out of 2 s: 27 s to a verdict
CONFIRMATION_INTERVAL = timedelta(seconds=7)
FAULTS_TO_CONFIRM = 3  # in a row, without, and below with, another signal
FAULTS_TO_CORROBORATE = 2
LOOK_SECONDS = 1.0  # between two looks for reports


class ReportState(Protocol):
    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...
    def reports(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...


class Pace:
    """When the next round is due. Kept for the life of the process."""

    def __init__(
        self,
        state: ReportState,
        attention: Attention,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._state = state
        self._attention = attention
        self._clock = clock
        self._sleep = sleep
        self._started_at: datetime | None = None
        self._faults: dict[str, int] = {}  # in a row, by region
        self._urgent = 0  # rounds that reports ask for

    def round_begins(self, at: datetime) -> None:
        self._urgent = max(0, self._urgent - 1)
        self._started_at = at

    def round_found(self, lost_regions: Collection[str]) -> None:
        self._faults = {region: self._faults.get(region, 0) + 1 for region in lost_regions}

    def wait(
        self, due: datetime, run: ProbeRun, do_round: Callable[[ProbeRun], None], *, then_a_round: bool = True
    ) -> None:
        """Until `due`, and until a round may follow the last one; rounds that are urgent are done meanwhile."""
        everything = True
        while True:
            self._look(run, everything=everything)
            everything = False
            now = self._clock()
            pause = self._pause()
            soonest = max(now, self._started_at + (pause or LEAST_BETWEEN_ROUNDS)) if self._started_at else now
            ready = max(due, soonest) if then_a_round else due
            if now >= ready:
                return
            if pause and now >= soonest:
                do_round(run)
            else:
                until = min(ready, soonest) if pause else ready
                self._sleep(min(LOOK_SECONDS, (until - now).total_seconds()))

    def _pause(self) -> timedelta | None:
        """From one round's start to the next, where that should not wait for its regular time."""
        if self._urgent:
            return LEAST_BETWEEN_ROUNDS
        return CONFIRMATION_INTERVAL if any(0 < n < FAULTS_TO_CONFIRM for n in self._faults.values()) else None

    def _look(self, run: ProbeRun, *, everything: bool) -> None:
        """For reports, and for faults of keys once a round. A report of what two rounds have found asks for nothing."""
        if run.state_is_backed_off:
            return
        with run.asking_the_state():
            now = self._clock()
            read, back = (self._state.observations, WATCH_PERIOD) if everything else (self._state.reports, LOOK_BACK)
            seen = read(now - back, now + CLOCK_SKEW)  # who reports chooses the time: what lies ahead would stay
            reported = self._attention.read(seen, now)
            if any(self._faults.get(region, 0) < FAULTS_TO_CORROBORATE for region in reported):
                self._urgent = FAULTS_TO_CORROBORATE
