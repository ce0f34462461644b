"""What one region knows and has decided about one key set: written as one item, so that no half of it is ever read."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.model import KeySetName, Model, Region
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.readiness import LastNews, Leadership, News
from kms_failover.domain.routing.route import Route, first_route

MAX_PENDING = 100  # of the newest; the history has had many runs for what is older
MAX_HISTORY = 50  # changes of the route, and news, that `status` shows
MAX_PENDING_BYTES = 100_000  # of each kind: a DynamoDB item holds 400 KB, whatever its texts are

M = TypeVar("M", bound=Model)


class Deliveries(NamedTuple):
    """What a run has announced: the epochs of changes, regions that are back, and the numbers of news."""

    people: tuple[int, ...] = ()
    machines: tuple[int, ...] = ()
    recovered: tuple[str, ...] = ()
    people_of_news: tuple[int, ...] = ()
    machines_of_news: tuple[int, ...] = ()


class Judgement(Model):
    """`pending` are the changes, `recovered` the regions, `news` the news that are not published everywhere yet.

    `published_to_people` and `published_to_machines` are the epochs of pending changes that SNS and EventBridge have
    taken already, `news_published_to_...` the same of news, by number. `news_count` is the latest number, and `said`
    what news have said last.
    `announcing_since` is a lease: while it is younger than ANNOUNCING_TAKES, only the run that took it announces.
    `key_check_requested_at` is when the probe was last told to check the keys.
    """

    key_set: KeySetName
    observer: Region
    version: int = Field(0, ge=0)
    route: Route
    verdicts: tuple[RegionHealth, ...] = ()
    pending: tuple[Route, ...] = ()
    published_to_people: tuple[int, ...] = ()
    published_to_machines: tuple[int, ...] = ()
    recovered: tuple[Region, ...] = ()
    said: tuple[LastNews, ...] = ()
    news: tuple[News, ...] = ()
    news_count: int = Field(0, ge=0)
    news_published_to_people: tuple[int, ...] = ()
    news_published_to_machines: tuple[int, ...] = ()
    announcing_since: AwareDatetime | None = None
    key_check_requested_at: AwareDatetime | None = None
    rescued: bool = Field(default=False, exclude=True)  # from an item that cannot be read: it is to be written anew

    @property
    def health(self) -> Mapping[str, RegionHealth]:
        """By the region that the verdict is about."""
        return {health.region: health for health in self.verdicts}

    @property
    def serving(self) -> str:
        """What was said last of the region that leads: a `Leadership`, or a newer version's word."""
        return next((said.what for said in self.said if not said.of), Leadership.WELL)

    @property
    def is_announced(self) -> bool:
        return not self.pending and not self.recovered and not self.news

    @property
    def unpublished_to_people(self) -> list[Route]:
        return [route for route in self.pending if route.epoch not in self.published_to_people]

    @property
    def unpublished_to_machines(self) -> list[Route]:
        return [route for route in self.pending if route.epoch not in self.published_to_machines]

    @property
    def news_unpublished_to_people(self) -> list[News]:
        return [each for each in self.news if each.number not in self.news_published_to_people]

    @property
    def news_unpublished_to_machines(self) -> list[News]:
        return [each for each in self.news if each.number not in self.news_published_to_machines]

    def without(self, told: Deliveries) -> Self:
        """The same, with this announced."""
        people, machines = {*self.published_to_people, *told.people}, {*self.published_to_machines, *told.machines}
        pending = [route for route in self.pending if route.epoch not in people & machines]
        of_news = {*self.news_published_to_people, *told.people_of_news}
        machines_of_news = {*self.news_published_to_machines, *told.machines_of_news}
        news = [each for each in self.news if each.number not in of_news & machines_of_news]
        return self.but(
            pending=tuple(pending),
            published_to_people=tuple(route.epoch for route in pending if route.epoch in people),
            published_to_machines=tuple(route.epoch for route in pending if route.epoch in machines),
            recovered=tuple(region for region in self.recovered if region not in told.recovered),
            news=tuple(news),
            news_published_to_people=tuple(each.number for each in news if each.number in of_news),
            news_published_to_machines=tuple(each.number for each in news if each.number in machines_of_news),
        )


def newest(waiting: Sequence[M]) -> tuple[M, ...]:
    """Of what is to be announced, as much as is kept."""
    kept: list[M] = []
    size = 0
    for each in reversed(waiting):
        size += len(each.model_dump_json().encode())
        if len(kept) == MAX_PENDING or size > MAX_PENDING_BYTES:
            break
        kept.append(each)
    return tuple(reversed(kept))


def first_judgement(key_set: KeySet, observer: str, now: datetime) -> Judgement:
    """Before anything is known."""
    return Judgement(key_set=key_set.name, observer=observer, route=first_route(key_set, observer, now))


class HistoryHeads(NamedTuple):
    """What the histories say was last: the route, if there is one, and the number of the news."""

    route: Callable[[], Route | None]
    number: Callable[[], int]


def rescued_judgement(
    key_set: str, observer: str, version: int, remains: Mapping[str, Any], last: HistoryHeads
) -> Judgement | None:
    """What can still be read of a judgement; None where no route can: the one that callers have is never made up.

    The route is its own or, where that cannot be read, the last one of the history. Verdicts and announcements stay
    one by one. A region whose verdict is lost begins anew, as one that has just joined the key set.
    """
    own = [route for route in _readable(Route, [remains.get("route")]) if route.key_set == key_set]
    route = own[0] if own else last.route()
    if route is None:
        return None
    count = remains.get("news_count")
    return Judgement(
        key_set=key_set,
        observer=observer,
        version=version,
        route=route,
        verdicts=tuple(_readable(RegionHealth, remains.get("verdicts"))),
        pending=tuple(_readable(Route, remains.get("pending"))),
        said=tuple(_readable(LastNews, remains.get("said"))),
        news=tuple(_readable(News, remains.get("news"))),
        news_count=count if isinstance(count, int) and count > 0 else last.number(),
        rescued=True,
    )


def _readable(kind: type[M], values: object) -> list[M]:
    found = []
    for value in values if isinstance(values, list) else ():
        with suppress(ValidationError):
            found.append(kind.model_validate(value, extra="ignore"))
    return found
