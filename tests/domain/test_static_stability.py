"""With the state table, EventBridge or the whole peer region out of reach, a region goes on with what it has."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from kms_failover.domain.controlling import ANNOUNCING_TAKES, Controller
from kms_failover.domain.health import Observation, Outcome, Verdict
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.probing import ProbeService, RoundTrip
from kms_failover.domain.route import Route
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, key_set

ORDERS = key_set(EAST, WEST)


class Gone(MemoryState):
    """The west's table: it can be taken away, whole or for writing."""

    def __init__(self) -> None:
        super().__init__(WEST, ORDERS)
        self.reads = self.writes = True

    def key_sets(self) -> tuple[KeySet, ...]:
        if not self.reads:
            raise ConnectionError("the table does not answer")
        return super().key_sets()

    def observations(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        if not self.reads:
            raise ConnectionError("the table does not answer")
        return super().observations(since, until)

    def add_observation(self, observation: Observation) -> None:
        if not self.writes:
            raise ConnectionError("the table does not answer")
        super().add_observation(observation)


class West:
    """The west's probe and controller. They reach their own table and KMS endpoints, and nothing else of the east."""

    def __init__(self) -> None:
        self.now = NOON
        self.state = Gone()
        self.silent: set[str] = set()
        self.announced: list[int] = []
        self.told_people: list[int] = []
        self.events_reachable = True
        self.asked: tuple[str, ...] = ()
        self.controller = Controller(self.state, self, self._ask, lambda: self.now)
        self.probe = ProbeService(
            WEST, lambda: (ORDERS,), self, self.state, self._wake, lambda: self.now, self._sleep, lambda: 0.0
        )

    def _ask(self, key_sets: tuple[str, ...]) -> None:
        """By an asynchronous invocation, so after what the probe is doing now."""
        self.asked = key_sets

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _wake(self) -> None:
        """By an asynchronous invocation: what becomes of the run is not the probe's."""
        try:
            self.controller.run()
        except (ConnectionError, ExceptionGroup):
            self.failed_runs = getattr(self, "failed_runs", 0) + 1
        if asked := self.asked:
            self.asked = ()
            self.probe.ask(asked)

    def round_trips(self, members: Sequence[MemberKey], within_seconds: float) -> dict[str, RoundTrip]:
        lost = RoundTrip(outcome=Outcome.REGION_FAULT, code="ConnectTimeoutError")
        return {m.arn: lost if m.region in self.silent else RoundTrip(outcome=Outcome.OK) for m in members}

    def tell_people(self, route: Route) -> None:
        self.told_people.append(route.epoch)

    def tell_machines(self, route: Route) -> None:
        if not self.events_reachable:
            raise ConnectionError("EventBridge does not answer")
        self.announced.append(route.epoch)

    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...

    def minute(self) -> None:
        start = self.now
        try:
            self.probe.run()
        except ExceptionGroup:
            self.failed_minutes = getattr(self, "failed_minutes", 0) + 1
        self.now = start + timedelta(minutes=1)

    @property
    def head(self) -> str:
        route = self.state.route("orders")
        assert route is not None
        return route.regions[0]


def test_with_the_whole_peer_region_gone_the_route_leads_here_within_a_minute() -> None:
    west = West()
    west.minute()

    west.silent = {EAST}
    west.minute()

    assert west.head == WEST
    assert west.announced == [1]


def test_without_the_state_table_the_last_route_stays_and_the_next_run_begins_where_it_stood() -> None:
    west = West()
    west.silent = {EAST}
    west.minute()
    west.state.reads = west.state.writes = False

    for _ in range(30):
        west.minute()
    while_away = west.head
    west.state.reads = west.state.writes = True
    west.minute()

    assert (while_away, west.head) == (WEST, WEST)
    assert west.failed_runs > 0
    assert [route.epoch for route in west.state.history("orders")] == [1]


def test_a_table_that_takes_no_observations_moves_nothing_by_its_silence() -> None:
    west = West()
    west.minute()
    west.state.writes = False
    west.silent = {EAST}

    for _ in range(10):
        west.minute()

    judgement = west.state.judgement("orders")
    assert judgement is not None
    assert judgement.health[EAST].verdict is Verdict.UNKNOWN
    assert west.head == EAST


@pytest.mark.parametrize("minutes", [1, 10])
def test_without_eventbridge_the_route_changes_all_the_same_and_is_announced_when_it_is_back(minutes: int) -> None:
    west = West()
    west.minute()
    west.events_reachable = False
    west.silent = {EAST}
    for _ in range(minutes):
        west.minute()
    moved = west.head

    west.events_reachable = True
    west.now += ANNOUNCING_TAKES
    west.minute()

    assert moved == WEST
    assert west.announced == [1]
    assert [route.epoch for route in west.state.history("orders")] == [1]
