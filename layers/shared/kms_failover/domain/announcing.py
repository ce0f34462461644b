"""Tells what has been decided: to the history, to machines and to people, each for itself."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from kms_failover.domain.judgement import Judgement, Told
from kms_failover.domain.route import Route
from kms_failover.errors import EpochConflictError

ATTEMPTS = 3  # a controller or a command may come between; what it has left is written again
BUDGET = timedelta(seconds=4)  # of a channel and run; what is left is the next run's
MAX_FAILURES = 2  # of a channel and run, each some seconds long where it is silent


class Announcer(Protocol):
    def tell_people(self, route: Route) -> None: ...
    def tell_machines(self, route: Route) -> None: ...
    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...


class AnnouncingState(Protocol):
    def judgement(self, key_set: str) -> Judgement | None: ...
    def put_judgement(self, judgement: Judgement) -> None: ...
    def add_history(self, route: Route) -> None: ...


class _Channel:
    """Given up for this run when its time is over, or when it has failed twice."""

    def __init__(self, clock: Callable[[], datetime], errors: list[Exception]) -> None:
        self._clock = clock
        self._errors = errors
        self._spent = timedelta()
        self._failures = 0

    @property
    def is_well(self) -> bool:
        """Whether what it has left is so for want of time alone."""
        return self._failures == 0

    def tell[T](self, work: Callable[[T], None], news: Iterable[T]) -> list[T]:
        """Those for which it succeeded."""
        told: list[T] = []
        for item in news:
            if self._failures == MAX_FAILURES or self._spent > BUDGET:
                break
            began = self._clock()
            try:
                work(item)
            except Exception as error:  # noqa: BLE001  # the controller raises it at its end, with the others'
                self._errors.append(error)
                self._failures += 1
            else:
                told.append(item)
            self._spent += self._clock() - began
        return told


class Announcing:
    """At least once, and never not at all: what there is no time for is the next run's, what fails a later one's."""

    def __init__(self, state: AnnouncingState, announcer: Announcer, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._announcer = announcer
        self._clock = clock

    def tell(self, judgements: Sequence[Judgement], now: datetime) -> list[Exception]:
        """What failed. The history of all key sets first, then machines, then people: none waits for one that is away.

        Each run begins with another key set, so that one that fails does not stand before the others for ever.
        """
        errors: list[Exception] = []
        first = int(now.timestamp()) % len(judgements) if judgements else 0
        mine = (*judgements[first:], *judgements[:first])
        history, machines, people = (_Channel(self._clock, errors) for _ in range(3))
        written = {_of(r) for r in history.tell(self._state.add_history, (r for j in mine for r in j.pending))}
        to_machines = machines.tell(
            self._announcer.tell_machines, (r for j in mine for r in j.untold_machines if _of(r) in written)
        )
        recovered = machines.tell(
            lambda back: self._announcer.region_recovered(*back), (back for j in mine for back in _recovered(j))
        )
        to_people = people.tell(
            self._announcer.tell_people, (r for j in mine for r in j.untold_people if _of(r) in written)
        )
        for judgement in mine:
            told = Told(
                people=tuple(r.epoch for r in to_people if r.key_set == judgement.key_set),
                machines=tuple(r.epoch for r in to_machines if r.key_set == judgement.key_set),
                recovered=tuple(region for key_set, region, _ in recovered if key_set == judgement.key_set),
            )
            left = judgement.without(told)
            for_want_of_time = (machines.is_well and bool(left.untold_machines or left.recovered)) or (
                people.is_well and bool(left.untold_people)
            )
            try:
                self._put(judgement, told, ended=left.is_announced or for_want_of_time)
            except Exception as error:  # noqa: BLE001  # as above
                errors.append(error)
        return errors

    def _put(self, judgement: Judgement, told: Told, *, ended: bool) -> None:
        """`ended`: the next run goes on with what is left, or has come meanwhile; else one that comes much later."""
        if not any(told) and not ended:
            return
        latest = judgement
        for attempt in range(1, ATTEMPTS + 1):
            left = latest.without(told)
            after = left.model_copy(update={"announcing_since": None}) if ended else left
            try:
                self._state.put_judgement(after.model_copy(update={"version": latest.version + 1}))
            except EpochConflictError:
                if attempt == ATTEMPTS:
                    raise
                latest = self._state.judgement(judgement.key_set) or judgement
            else:
                return


def _of(route: Route) -> tuple[str, int]:
    return route.key_set, route.epoch


def _recovered(judgement: Judgement) -> list[tuple[str, str, str]]:
    return [(judgement.key_set, region, judgement.observer) for region in judgement.recovered]
