"""The controller: reads what was seen and what is wanted, decides, writes, announces. One region's, for itself."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from kms_failover.domain.health import CLOCK_SKEW, Observation, RegionHealth, judge
from kms_failover.domain.judgement import Judgement, Told, first_judgement
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Intent, Route, decide, in_force, returns_to
from kms_failover.errors import EpochConflictError

ATTEMPTS = 3  # another controller or a command may come between; the decision then starts from what they left
ANNOUNCING_BUDGET = timedelta(seconds=15)  # of a run; what is left is another run's
ANNOUNCING_TAKES = timedelta(seconds=120)  # the function's own time-out and two clocks' skew: whoever began has ended
MAX_PENDING = 100  # of the newest; each has been written to the history by the run after its own


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
    def tell_people(self, route: Route) -> None: ...
    def tell_machines(self, route: Route) -> None: ...
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
        """`ask_keys` has the probe ask these key sets' keys at once: a route flees only to one that has answered.

        They are those that are new here, that have another key, or that lead elsewhere now: a key may have said its
        last word long ago.
        """
        self._state = state
        self._announcer = announcer
        self._ask_keys = ask_keys
        self._clock = clock

    def run(self, tell: Callable[[Sequence[Judgement]], None] = lambda _: None) -> tuple[Judgement, ...]:
        """Every key set is decided before any is announced: an announcement that fails or hangs holds nothing up.

        `tell` hears what has been decided, before that. An ExceptionGroup of what failed, at the end.
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
        tell([judgement for judgement, _ in decided])
        if to_ask := tuple(j.key_set for j, _ in decided if _is_to_be_asked(stored.get(j.key_set), j)):
            self._ask_keys(to_ask)
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
                "pending": pending[-MAX_PENDING:],
                "recovered": (*before.recovered, *(r for r in recovered if r not in before.recovered)),
            }
        )

    def _verdicts(
        self, key_set: KeySet, before: Judgement, known: _Known
    ) -> tuple[tuple[RegionHealth, ...], tuple[str, ...]]:
        """The verdicts in the key set's order, and the regions that are usable again."""
        verdicts, recovered = [], []
        for member in key_set.members:
            region = member.region
            previous = before.health.get(region) or RegionHealth(region=region, since=known.now)
            observations = known.about(key_set.name, region)
            after = judge(previous.with_key(member.arn), observations, key_set.rules, known.now)
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
                told = self._tell(judgement, began, errors)
                self._put_told(judgement, told)
            except Exception as error:  # noqa: BLE001  # raised by `run`, with the others'
                errors.append(error)

    def _tell(self, judgement: Judgement, began: datetime, errors: list[Exception]) -> Told:
        """People and machines each for themselves: neither waits for the other, nor hears it twice for its sake."""

        def succeeds(work: Callable[[], None]) -> bool:
            if self._clock() - began > ANNOUNCING_BUDGET:
                return False
            try:
                work()
            except Exception as error:  # noqa: BLE001  # raised by `run`, with the others'
                errors.append(error)
                return False
            return True

        announcer = self._announcer
        for route in judgement.pending:
            self._state.add_history(route)
        people = [r.epoch for r in judgement.untold_people if succeeds(partial(announcer.tell_people, r))]
        machines = [r.epoch for r in judgement.untold_machines if succeeds(partial(announcer.tell_machines, r))]
        recovered = partial(announcer.region_recovered, judgement.key_set, observer=judgement.observer)
        regions = [r for r in judgement.recovered if succeeds(partial(recovered, r))]
        return Told(tuple(people), tuple(machines), tuple(regions))

    def _put_told(self, judgement: Judgement, told: Told) -> None:
        """What another run has decided meanwhile is announced by the next one; what failed, when its time is over."""
        latest = judgement
        all_told = judgement.without(told).is_announced
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


def _is_to_be_asked(stored: Judgement | None, decided: Judgement) -> bool:
    if stored is None or not stored.verdicts:  # an order alone writes one without
        return True
    before, after = ([health.key_arn for health in judgement.verdicts] for judgement in (stored, decided))
    return before != after or stored.route.regions[0] != decided.route.regions[0]


def _is_mine_to_announce(before: Judgement, after: Judgement, now: datetime) -> bool:
    """Whether there is something to announce that nobody else has begun with, or not ended with."""
    if after.is_announced:
        return False
    begun = before.announcing_since
    return begun is None or abs(now - begun) >= ANNOUNCING_TAKES
