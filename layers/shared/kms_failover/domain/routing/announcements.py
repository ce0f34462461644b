"""Tells what has been decided: to the history, to machines and to people, each for itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from kms_failover.domain.routing.judgement import Deliveries, Judgement
from kms_failover.domain.routing.messages import Bulletin, together
from kms_failover.domain.routing.optimistic_write import write_over_conflicts
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route

BUDGET = timedelta(seconds=4)  # of a channel and run; what is left is the next run's
MAX_FAILURES = 2  # of a channel and run, each some seconds long where it is silent

T = TypeVar("T")


class Announcer(Protocol):
    def publish_to_people(self, bulletins: Sequence[Bulletin]) -> None:
        """Several key sets that the same has become of: one message."""

    def route_changed(self, route: Route) -> None: ...
    def readiness_changed(self, news: News) -> None: ...
    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...


class AnnouncingState(Protocol):
    def judgement(self, key_set: str) -> Judgement | None: ...
    def put_judgement(self, judgement: Judgement) -> None: ...
    def add_history(self, route: Route) -> None: ...
    def add_news(self, news: News) -> None: ...


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

    def deliver(self, work: Callable[[T], None], news: Iterable[T]) -> list[T]:
        """Those for which it succeeded."""
        delivered: list[T] = []
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
                delivered.append(item)
            self._spent += self._clock() - began
        return delivered


class _Recovery(NamedTuple):
    key_set: str
    region: str
    observer: str


class _RunDeliveries(NamedTuple):
    """What each channel has taken in this run, of all key sets."""

    people: Sequence[Bulletin]
    routes: Sequence[Route]
    recovered: Sequence[_Recovery]
    news: Sequence[News]

    def of(self, key_set: str) -> Deliveries:
        people = [bulletin for bulletin in self.people if bulletin.key_set == key_set]
        return Deliveries(
            people=tuple(route.epoch for bulletin in people for route in bulletin.routes),
            machines=tuple(route.epoch for route in self.routes if route.key_set == key_set),
            recovered=tuple(back.region for back in self.recovered if back.key_set == key_set),
            people_of_news=tuple(news.number for bulletin in people for news in bulletin.news),
            machines_of_news=tuple(news.number for news in self.news if news.key_set == key_set),
        )


class Announcements:
    """At least once, and never not at all: what there is no time for is the next run's, what fails a later one's."""

    def __init__(self, state: AnnouncingState, announcer: Announcer, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._announcer = announcer
        self._clock = clock

    def publish(self, judgements: Sequence[Judgement], now: datetime) -> list[Exception]:
        """What failed. The history of all key sets first, then machines, then people: none waits for one that is away.

        Each run begins with another key set, so that one that fails does not stand before the others for ever.
        """
        errors: list[Exception] = []
        first = int(now.timestamp()) % len(judgements) if judgements else 0
        mine = (*judgements[first:], *judgements[:first])
        history, machines, people = (_Channel(self._clock, errors) for _ in range(3))
        written = {_of(each) for each in history.deliver(self._write, (each for j in mine for each in _to_write(j)))}
        heard = _RunDeliveries(
            routes=machines.deliver(
                self._announcer.route_changed, (r for j in mine for r in j.unpublished_to_machines if _of(r) in written)
            ),
            recovered=machines.deliver(
                lambda back: self._announcer.region_recovered(*back), (back for j in mine for back in _recovered(j))
            ),
            news=machines.deliver(
                self._announcer.readiness_changed,
                (news for j in mine for news in j.news_unpublished_to_machines if _of(news) in written),
            ),
            people=[
                bulletin
                for group in people.deliver(self._announcer.publish_to_people, together([*_bulletins(mine, written)]))
                for bulletin in group
            ],
        )
        for judgement in mine:
            try:
                self._remember(judgement, heard.of(judgement.key_set), machines, people)
            except Exception as error:  # noqa: BLE001  # as above
                errors.append(error)
        return errors

    def _write(self, change: Route | News) -> None:
        if isinstance(change, News):
            self._state.add_news(change)
        else:
            self._state.add_history(change)

    def _remember(self, judgement: Judgement, told: Deliveries, machines: _Channel, people: _Channel) -> None:
        left = judgement.without(told)
        machines_left = left.unpublished_to_machines or left.recovered or left.news_unpublished_to_machines
        people_left = left.unpublished_to_people or left.news_unpublished_to_people
        for_want_of_time = (machines.is_well and bool(machines_left)) or (people.is_well and bool(people_left))
        self._put(judgement, told, ended=left.is_announced or for_want_of_time)

    def _put(self, judgement: Judgement, told: Deliveries, *, ended: bool) -> None:
        """`ended`: the next run goes on with what is left, or has come meanwhile; else one that comes much later."""
        if not any(told) and not ended:
            return

        def put(latest: Judgement) -> None:
            left = latest.without(told)
            after = left.but(announcing_since=None) if ended else left
            self._state.put_judgement(after.but(version=latest.version + 1))

        write_over_conflicts(judgement, put, lambda: self._state.judgement(judgement.key_set) or judgement)


def _of(change: Route | News) -> tuple[str, bool, int]:
    if isinstance(change, News):
        return change.key_set, True, change.number
    return change.key_set, False, change.epoch


def _to_write(judgement: Judgement) -> Iterator[Route | News]:
    yield from judgement.pending
    yield from judgement.news


def _recovered(judgement: Judgement) -> list[_Recovery]:
    return [_Recovery(judgement.key_set, region, judgement.observer) for region in judgement.recovered]


def _bulletins(judgements: Sequence[Judgement], written: set[tuple[str, bool, int]]) -> Iterator[Bulletin]:
    for judgement in judgements:
        routes = tuple(route for route in judgement.unpublished_to_people if _of(route) in written)
        news = tuple(each for each in judgement.news_unpublished_to_people if _of(each) in written)
        if routes or news:
            yield Bulletin(judgement.key_set, judgement.observer, routes, news, judgement.serving)
