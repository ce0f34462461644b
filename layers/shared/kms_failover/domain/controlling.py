"""The controller: reads what was seen and what is wanted, decides, writes, announces. One region's, for itself."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from kms_failover.domain.health import CLOCK_SKEW, Observation, RegionHealth, judge
from kms_failover.domain.judgement import Judgement, first_judgement
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Intent, Route, decide, in_force, returns_to
from kms_failover.errors import EpochConflictError

ATTEMPTS = 3  # another controller or a command may come between; the decision then starts from what they left
ANNOUNCING_BUDGET = timedelta(seconds=15)  # of a run; what is left is another run's
ANNOUNCING_TAKES = timedelta(seconds=60)  # longer than the function's own time-out: whoever began has ended


class ControlState(Protocol):
    """What a controller keeps. Satisfied by the state table."""

    region: str

    def key_sets(self) -> tuple[KeySet, ...]: ...
    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...
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

    def __init__(
        self,
        state: ControlState,
        announcer: Announcer,
        ask_keys: Callable[[tuple[str, ...]], None],
        clock: Callable[[], datetime],
    ) -> None:
        """`ask_keys` has the probe ask the keys of key sets that are new here: a route flees to no other."""
        self._state = state
        self._announcer = announcer
        self._ask_keys = ask_keys
        self._clock = clock

    def run(self) -> tuple[Judgement, ...]:
        """Every key set is decided before any is announced: an announcement that fails or hangs holds nothing up.

        An ExceptionGroup of what failed, at the end.
        """
        key_sets = self._state.key_sets()
        stored = self._state.judgements()  # before the intents: a command raises the version after it has been written
        known = self._read(key_sets)
        decided: list[tuple[Judgement, bool]] = []
        errors: list[Exception] = []
        for key_set in key_sets:
            try:
                decided.append(self._control(key_set, stored.get(key_set.name), known))
            except Exception as error:  # noqa: BLE001  # raised below, with the others'
                errors.append(error)
        judged = {name for name, judgement in stored.items() if judgement.verdicts}  # an order alone writes one too
        if new := tuple(key_set.name for key_set in key_sets if key_set.name not in judged):
            self._ask_keys(new)
        self._announce([judgement for judgement, mine in decided if mine], known.now, errors)
        if errors:
            raise ExceptionGroup(f"{len(errors)} times a key set could not be controlled or announced", errors)
        return tuple(judgement for judgement, _ in decided)

    def _read(self, key_sets: Sequence[KeySet]) -> _Known:
        now = self._clock()
        window = max((key_set.rules.window for key_set in key_sets), default=timedelta())
        grouped: dict[tuple[str, str], list[Observation]] = defaultdict(list)
        for observation in self._state.observations(now - window, now + CLOCK_SKEW):
            grouped[observation.key_set, observation.region].append(observation)
        return _Known(grouped, self._state.all_intents(), now)

    def _control(self, key_set: KeySet, stored: Judgement | None, known: _Known) -> tuple[Judgement, bool]:
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

    def _decide(self, key_set: KeySet, stored: Judgement | None, known: _Known) -> tuple[Judgement, bool]:
        """The judgement as written, and whether what it has to announce is this run's to announce."""
        before = stored or first_judgement(key_set, self._state.region, known.now)
        after = self._judge(key_set, before, known)
        mine = _is_mine_to_announce(before, after, known.now)
        if mine:
            after = after.model_copy(update={"announcing_since": known.now})
        if after is not before or stored is None:
            after = self._put(after, stored)
        return after, mine

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

    def _announce(self, judgements: Sequence[Judgement], began: datetime, errors: list[Exception]) -> None:
        """At least once, and never not at all: what fails, or for what no time is left, is another run's.

        Each run begins with another key set, so that one whose announcement hangs does not stand before the others.
        """
        first = int(began.timestamp()) % len(judgements) if judgements else 0
        for judgement in (*judgements[first:], *judgements[:first]):
            if self._clock() - began > ANNOUNCING_BUDGET:
                return
            try:
                told = self._tell(judgement, errors)
                self._put_told(judgement, told)
            except Exception as error:  # noqa: BLE001  # raised by `run`, with the others'
                errors.append(error)

    def _tell(self, judgement: Judgement, errors: list[Exception]) -> Judgement:
        """The judgement with nothing but what has been told."""
        for route in judgement.pending:
            self._state.add_history(route)
        routes = [r for r in judgement.pending if _succeeds(partial(self._announcer.route_changed, r), errors)]
        recovered = partial(self._announcer.region_recovered, judgement.key_set, observer=judgement.observer)
        regions = [r for r in judgement.recovered if _succeeds(partial(recovered, r), errors)]
        return judgement.model_copy(update={"pending": tuple(routes), "recovered": tuple(regions)})

    def _put_told(self, judgement: Judgement, told: Judgement) -> None:
        """What another run has decided meanwhile is announced by the next one; what failed, when its time is over."""
        latest = judgement
        all_told = told.pending == judgement.pending and told.recovered == judgement.recovered
        for attempt in range(1, ATTEMPTS + 1):
            try:
                left = latest.without(told)
                self._put(left.model_copy(update={"announcing_since": None}) if all_told else left, latest)
            except EpochConflictError:
                if attempt == ATTEMPTS:
                    raise
                latest = self._state.judgement(judgement.key_set) or judgement
            else:
                return


def _succeeds(work: Callable[[], None], errors: list[Exception]) -> bool:
    try:
        work()
    except Exception as error:  # noqa: BLE001  # raised by `run`, with the others'
        errors.append(error)
        return False
    return True


def _is_mine_to_announce(before: Judgement, after: Judgement, now: datetime) -> bool:
    """Whether there is something to announce that nobody else has begun with, or not ended with."""
    if after.is_announced:
        return False
    begun = before.announcing_since
    return begun is None or abs(now - begun) >= ANNOUNCING_TAKES
