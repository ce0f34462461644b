"""The probe's round trip: what each fault of KMS is called, and that no region waits for another."""

from collections.abc import Iterator
from typing import Any

import pytest

from kms_failover.adapters.prober import CONTEXT, KmsProber
from kms_failover.domain.health import Outcome
from tests.adapters.kms_world import Kms, World, aws_error, kms_world, timed_out, unreachable
from tests.domain.strategies import EAST, WEST


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
    trips = prober.round_trips(world.key_set.members)
    return {member.region: (trips[member.arn].outcome, trips[member.arn].code) for member in world.key_set.members}


def test_a_round_trip_makes_a_key_and_opens_it_in_every_region(world: World, prober: KmsProber) -> None:
    trips = prober.round_trips(world.key_set.members)

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
        (aws_error("AccessDeniedException"), Outcome.INCONCLUSIVE, "AccessDeniedException"),
        (aws_error("ExpiredTokenException"), Outcome.INCONCLUSIVE, "ExpiredTokenException"),
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


def test_a_fault_is_not_tried_again(world: World, prober: KmsProber) -> None:
    world.kms[EAST].fails = timed_out

    outcomes(world, prober)

    assert world.kms[EAST].operations == ["generate_data_key"]


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

    prober.round_trips(world.key_set.members)

    for client in prober._clients.values():
        config: Any = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (1.0, 2.0)
        assert config.retries["total_max_attempts"] == 1


def test_an_answer_that_is_none_is_a_region_fault_and_no_defect_of_ours(world: World, prober: KmsProber) -> None:
    world.kms[EAST].answers = {"ResponseMetadata": {}}

    assert outcomes(world, prober)[EAST] == (Outcome.REGION_FAULT, "MalformedAnswerError")
