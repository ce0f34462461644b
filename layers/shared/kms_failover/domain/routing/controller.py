"""The controller: reads what was seen and what is wanted, decides, writes, announces. One region's, for itself."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.routing.announcements import Announcements, Announcer
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.intent import Intent, in_force
from kms_failover.domain.routing.judgement import Judgement, first_judgement, newest
from kms_failover.domain.routing.observation import Observation
from kms_failover.domain.routing.optimistic_write import write_over_conflicts
from kms_failover.domain.routing.readiness import News, NewsKind, Situation
from kms_failover.domain.routing.route import MOST_COUNTED, Route, decide, returns_to
from kms_failover.domain.routing.verdict import judge
from kms_failover.domain.timing import CLOCK_SKEW

ANNOUNCING_TAKES = timedelta(seconds=120)  # the function's own time-out and two clocks' skew: whoever began has ended
KEY_CHECK_INTERVAL = timedelta(seconds=60)  # a question may be lost, and throttling is no answer


class ControlState(Protocol):
    """What a controller keeps. Satisfied by the state table."""

    region: str

    def key_sets(self) -> tuple[KeySet, ...]: ...
    def stands_in(self, key_set: str) -> bool: ...
    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...
    def judgements(self) -> dict[str, Judgement]: ...
    def judgement(self, key_set: str) -> Judgement | None: ...
    def put_judgement(self, judgement: Judgement) -> None: ...
    def add_history(self, route: Route) -> None: ...
    def add_news(self, news: News) -> None: ...
    def intents(self, key_set: str) -> Sequence[Intent]: ...
    def all_intents(self) -> Mapping[str, Sequence[Intent]]: ...
    def owed(self, key_set: str, region: str, at_most: int) -> int: ...


@dataclass(frozen=True)
class _Snapshot:
    """What one run has read, for all key sets at once."""

    observations: Mapping[tuple[str, str], Sequence[Observation]]
    intents: Mapping[str, Sequence[Intent]]
    now: datetime

    def about(self, key_set: str, region: str) -> list[Observation]:
        """What was seen of the region, and of the key set's own key there."""
        return [*self.observations.get(("", region), ()), *self.observations.get((key_set, region), ())]


class _Decision(NamedTuple):
    """The judgement as written, and what is this run's to do about it."""

    judgement: Judgement
    announce: bool
    ask: bool


class Controller:
    """Any number of runs, at any time, end in the same route: everything is read anew each time."""

    def __init__(
        self,
        state: ControlState,
        announcer: Announcer,
        check_keys: Callable[[tuple[str, ...]], None],
        clock: Callable[[], datetime],
    ) -> None:
        """`check_keys` has the probe check the keys of these key sets at once.

        It is called, and after a while again, as long as one of the keys has not been checked since its key set
        appeared here, its route moved or its region recovered.
        """
        self._state = state
        self._announcing = Announcements(state, announcer, clock)
        self._check_keys = check_keys
        self._clock = clock

    def run(self, on_decided: Callable[[Sequence[Judgement]], None] = lambda _: None) -> tuple[Judgement, ...]:
        """Every key set is decided before any is announced: an announcement that fails or hangs holds nothing up.

        `on_decided` is called once with all judgements, after the last write and before the first announcement. An
        ExceptionGroup of what failed, at the end.
        """
        key_sets = self._state.key_sets()
        stored = self._state.judgements()  # before the intents: a command raises the version after it has been written
        known = self._read(key_sets)
        decided: list[_Decision] = []
        errors: list[Exception] = []
        for key_set in key_sets:
            try:
                decided.append(self._control(key_set, stored.get(key_set.name), known))
            except Exception as error:  # noqa: BLE001  # raised below, with the others'
                errors.append(error)
        on_decided([each.judgement for each in decided])
        if to_ask := tuple(each.judgement.key_set for each in decided if each.ask):
            self._check_keys(to_ask)
        errors += self._announcing.publish([each.judgement for each in decided if each.announce], known.now)
        if errors:
            raise ExceptionGroup(f"{len(errors)} times a key set could not be controlled or announced", errors)
        return tuple(each.judgement for each in decided)

    def _read(self, key_sets: Sequence[KeySet]) -> _Snapshot:
        now = self._clock()
        window = max((key_set.rules.window for key_set in key_sets), default=timedelta())
        grouped: dict[tuple[str, str], list[Observation]] = defaultdict(list)
        for observation in self._state.observations(now - window, now + CLOCK_SKEW):
            grouped[observation.key_set, observation.region].append(observation)
        return _Snapshot(grouped, self._state.all_intents(), now)

    def _control(self, key_set: KeySet, stored: Judgement | None, known: _Snapshot) -> _Decision:
        """A decision that another run or a command comes between starts anew from what they left."""

        def read_again() -> tuple[Judgement | None, _Snapshot]:
            left = self._state.judgement(key_set.name)
            intents = dict(known.intents) | {key_set.name: self._state.intents(key_set.name)}
            return left, replace(known, intents=intents)

        return write_over_conflicts((stored, known), lambda read: self._decide(key_set, *read), read_again)

    def _decide(self, key_set: KeySet, stored: Judgement | None, known: _Snapshot) -> _Decision:
        """What is to be announced and asked is written with the judgement, so that no other run does it too."""
        if stored is not None and self._knows_too_little_of(key_set, stored):
            return _Decision(stored, announce=False, ask=False)
        before = stored or first_judgement(key_set, self._state.region, known.now)
        after = self._judge(key_set, before, known)
        announce = _is_mine_to_announce(before, after, known.now)
        if announce:
            after = after.but(announcing_since=known.now)
        ask = _is_key_check_due(after, known.now)
        if ask:
            after = after.but(key_check_requested_at=known.now)
        if after is not before or stored is None or stored.rescued:
            after = self._put(after, stored)
        return _Decision(after, announce, ask)

    def _knows_too_little_of(self, key_set: KeySet, stored: Judgement) -> bool:
        """Whether an older version stands in that does not name the region that leads: that one has not left it."""
        return self._state.stands_in(key_set.name) and stored.route.regions[0] not in key_set.regions

    def _judge(self, key_set: KeySet, before: Judgement, known: _Snapshot) -> Judgement:
        """The very same object where nothing is new."""
        verdicts = self._verdicts(key_set, before, known)
        health = {verdict.region: verdict for verdict in verdicts}
        intent = in_force(known.intents.get(key_set.name, ()), known.now)
        returning = returns_to(key_set, before.route, health, intent)
        allowed = key_set.rules.debt_allowed_to_return
        owed = self._state.owed(key_set.name, returning, allowed + 1) if returning else None
        route = decide(key_set, before.route, health, intent, known.now, owed)
        if returning and owed is not None and owed > allowed and route.epoch != before.route.epoch:  # as insisted on
            owed = self._state.owed(key_set.name, returning, max(allowed + 1, MOST_COUNTED))
            route = decide(key_set, before.route, health, intent, known.now, owed)
        said, news = Situation(key_set, route, health, intent, known.now).news(before.said, before.news_count)
        pending = (*before.pending, route) if route.epoch != before.route.epoch else before.pending
        after = {
            "verdicts": verdicts,
            "route": route,
            "pending": newest(pending) if pending != before.pending else pending,
            "recovered": (*before.recovered, *(r for r in _recovered(news) if r not in before.recovered)),
            "said": said,
            "news": newest((*before.news, *news)) if news else before.news,
            "news_count": news[-1].number if news else before.news_count,
        }
        new = {name: value for name, value in after.items() if value != getattr(before, name)}
        return before.but(**new) if new else before

    def _verdicts(self, key_set: KeySet, before: Judgement, known: _Snapshot) -> tuple[RegionHealth, ...]:
        """In the key set's order."""
        verdicts = []
        for member in key_set.members:
            region = member.region
            previous = before.health.get(region) or RegionHealth(region=region, since=known.now)
            observations = known.about(key_set.name, region)
            verdicts.append(judge(previous.with_key(member.arn), observations, key_set.rules, known.now))
        return tuple(verdicts)

    def _put(self, judgement: Judgement, stored: Judgement | None) -> Judgement:
        """WriteConflictError if somebody else has written since `stored` was read."""
        judgement = judgement.but(version=stored.version + 1 if stored else 0, rescued=False)
        self._state.put_judgement(judgement)
        return judgement


def _recovered(news: Sequence[News]) -> list[str]:
    """Machines begin with what a return asks of them when people are told of it, and not sooner."""
    return [each.region for each in news if each.kind is NewsKind.RECOVERED]


def _is_key_check_due(decided: Judgement, now: datetime) -> bool:
    """At once when there is something new to know, and again as long as it is not known."""
    awaiting = [health for health in decided.verdicts if health.needs_key_check(decided.route.moved_at)]
    asked = decided.key_check_requested_at
    if not awaiting or asked is None or abs(now - asked) >= KEY_CHECK_INTERVAL:
        return bool(awaiting)
    news = (decided.route.moved_at, *(health.returned_at for health in awaiting))
    # of a clock that is fast, it is new when it is due
    return any(moment is not None and asked < moment <= now for moment in news)


def _is_mine_to_announce(before: Judgement, after: Judgement, now: datetime) -> bool:
    """Whether there is something to announce that nobody else has begun with, or not ended with."""
    if after.is_announced:
        return False
    begun = before.announcing_since
    return begun is None or abs(now - begun) >= ANNOUNCING_TAKES
