"""The controller: reads what was seen and what is wanted, decides, writes, announces. One region's, for itself."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from kms_failover.domain.health import Observation, RegionHealth, Verdict, judge
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Intent, Route, decide, first_route, newest
from kms_failover.errors import EpochConflictError

ATTEMPTS = 3  # two controllers may run at once; the second one's decision starts from the first one's


class ControlState(Protocol):
    """What a controller keeps. Satisfied by the state table."""

    region: str

    def key_sets(self) -> tuple[KeySet, ...]: ...
    def observations(self, key_set: str, since: datetime) -> tuple[Observation, ...]: ...
    def health(self, key_set: str) -> dict[str, RegionHealth]: ...
    def put_health(self, key_set: str, health: RegionHealth) -> None: ...
    def route(self, key_set: str) -> Route | None: ...
    def put_route(self, route: Route, *, previous_epoch: int | None) -> None: ...
    def add_history(self, route: Route) -> None: ...
    def intents(self, key_set: str) -> tuple[Intent, ...]: ...


class Announcer(Protocol):
    def route_changed(self, route: Route) -> None: ...
    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...


class Controller:
    """Any number of runs, at any time, end in the same route: everything is read anew each time."""

    def __init__(self, state: ControlState, announcer: Announcer, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._announcer = announcer
        self._clock = clock

    def run(self) -> tuple[Route, ...]:
        """Every key set has its turn, whatever becomes of another's; an ExceptionGroup of what failed at the end."""
        routes: list[Route] = []
        errors: list[Exception] = []
        for key_set in self._state.key_sets():
            try:
                routes.append(self._control(key_set))
            except Exception as error:  # noqa: BLE001  # raised below, with the others'
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} key sets could not be controlled", errors)
        return tuple(routes)

    def _control(self, key_set: KeySet) -> Route:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._decide(key_set)
            except EpochConflictError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _decide(self, key_set: KeySet) -> Route:
        """Verdicts and route are written before anything is announced: an announcement that fails holds nothing up."""
        now = self._clock()
        health = self._judge(key_set, now)
        stored = self._state.route(key_set.name)
        previous = stored or first_route(key_set, self._state.region, now)
        route = decide(key_set, previous, health, newest(self._state.intents(key_set.name)), now)
        if route is not previous or stored is None:
            self._state.put_route(route, previous_epoch=stored.epoch if stored else None)
        if not route.announced:
            route = self._announce(route)
        for verdict in health.values():
            if verdict.verdict is Verdict.HEALTHY and not verdict.recovery_announced:
                self._announce_recovery(key_set.name, verdict)
        return route

    def _announce(self, route: Route) -> Route:
        """A crash between the two writes announces again at the next run: at least once, never not at all."""
        self._state.add_history(route)
        self._announcer.route_changed(route)
        announced = route.model_copy(update={"announced": True})
        self._state.put_route(announced, previous_epoch=route.epoch)
        return announced

    def _announce_recovery(self, key_set: str, health: RegionHealth) -> None:
        self._announcer.region_recovered(key_set, health.region, self._state.region)
        self._state.put_health(key_set, health.model_copy(update={"recovery_announced": True}))

    def _judge(self, key_set: KeySet, now: datetime) -> dict[str, RegionHealth]:
        observations = self._state.observations(key_set.name, now - key_set.rules.window)
        stored = self._state.health(key_set.name)
        verdicts = {}
        for region in key_set.regions:
            before = stored.get(region) or RegionHealth(region=region, since=now)
            after = judge(before, _about(region, observations), key_set.rules, now)
            if after != stored.get(region):
                self._state.put_health(key_set.name, after)
            verdicts[region] = after
        return verdicts


def _about(region: str, observations: Sequence[Observation]) -> list[Observation]:
    return [observation for observation in observations if observation.region == region]
