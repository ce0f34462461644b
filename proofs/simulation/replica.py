"""One region's copy of the state table, which can be out of reach, die between two writes, and be written by two."""

from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.observation import Observation
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from tests.domain.memory_state import MemoryState

if TYPE_CHECKING:
    from collections.abc import Callable


class OutOfReachError(Exception):
    """The state table does not answer."""


class Crash(BaseException):  # no error: the process is gone
    """The function's host dies. Nothing catches it but the simulation."""


class Replica(MemoryState):
    def __init__(self, region: str, key_set: KeySet) -> None:
        super().__init__(region, key_set)
        self.reachable = True
        self.writes_left: int | None = None
        self.between: tuple[int, Callable[[], None]] | None = None  # done once, after so many writes
        self.owed_here: dict[str, int] = {}
        self.on_written: Callable[[Judgement | None, Judgement], None] = lambda _before, _after: None

    def _pass_by(self) -> None:
        """Between any two of its reads and writes something else may happen."""
        if self.between is not None:
            left, work = self.between
            self.between = (left - 1, work) if left else None
            if not left:
                work()

    def write(self) -> None:
        """One write, or the one that the process does not live to see done."""
        self._pass_by()
        if self.writes_left is not None:
            if self.writes_left == 0:
                self.writes_left = None
                raise Crash
            self.writes_left -= 1

    def key_sets(self) -> tuple[KeySet, ...]:
        if not self.reachable:
            raise OutOfReachError(self.region)
        return super().key_sets()

    def observations(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        self._pass_by()
        first = bisect_left(self._in_order, (since, "", "", "", ""))
        for key in self._in_order[:first]:
            del self._observations[key]  # their time to live is over, and nothing asks for them again
        del self._in_order[:first]
        return super().observations(since, until)

    def judgements(self) -> dict[str, Judgement]:
        self._pass_by()
        return super().judgements()

    def all_intents(self) -> dict[str, list[Intent]]:
        self._pass_by()
        return super().all_intents()

    def put_judgement(self, judgement: Judgement) -> None:
        self.write()
        before = self.judgement(judgement.key_set)
        super().put_judgement(judgement)
        self.on_written(before, judgement)

    def add_history(self, route: Route) -> None:
        self.write()
        super().add_history(route)

    def add_news(self, news: News) -> None:
        self.write()
        super().add_news(news)

    def owed(self, key_set: str, region: str, at_most: int) -> int:
        return min(self.owed_here.get(region, 0), at_most)

    def copy_intent(self, key_set: str, written_in: str, intent: Intent) -> None:
        """What replication brings: the last writer wins, item by item."""
        there = self._intents.get((key_set, written_in))
        if there is None or there.order <= intent.order:
            self._intents[key_set, written_in] = intent
