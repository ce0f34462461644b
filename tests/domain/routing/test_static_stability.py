"""With the state table, EventBridge or the whole peer region out of reach, a region goes on with what it has."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.controller import ANNOUNCING_TAKES, Controller
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.messages import Bulletin
from kms_failover.domain.routing.observation import Observation, Outcome
from kms_failover.domain.routing.pace import FAULTS_TO_CONFIRM
from kms_failover.domain.routing.probe import ROUND_SECONDS, ProbeService, RoundTrip
from kms_failover.domain.routing.probe_request import ROUNDS
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, key_set

ORDERS = key_set(EAST, WEST)


PROBE_TIMEOUT = timedelta(seconds=90)  # of the probe function, in template.yaml


class Gone(MemoryState):
    """The west's table: it can be taken away, whole or for writing; `hang` is what passes before it fails."""

    def __init__(self, hang: Callable[[], None] = lambda: None) -> None:
        super().__init__(WEST, ORDERS)
        self.reads = self.writes = True
        self._hang = hang

    def _fail(self) -> None:
        self._hang()
        raise ConnectionError("the table does not answer")

    def key_sets(self) -> tuple[KeySet, ...]:
        if not self.reads:
            self._fail()
        return super().key_sets()

    def observations(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        if not self.reads:
            self._fail()
        return super().observations(since, until)

    def add_observation(self, observation: Observation) -> None:
        if not self.writes:
            self._fail()
        super().add_observation(observation)


class West:
    """The west's probe and controller. They reach their own table and KMS endpoints, and nothing else of the east."""

    def __init__(self) -> None:
        self.now = NOON
        self.call_hangs = self.silence_takes = self.wake_hangs = timedelta()
        self.state = Gone(self._hang)
        self.silent: set[str] = set()
        self.announced: list[int] = []
        self.published_to_people: list[int] = []
        self.measured: list[Observation] = []
        self.events_reachable = True
        self.asked: tuple[str, ...] = ()
        self.controller = Controller(self.state, self, self._ask, lambda: self.now)
        self.probe = ProbeService(
            WEST, self._key_sets, self, self.state, self._wake, lambda: self.now, self._sleep, lambda: 0.0
        )

    def _hang(self) -> None:
        self.now += self.call_hangs

    def _key_sets(self) -> tuple[KeySet, ...]:
        """As a warm process has them: where they cannot be read again the last ones stay."""
        try:
            return self.state.key_sets()
        except ConnectionError:
            return (ORDERS,)

    def _ask(self, key_sets: tuple[str, ...]) -> None:
        """By an asynchronous invocation, so after what the probe is doing now."""
        self.asked = key_sets

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _wake(self) -> None:
        """By an asynchronous invocation: what becomes of the run, and how long it takes, is not the probe's."""
        woken_at = self.now
        try:
            self.controller.run()
        except (ConnectionError, ExceptionGroup):
            self.failed_runs = getattr(self, "failed_runs", 0) + 1
        self.now = woken_at + self.wake_hangs
        if asked := self.asked:
            self.asked = ()
            self.probe.ask(asked)

    def round_trips(self, members: Sequence[MemberKey], within_seconds: float) -> dict[str, RoundTrip]:
        lost = RoundTrip(outcome=Outcome.REGION_FAULT, code="ConnectTimeoutError")
        if any(m.region in self.silent for m in members):
            self.now += self.silence_takes
        return {m.arn: lost if m.region in self.silent else RoundTrip(outcome=Outcome.OK) for m in members}

    def publish_to_people(self, bulletins: Sequence[Bulletin]) -> None:
        self.published_to_people += [route.epoch for bulletin in bulletins for route in bulletin.routes]

    def readiness_changed(self, news: News) -> None:
        if not self.events_reachable:
            raise ConnectionError("EventBridge does not answer")

    def route_changed(self, route: Route) -> None:
        if not self.events_reachable:
            raise ConnectionError("EventBridge does not answer")
        self.announced.append(route.epoch)

    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...

    def minute(self) -> timedelta:
        """How long the probe's invocation took."""
        start = self.now
        try:
            self.probe.run(on_observed=lambda observed: self.measured.extend(o for o in observed if not o.key_set))
        except ExceptionGroup:
            self.failed_minutes = getattr(self, "failed_minutes", 0) + 1
        took = self.now - start
        self.now = max(self.now, start + timedelta(minutes=1))
        return took

    def rounds(self, region: str, since: datetime) -> list[float]:
        """When the region was measured, in seconds."""
        return [(o.at - since).total_seconds() for o in self.measured if o.region == region and o.at >= since]

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


def test_a_table_that_hangs_delays_one_round_by_a_time_out_and_every_region_is_measured_in_all() -> None:
    west = West()
    west.minute()
    began = west.now
    west.state.reads = west.state.writes = False
    west.call_hangs = timedelta(seconds=2)

    took = west.minute()

    for region in (EAST, WEST):
        late = [at - ROUND_SECONDS * number for number, at in enumerate(west.rounds(region, began))]
        assert late == [2, *[0] * (ROUNDS - 1)]
    assert took <= timedelta(minutes=1, seconds=2)
    assert west.failed_minutes == 1


@pytest.mark.parametrize("call_hangs", [1, 2, 3, 4])
@pytest.mark.parametrize("silence_takes", [0, 2, 8])
def test_with_all_that_is_called_hanging_and_a_region_silent_rounds_go_on_and_the_invocation_ends_in_time(
    call_hangs: int, silence_takes: int
) -> None:
    west = West()
    west.minute()
    began = west.now
    west.state.reads = west.state.writes = False
    west.silent = {EAST}
    west.call_hangs = west.wake_hangs = timedelta(seconds=call_hangs)
    west.silence_takes = timedelta(seconds=silence_takes)

    took = west.minute()

    starts = west.rounds(EAST, began)
    assert len(starts) >= FAULTS_TO_CONFIRM
    assert max(later - earlier for earlier, later in pairwise(starts)) <= 2 * ROUND_SECONDS
    assert took < PROBE_TIMEOUT


def test_a_table_that_has_hung_is_written_again_within_two_rounds() -> None:
    west = West()
    west.state.reads = west.state.writes = False
    west.call_hangs = timedelta(seconds=2)
    west.minute()
    again = west.now

    west.state.reads = west.state.writes = True
    west.minute()

    written = [(o.at - again).total_seconds() for o in west.state.observations(again) if o.region == EAST]
    assert written
    assert min(written) < 2 * ROUND_SECONDS


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
