"""The controller: reads what was seen and what is wanted, decides, writes, announces. One region's, for itself."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from kms_failover.domain.health import Observation, RegionHealth, judge
from kms_failover.domain.judgement import Judgement, first_judgement
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Intent, Route, decide, in_force, returns_to
from kms_failover.errors import EpochConflictError

ATTEMPTS = 3  # another controller or a command may come between; the decision then starts from what they left
ANNOUNCING_TAKES = timedelta(seconds=60)  # longer than the function's own time-out: whoever began has ended


class ControlState(Protocol):
    """What a controller keeps. Satisfied by the state table."""

    region: str

    def key_sets(self) -> tuple[KeySet, ...]: ...
    def observations(self, since: datetime) -> tuple[Observation, ...]: ...
    def judgements(self) -> dict[str, Judgement]: ...
    def judgement(self, key_set: str) -> Judgement | None: ...
    def put_judgement(self, judgement: Judgement) -> None: ...
    def add_history(self, route: Route) -> None: ...
    def intents(self, key_set: str) -> Sequence[Intent]: ...
    def all_intents(self) -> Mapping[str, Sequence[Intent]]: ...
    def owed(self, key_set: str, region: str, at_most: int) -> int: ...


class Announcer(Protocol):
    def route_changed(self, route: Route) -> None: ...
    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...


@dataclass(frozen=True)
class _Known:
    """What one run has read, for all key sets at once."""

    observations: Mapping[tuple[str, str], Sequence[Observation]]
    intents: Mapping[str, Sequence[Intent]]
    now: datetime

    def about(self, key_set: str, region: str) -> list[Observation]:
        """What was seen of the region, and of the key set's own key there."""
        return [*self.observations.get(("", region), ()), *self.observations.get((key_set, region), ())]


class Controller:
    """Any number of runs, at any time, end in the same route: everything is read anew each time."""

    def __init__(self, state: ControlState, announcer: Announcer, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._announcer = announcer
        self._clock = clock

    def run(self) -> tuple[Judgement, ...]:
        """Every key set has its turn, whatever becomes of another's; an ExceptionGroup of what failed at the end."""
        key_sets = self._state.key_sets()
        known = self._read(key_sets)
        stored = self._state.judgements()
        judgements: list[Judgement] = []
        errors: list[Exception] = []
        for key_set in key_sets:
            try:
                judgements.append(self._control(key_set, stored.get(key_set.name), known))
            except Exception as error:  # noqa: BLE001  # raised below, with the others'
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} key sets could not be controlled", errors)
        return tuple(judgements)

    def _read(self, key_sets: Sequence[KeySet]) -> _Known:
        now = self._clock()
        window = max((key_set.rules.window for key_set in key_sets), default=timedelta())
        grouped: dict[tuple[str, str], list[Observation]] = defaultdict(list)
        for observation in self._state.observations(now - window):
            grouped[observation.key_set, observation.region].append(observation)
        return _Known(grouped, self._state.all_intents(), now)

    def _control(self, key_set: KeySet, stored: Judgement | None, known: _Known) -> Judgement:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._decide(key_set, stored, known)
            except EpochConflictError:
                if attempt == ATTEMPTS:
                    raise
                stored = self._state.judgement(key_set.name)
                intents = dict(known.intents) | {key_set.name: self._state.intents(key_set.name)}
                known = replace(known, intents=intents)
        raise AssertionError("the last attempt returns or raises")

    def _decide(self, key_set: KeySet, stored: Judgement | None, known: _Known) -> Judgement:
        """The judgement is written before anything is announced: an announcement that fails holds nothing up."""
        before = stored or first_judgement(key_set, self._state.region, known.now)
        after = self._judge(key_set, before, known)
        mine = _is_mine_to_announce(before, after, known.now)
        if mine:
            after = after.model_copy(update={"announcing_since": known.now})
        if after is not before or stored is None:
            after = self._put(after, stored)
        return self._announce(after) if mine else after

    def _judge(self, key_set: KeySet, before: Judgement, known: _Known) -> Judgement:
        """The very same object where nothing is new."""
        verdicts, recovered = self._verdicts(key_set, before, known)
        health = {verdict.region: verdict for verdict in verdicts}
        intent = in_force(known.intents.get(key_set.name, ()), known.now)
        returning = returns_to(key_set, before.route, health, intent)
        most = key_set.rules.debt_allowed_to_return + 1
        owed = self._state.owed(key_set.name, returning, most) if returning else None
        route = decide(key_set, before.route, health, intent, known.now, owed)
        if verdicts == before.verdicts and route is before.route and not recovered:
            return before
        pending = before.pending if route.epoch == before.route.epoch else (*before.pending, route)
        return before.model_copy(
            update={
                "verdicts": verdicts,
                "route": route,
                "pending": pending,
                "recovered": (*before.recovered, *(r for r in recovered if r not in before.recovered)),
            }
        )

    def _verdicts(
        self, key_set: KeySet, before: Judgement, known: _Known
    ) -> tuple[tuple[RegionHealth, ...], tuple[str, ...]]:
        """The verdicts in the key set's order, and the regions that are usable again."""
        verdicts, recovered = [], []
        for region in key_set.regions:
            previous = before.health.get(region) or RegionHealth(region=region, since=known.now)
            after = judge(previous, known.about(key_set.name, region), key_set.rules, known.now)
            verdicts.append(after)
            if after.routable and not previous.routable:
                recovered.append(region)
        return tuple(verdicts), tuple(recovered)

    def _put(self, judgement: Judgement, stored: Judgement | None) -> Judgement:
        """EpochConflictError if somebody else has written since `stored` was read."""
        judgement = judgement.model_copy(update={"version": stored.version + 1 if stored else 0})
        self._state.put_judgement(judgement)
        return judgement

    def _announce(self, judgement: Judgement) -> Judgement:
        """After a crash here another run announces once more: at least once, and never not at all."""
        for route in judgement.pending:
            self._state.add_history(route)
        for route in judgement.pending:
            self._announcer.route_changed(route)
        for region in judgement.recovered:
            self._announcer.region_recovered(judgement.key_set, region, judgement.observer)
        return self._put_announced(judgement)

    def _put_announced(self, told: Judgement) -> Judgement:
        """What another run has decided meanwhile stays to be announced."""
        latest = told
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._put(latest.without(told), latest)
            except EpochConflictError:
                if attempt == ATTEMPTS:
                    raise
                latest = self._state.judgement(told.key_set) or told
        raise AssertionError("the last attempt returns or raises")


def _is_mine_to_announce(before: Judgement, after: Judgement, now: datetime) -> bool:
    """Whether there is something to announce that nobody else has begun with, or not ended with."""
    if after.is_announced:
        return False
    begun = before.announcing_since
    return begun is None or abs(now - begun) >= ANNOUNCING_TAKES
