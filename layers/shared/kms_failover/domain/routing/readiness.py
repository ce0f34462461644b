"""What has become of a key set's readiness: a region lost or back, a route that cannot leave, said once each.

Pure: from what was said before, the verdicts, the route and the order in force to what is new. A loss is said at once,
a return as soon as the key has answered: the hold-down time keeps both rare. What can flap with each round is said when
it has lasted for a while.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import AwareDatetime, Field

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.model import Code, KeySetName, Model, Reason, Region
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.route import Health, Route, prevented, reason_of_loss

SETTLED_AFTER = timedelta(seconds=120)  # a dozen rounds; a key that is new here has answered long before
# as a lost region's by default: so whatever flaps is told ten times an hour at most
WELL_AFTER = timedelta(seconds=600)


class NewsKind(StrEnum):
    LOST = "lost"
    RECOVERED = "recovered"
    NOT_READY = "not ready"
    READY = "ready"
    HELD = "held"
    NO_TARGET = "no target"
    ALL_LOST = "all lost"


class Eligibility(StrEnum):
    """Of one region: whether a route may flee to it now, could not, or may not even stay.

    One that was lost is awaited until its key has answered (decision 34).
    """

    READY = "ready"
    NOT_READY = "not ready"
    LOST = "lost"
    AWAITED = "awaited"


class Leadership(StrEnum):
    """Whether the region that leads can be used; else why the route is still there."""

    WELL = "well"
    HELD = "held"
    NO_TARGET = "no target"
    ALL_LOST = "all lost"


_PRESSING = frozenset({Eligibility.NOT_READY, Eligibility.AWAITED, Leadership.HELD})
_NOT_BACK = frozenset({Eligibility.LOST, Eligibility.AWAITED})


class LastNews(Model):
    """What was said last, and since when something else has been seen."""

    of: Region
    what: Code
    differs_since: AwareDatetime | None = None


class News(Model):
    """One change of a key set's readiness, seen from one region; the greater `number` is the newer.

    It is the clock's seconds at least, so that no number comes twice where an older version has dropped the count.
    `regions` is the route after it. `region` is the one that it is about: the leading one where the route is stuck.
    """

    key_set: KeySetName
    observer: Region
    number: int = Field(ge=1)
    kind: NewsKind
    region: Region
    regions: tuple[Region, ...]
    at: AwareDatetime
    reason: Reason


class _Occurrence(NamedTuple):
    kind: NewsKind
    region: str
    reason: str


class Situation(NamedTuple):
    """What a run has found and decided of one key set."""

    key_set: KeySet
    route: Route
    health: Health
    intent: Intent
    now: datetime

    def news(self, said: Sequence[LastNews], count: int) -> tuple[tuple[LastNews, ...], tuple[News, ...]]:
        """What is said from now on, and what of it is new; the very same `said` where nothing is."""
        known = {each.of: each for each in said}
        after: list[LastNews] = []
        changes: list[_Occurrence] = []
        for region in self.key_set.regions:
            if region in self.health:
                before = known.get(region, LastNews(of=region, what=Eligibility.READY))
                after.append(self._of_region(self.health[region], before, changes))
        after.append(self._of_route(known.get("", LastNews(of="", what=Leadership.WELL)), changes))
        numbered = enumerate(changes, start=max(count + 1, int(self.now.timestamp())))
        return tuple(after), tuple(self._news(number, change) for number, change in numbered)

    def _news(self, number: int, change: _Occurrence) -> News:
        route = self.route
        said = {"key_set": route.key_set, "observer": route.observer, "regions": route.regions, "at": self.now}
        return News.model_validate({**said, "number": number, **change._asdict()})

    def _of_region(self, health: RegionHealth, said: LastNews, changes: list[_Occurrence]) -> LastNews:
        if not health.routable:
            return self._of_a_loss(health, said, changes)
        found = Eligibility.AWAITED if said.what in _NOT_BACK else _standing(health)
        if found is Eligibility.AWAITED and health.key_has_answered:
            changes.append(_Occurrence(NewsKind.RECOVERED, health.region, self._recovery(health)))
            return LastNews(of=health.region, what=Eligibility.READY)
        after = self._settled(said, found)
        if after.what != said.what:
            kind = NewsKind.READY if found is Eligibility.READY else NewsKind.NOT_READY
            changes.append(_Occurrence(kind, health.region, health.in_words()))
        return after

    def _of_a_loss(self, health: RegionHealth, said: LastNews, changes: list[_Occurrence]) -> LastNews:
        """One that follows a return which nobody was told of is a loss of its own, for a reason of its own."""
        if said.what == Eligibility.LOST and said.differs_since is None:
            return said
        changes.append(_Occurrence(NewsKind.LOST, health.region, reason_of_loss(health)))
        return LastNews(of=health.region, what=Eligibility.LOST)

    def _of_route(self, said: LastNews, changes: list[_Occurrence]) -> LastNews:
        found = self.serving()
        sudden = {Leadership.WELL, Leadership.ALL_LOST}.intersection({found, said.what})
        after = LastNews(of="", what=found) if sudden and found != said.what else self._settled(said, found)
        # a route's move or a region's return tells of that
        if after.what != said.what and found is not Leadership.WELL:
            changes.append(_Occurrence(NewsKind(found), self.route.regions[0], self._why_stuck(found)))
        return after

    def _settled(self, said: LastNews, found: str) -> LastNews:
        """The same until something else has lasted."""
        if found == said.what:
            return said if said.differs_since is None else said.but(differs_since=None)
        since = said.differs_since or self.now
        if abs(self.now - since) >= (SETTLED_AFTER if found in _PRESSING else WELL_AFTER):
            return LastNews(of=said.of, what=found)
        return said if said.differs_since else said.but(differs_since=since)

    def serving(self) -> Leadership:
        head = self.route.regions[0]
        if head not in self.health or self.health[head].routable:
            return Leadership.WELL
        if all(r in self.health and not self.health[r].routable for r in self.key_set.regions):
            return Leadership.ALL_LOST
        return Leadership.HELD if prevented(*self) else Leadership.NO_TARGET

    def _why_stuck(self, found: Leadership) -> str:
        if found is Leadership.HELD:
            return self.prevented_in_words()
        if found is Leadership.ALL_LOST:
            return "; ".join(reason_of_loss(self.health[region]) for region in self.key_set.regions)
        return "; ".join(self._why_no_target())

    def _why_no_target(self) -> Iterator[str]:
        for region in self.key_set.regions:
            if region != self.route.regions[0]:
                health = self.health.get(region)
                yield f"{region}: {health.in_words() if health else 'nothing observed yet'}"

    def _recovery(self, health: RegionHealth) -> str:
        keeps = f"; {order_in_words(self.intent)} stands" if self.intent.mode is not Mode.AUTOMATIC else ""
        return health.in_words() + keeps

    def prevented_in_words(self, owed: int | None = None) -> str:
        """Empty where no order keeps the route from leading elsewhere."""
        would = prevented(*self, owed)
        if would is None:
            return ""
        return f"would move to {would.regions[0]} ({would.reason}); {order_in_words(self.intent)} prevents it"


def order_in_words(intent: Intent) -> str:
    what = "hold" if intent.mode is Mode.HOLD else f"force to {intent.region}"
    since = f" since {intent.at:%Y-%m-%d %H:%M:%S} UTC" if intent.at else ""
    return f"the {what} by {intent.author}{since}"


def _standing(health: RegionHealth) -> Eligibility:
    """Of one that is not lost."""
    return Eligibility.READY if health.is_eligible_target else Eligibility.NOT_READY
