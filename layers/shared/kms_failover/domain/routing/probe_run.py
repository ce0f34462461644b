"""One invocation of the probe: what it has seen, what failed meanwhile, and how it spares a state that is silent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from kms_failover.domain.routing.observation import Observation
from kms_failover.domain.timing import SECONDS_A_ROUND

TIMEOUT_THRESHOLD = timedelta(seconds=1)  # a failure that took as long is no refusal: the table does not answer
STATE_BACKOFF = timedelta(seconds=SECONDS_A_ROUND)  # what is silent is tried about once a round
OnObserved: TypeAlias = Callable[[Sequence[Observation]], None]


@dataclass
class ProbeRun:
    """One invocation: what it has seen, and what failed meanwhile. Nothing that fails stops the rounds after it."""

    on_observed: OnObserved
    clock: Callable[[], datetime]
    observed: list[Observation] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    state_backoff_until: datetime | None = None

    @contextmanager
    def going_on(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  # raised in `result`, when the other rounds are done
            self.errors.append(error)

    @contextmanager
    def asking_the_state(self) -> Iterator[None]:
        """A time-out makes the state be left alone for a while: the rounds must not wait for it again and again."""
        failed, began = len(self.errors), self.clock()
        with self.going_on():
            yield
        now = self.clock()
        if len(self.errors) > failed and now - began >= TIMEOUT_THRESHOLD:
            self.state_backoff_until = now + STATE_BACKOFF

    @property
    def state_is_backed_off(self) -> bool:
        return self.state_backoff_until is not None and self.clock() < self.state_backoff_until

    def result(self) -> list[Observation]:
        if self.errors:
            raise ExceptionGroup(f"{len(self.errors)} times a probe round was not done, written or told", self.errors)
        return self.observed
