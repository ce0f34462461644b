"""Every fault of the matrix in front of the real probe, for minutes of its rounds: which of them move a route.

What happens to a key moves its own key set alone; throttling, refusals and slowness move nothing; the region's own
faults move everything, or these tests would prove nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kms_failover.adapters.prober import KmsProber
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.controller import Controller
from kms_failover.domain.routing.messages import Bulletin
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.probe import ProbeService
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from proofs.fault_matrix.faults import FAULTS, Fault, Meaning
from proofs.fault_matrix.faulty_kms import region
from proofs.fault_matrix.matrix import FIRST, MIDDLE, Kms
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import NOON

MINUTES = 3
SLOW_TO_FAIL = {"connect silence", "read silence"}  # each round waits for a real time-out
COMES_AND_GOES = "flapping every 3 s"

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("real time")]


class Clock:
    """Time passes only while the probe waits for its next round."""

    def __init__(self) -> None:
        self.now = NOON
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.meanwhile()


class Announcements:
    def publish_to_people(self, bulletins: Sequence[Bulletin]) -> None: ...
    def route_changed(self, route: Route) -> None: ...
    def readiness_changed(self, news: News) -> None: ...
    def region_recovered(self, key_set: str, region: str, observer: str) -> None: ...


class Service:
    """Probe and controller of the middle region, over real sockets, with a state table in memory."""

    def __init__(self, key_sets: Sequence[KeySet], clients: dict[str, Any]) -> None:
        self.clock = Clock()
        self.state = MemoryState(MIDDLE, *key_sets)
        self.asked: tuple[str, ...] = ()
        self.controller = Controller(self.state, Announcements(), self._ask, self.clock)
        prober = KmsProber()
        prober._clients = clients
        self.probe = ProbeService(
            MIDDLE,
            lambda: tuple(key_sets),
            prober,
            self.state,
            self._wake,
            self.clock,
            self.clock.sleep,
            lambda: 0.5,
        )

    def _ask(self, key_sets: tuple[str, ...]) -> None:
        """By an asynchronous invocation, so after what the probe is doing now."""
        self.asked = key_sets

    def _wake(self) -> None:
        self.controller.run()

    def _complain(self) -> None:
        """As a caller whose own way to the first region is broken."""
        at = self.clock.now - timedelta(seconds=self.clock.now.timestamp() % 5)
        said: dict[str, Any] = {"source": Source.DATA_PLANE, "outcome": Outcome.REGION_FAULT, "code": "ConnectTimeout"}
        self.state.add_observation(Observation(observer=MIDDLE, region=FIRST, at=at, id="data-plane", **said))

    def let_a_caller_complain(self) -> None:
        self.clock.meanwhile = self._complain

    def minutes(self, count: int) -> None:
        """The first round is a minute of its own, so that the keys are asked for after it."""
        self.probe.run(1)
        for number in range(1, count + 1):
            if self.asked:
                self.probe.ask(self.asked)
                self.asked = ()
            self.clock.now = NOON + timedelta(minutes=number)
            self.probe.run()

    def head(self, key_set: str) -> str:
        route = self.state.route(key_set)
        assert route is not None
        return route.regions[0]


@pytest.fixture(scope="module")
def key_sets(kms: Kms) -> tuple[KeySet, KeySet]:
    """Two key sets, each with keys of its own, that prefer the first region."""

    def made(name: str) -> KeySet:
        arns = {r: kms.client(r, kms.url).create_key()["KeyMetadata"]["Arn"] for r in (FIRST, MIDDLE)}
        return KeySet(name=name, members=tuple(MemberKey(region=r, arn=arn) for r, arn in arns.items()))

    return made("orders"), made("wages")


@contextmanager
def service(kms: Kms, key_sets: Sequence[KeySet], fault: Fault, folder: Path) -> Iterator[Service]:
    with fault.region(kms.behind, folder) as first, region(kms.behind, lambda *_: None) as middle:
        clients = {FIRST: kms.client(FIRST, first), MIDDLE: kms.client(MIDDLE, middle)}
        with closing(clients[FIRST]), closing(clients[MIDDLE]):
            yield Service(key_sets, clients)


def of(*meanings: Meaning, without: frozenset[str] | set[str] = frozenset()) -> list[Fault]:
    return [fault for fault in FAULTS if fault.meaning in meanings and fault.name not in without]


@pytest.mark.parametrize("fault", of(Meaning.REGION, without=SLOW_TO_FAIL), ids=lambda fault: fault.name)
def test_a_regions_fault_moves_every_key_set(
    kms: Kms, key_sets: tuple[KeySet, KeySet], fault: Fault, tmp_path: Path
) -> None:
    with service(kms, key_sets, fault, tmp_path) as there:
        there.minutes(1)

        assert {there.head("orders"), there.head("wages")} == {MIDDLE}


@pytest.mark.parametrize("complaints", [False, True])
@pytest.mark.parametrize(
    "fault", of(Meaning.THROTTLE, Meaning.CALLER, Meaning.NONE, without={COMES_AND_GOES}), ids=lambda fault: fault.name
)
def test_what_says_nothing_about_a_region_moves_no_key_set(
    kms: Kms, key_sets: tuple[KeySet, KeySet], fault: Fault, tmp_path: Path, *, complaints: bool
) -> None:
    with service(kms, key_sets, fault, tmp_path) as there:
        if complaints:
            there.let_a_caller_complain()
        if fault.meaning is Meaning.NONE:
            there.probe.run(3)  # slow in real time; as many rounds as silence would need
        else:
            there.minutes(MINUTES)

        assert {there.head("orders"), there.head("wages")} == {FIRST}
        assert there.state.history("orders") == ()


def test_a_key_that_is_disabled_moves_its_own_key_set_and_no_other(
    kms: Kms, key_sets: tuple[KeySet, KeySet], tmp_path: Path
) -> None:
    calm = Fault("none", Meaning.NONE, (), lambda *_: None)
    first = kms.client(FIRST, kms.url)
    first.disable_key(KeyId=key_sets[0].members[0].arn)
    try:
        with service(kms, key_sets, calm, tmp_path) as there:
            there.minutes(MINUTES)

            assert (there.head("orders"), there.head("wages")) == (MIDDLE, FIRST)
    finally:
        first.enable_key(KeyId=key_sets[0].members[0].arn)


@pytest.mark.parametrize("fault", of(Meaning.KEY), ids=lambda fault: fault.name)
def test_faults_of_every_key_are_told_as_the_keys_own(
    kms: Kms, key_sets: tuple[KeySet, KeySet], fault: Fault, tmp_path: Path
) -> None:
    with service(kms, key_sets, fault, tmp_path) as there:
        there.minutes(MINUTES)

        verdicts = [there.state.judgement(name) for name in ("orders", "wages")]
        assert all(j is not None and j.health[FIRST].verdict != "impaired" for j in verdicts)
        assert all(j is not None and not j.health[FIRST].key_usable for j in verdicts)


@pytest.mark.parametrize("complaints", [False, True])
def test_a_region_that_fails_every_third_call_moves_nothing(
    kms: Kms, key_sets: tuple[KeySet, KeySet], tmp_path: Path, *, complaints: bool
) -> None:
    calls = iter(range(1_000_000))
    broken = next(fault for fault in FAULTS if fault.name == "KMSInternal")
    assert broken.act is not None
    act = broken.act
    third = Fault("every third", Meaning.NONE, (), lambda op, h: act(op, h) if next(calls) % 3 == 0 else None)
    with service(kms, key_sets, third, tmp_path) as there:
        if complaints:
            there.let_a_caller_complain()
        there.minutes(MINUTES)

        assert {there.head("orders"), there.head("wages")} == {FIRST}
