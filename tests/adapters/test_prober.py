"""The probe's round trip: what each fault of KMS is called, and that no region waits for another."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from threading import Event, Semaphore
from typing import Any

import pytest

from kms_failover.adapters import prober as module
from kms_failover.adapters.prober import CONTEXT, PARALLEL, READ_TIMEOUT_SECONDS, ROUND_TRIP_ATTEMPTS, KmsProber
from kms_failover.domain.routing.observation import Outcome
from kms_failover.domain.routing.probe import NOT_ASKED, RoundTrip
from tests.client.kms_world import (
    AT_ONCE,
    FOREVER,
    Kms,
    Later,
    World,
    aws_error,
    kms_world,
    timed_out,
    unreachable,
)
from tests.domain.strategies import EAST, WEST, member


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch) as made:
        yield made


@pytest.fixture
def prober(world: World) -> KmsProber:
    made = KmsProber()
    clients: dict[str, Any] = dict(world.kms)
    made._clients = clients
    return made


def outcomes(world: World, prober: KmsProber) -> dict[str, tuple[Outcome, str]]:
    trips = prober.round_trips(world.key_set.members, FOREVER)
    return {member.region: (trips[member.arn].outcome, trips[member.arn].code) for member in world.key_set.members}


def test_a_round_trip_makes_a_key_and_opens_it_in_every_region(world: World, prober: KmsProber) -> None:
    trips = prober.round_trips(world.key_set.members, FOREVER)

    assert {trip.outcome for trip in trips.values()} == {Outcome.OK}
    assert all(trip.latency_ms >= 0 for trip in trips.values())
    for region in (EAST, WEST):
        assert world.kms[region].operations == ["generate_data_key", "decrypt"]
        assert {parameters["KeyId"] for _, parameters in world.kms[region].calls} == {world.arn(region)}
        assert all(parameters["EncryptionContext"] == CONTEXT for _, parameters in world.kms[region].calls)


@pytest.mark.parametrize(
    ("fault", "outcome", "code"),
    [
        (timed_out, Outcome.REGION_FAULT, "ReadTimeoutError"),
        (unreachable, Outcome.REGION_FAULT, "EndpointConnectionError"),
        (aws_error("KMSInternalException", 500), Outcome.REGION_FAULT, "KMSInternalException"),
        (aws_error("ThrottlingException"), Outcome.INCONCLUSIVE, "ThrottlingException"),
        (aws_error("AccessDeniedException"), Outcome.REFUSED, "AccessDeniedException"),
        (aws_error("ExpiredTokenException"), Outcome.REFUSED, "ExpiredTokenException"),
        (aws_error("KMSInvalidStateException"), Outcome.KEY_FAULT, "KMSInvalidStateException"),
        (aws_error("NotFoundException"), Outcome.KEY_FAULT, "NotFoundException"),
    ],
)
def test_each_fault_is_called_by_its_name_and_is_one_regions_own(
    world: World, prober: KmsProber, fault: Any, outcome: Outcome, code: str
) -> None:
    world.kms[EAST].fails = fault

    seen = outcomes(world, prober)

    assert seen == {EAST: (outcome, code), WEST: (Outcome.OK, "")}


def test_silence_is_not_tried_again(world: World, prober: KmsProber) -> None:
    world.kms[EAST].fails = timed_out

    outcomes(world, prober)

    assert world.kms[EAST].operations == ["generate_data_key"]


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "DisabledException"])
def test_what_is_no_regions_fault_is_not_tried_again(world: World, prober: KmsProber, code: str) -> None:
    world.kms[EAST].fails = aws_error(code)

    outcomes(world, prober)

    assert world.kms[EAST].operations == ["generate_data_key"]


@pytest.mark.parametrize(
    ("failing", "outcome"), [(ROUND_TRIP_ATTEMPTS - 1, Outcome.OK), (ROUND_TRIP_ATTEMPTS, Outcome.REGION_FAULT)]
)
def test_a_fault_that_comes_at_once_is_asked_about_again_a_few_times(
    world: World, prober: KmsProber, monkeypatch: pytest.MonkeyPatch, failing: int, outcome: Outcome
) -> None:
    left = iter([True] * failing + [False] * 9)
    call = world.kms[EAST]._call

    def sometimes(operation: str, parameters: dict[str, Any]) -> Any:
        world.kms[EAST].fails = aws_error("KMSInternalException", 500) if next(left) else None
        return call(operation, parameters)

    monkeypatch.setattr(world.kms[EAST], "_call", sometimes)

    assert outcomes(world, prober)[EAST][0] is outcome


def test_a_key_that_opens_to_something_else_is_a_region_fault(
    world: World, prober: KmsProber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kms, "decrypt", lambda _self, **_parameters: {"Plaintext": bytes(32)})

    seen = outcomes(world, prober)

    assert seen[EAST] == (Outcome.REGION_FAULT, "RoundTripMismatch")


def test_a_silent_region_keeps_no_other_from_being_asked(world: World, prober: KmsProber) -> None:
    silent, other = world.kms[EAST], world.kms[WEST]
    silent.silent = True
    answered = other.decrypt

    def answer_and_end_the_silence(**parameters: Any) -> Any:
        response = answered(**parameters)
        silent.release.set()  # only the other region's answer ends it
        return response

    other.decrypt = answer_and_end_the_silence  # type: ignore[method-assign]  # this one object's alone

    seen = outcomes(world, prober)

    assert (seen[EAST][0], seen[WEST][0]) == (Outcome.REGION_FAULT, Outcome.OK)


def test_a_defect_is_raised_and_not_counted_as_anybodys_fault(world: World, prober: KmsProber) -> None:
    world.kms[EAST].fails = ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outcomes(world, prober)


def test_its_own_clients_are_patient_for_two_seconds_and_try_once(world: World) -> None:
    prober = KmsProber()

    prober.round_trips(world.key_set.members, FOREVER)

    for client in prober._clients.values():
        config: Any = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (1.0, 2.0)
        assert config.retries["total_max_attempts"] == 1


def test_an_answer_that_is_none_is_a_region_fault_and_no_defect_of_ours(world: World, prober: KmsProber) -> None:
    world.kms[EAST].answers = {"ResponseMetadata": {}}

    assert outcomes(world, prober)[EAST] == (Outcome.REGION_FAULT, "MalformedAnswerError")


# The deadline


class Queue:
    """A region that is silent until `release`; counts the calls that have begun."""

    def __init__(self) -> None:
        self.begun, self.release = Semaphore(0), Event()
        self.calls: list[str] = []

    def generate_data_key(self, **parameters: Any) -> Any:
        self.calls.append(parameters["KeyId"])
        self.begun.release()
        self.release.wait(FOREVER)
        raise timed_out()


class Deadline:
    """Comes `ahead` seconds after `begun` calls of the silent region have begun and all of the others have ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, prober: KmsProber) -> None:
        self.queue, self.later, self.prober = Queue(), Later(), prober
        clients: Any = {EAST: self.queue, WEST: prober._clients[WEST]}
        prober._clients = clients
        self.begun, self.answered, self.ahead = 1, 1, 8.0
        self.given: float | None = None
        monkeypatch.setattr(module, "wait", self)
        monkeypatch.setattr(module, "time", self.later)

    def __call__(self, futures: Sequence[Future[RoundTrip]], timeout: float) -> None:
        for _ in range(self.begun):
            assert self.queue.begun.acquire(timeout=FOREVER)
        wait(futures[len(futures) - self.answered :], FOREVER)
        self.given = timeout
        self.later.pass_by(self.ahead)


@pytest.fixture
def deadline(monkeypatch: pytest.MonkeyPatch, prober: KmsProber) -> Iterator[Deadline]:
    made = Deadline(monkeypatch, prober)
    yield made
    made.queue.release.set()
    prober._threads.shutdown(wait=True)


def test_a_call_that_has_had_its_time_at_the_deadline_is_a_region_fault(world: World, deadline: Deadline) -> None:
    deadline.ahead = READ_TIMEOUT_SECONDS
    east, west = member(EAST, "silent"), world.key_set.members[1]

    trips = deadline.prober.round_trips([east, west], 8.0)

    assert deadline.given == 8.0
    assert (trips[east.arn].outcome, trips[east.arn].code) == (Outcome.REGION_FAULT, "DeadlineExceeded")
    assert trips[east.arn].latency_ms >= READ_TIMEOUT_SECONDS * 1000
    assert trips[west.arn].outcome is Outcome.OK


def test_a_call_that_was_begun_too_late_says_nothing(world: World, deadline: Deadline) -> None:
    deadline.ahead = 0.0
    east, west = member(EAST, "silent"), world.key_set.members[1]

    trips = deadline.prober.round_trips([east, west], 8.0)

    assert trips[east.arn] == RoundTrip(outcome=Outcome.INCONCLUSIVE, code=NOT_ASKED)


def test_keys_that_find_no_thread_say_nothing_and_are_never_asked_later(deadline: Deadline) -> None:
    deadline.begun, deadline.answered = PARALLEL, 0
    silent = [member(EAST, f"key-{number}") for number in range(PARALLEL)]
    waiting = [member(EAST, "waiting"), member(WEST, "waiting")]

    trips = deadline.prober.round_trips([*silent, *waiting], 8.0)
    deadline.queue.release.set()
    deadline.prober._threads.shutdown(wait=True)

    assert {trips[one.arn].code for one in silent} == {"DeadlineExceeded"}
    assert {(trips[one.arn].outcome, trips[one.arn].code) for one in waiting} == {(Outcome.INCONCLUSIVE, NOT_ASKED)}
    assert sorted(deadline.queue.calls) == sorted(one.arn for one in silent)


def test_nobody_waits_for_silence_longer_than_the_deadline(world: World, prober: KmsProber) -> None:
    world.kms[EAST].silent = True

    trips = prober.round_trips(world.key_set.members[:1], AT_ONCE)

    assert trips[world.arn(EAST)].code == NOT_ASKED
