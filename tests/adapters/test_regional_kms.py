"""One region's KMS: its breaker knows an answer from a silence, and its threads are its own."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from kms_failover.adapters.regional_kms import RegionalKms
from kms_failover.domain.settings import Settings
from tests.adapters.kms_world import FOREVER, World, aws_error, kms_world, timed_out
from tests.domain.strategies import EAST


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch) as made:
        yield made


@pytest.fixture
def kms(world: World) -> RegionalKms:
    return world.regional[EAST]


def encrypt(world: World, kms: RegionalKms) -> Any:
    return kms.submit("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"}).future.result(FOREVER)


def fault_twice(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].fails = timed_out
    for _ in range(2):
        with pytest.raises(ReadTimeoutError):
            encrypt(world, kms)


def test_two_region_faults_open_the_breaker_and_are_reported(world: World, kms: RegionalKms) -> None:
    fault_twice(world, kms)

    assert kms.breaker.is_open
    assert world.faults == [(EAST, "ReadTimeoutError")]


def test_a_good_answer_closes_the_breaker(world: World, kms: RegionalKms) -> None:
    fault_twice(world, kms)
    world.kms[EAST].fails = None

    encrypt(world, kms)

    assert not kms.breaker.is_open


@pytest.mark.parametrize("modeled", [True, False])
def test_a_refusal_is_an_answer_and_closes_the_breaker(world: World, kms: RegionalKms, *, modeled: bool) -> None:
    fault_twice(world, kms)
    world.kms[EAST].fails = None if modeled else aws_error("AccessDeniedException")
    world.kms[EAST].client.disable_key(KeyId=world.arn(EAST))

    with pytest.raises(ClientError):
        encrypt(world, kms)

    assert not kms.breaker.is_open


def test_what_never_reached_kms_says_nothing_about_it(world: World, kms: RegionalKms) -> None:
    fault_twice(world, kms)
    world.kms[EAST].fails = NoCredentialsError

    with pytest.raises(NoCredentialsError):
        encrypt(world, kms)

    assert kms.breaker.is_open


def test_a_region_fault_is_not_retried_here(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].fails = timed_out

    with pytest.raises(ReadTimeoutError):
        encrypt(world, kms)

    assert len(world.kms[EAST].calls) == 1


def test_a_dead_region_holds_no_caller_however_many_ask(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].silent = True

    futures = [kms.submit("encrypt", {"KeyId": "k"}).future for _ in range(Settings().threads_per_region * 2)]

    assert not any(future.done() for future in futures)
    world.kms[EAST].release.set()
    assert {type(future.exception(FOREVER)) for future in futures} == {ReadTimeoutError}


def test_connecting_uses_short_time_outs_and_no_retries(world: World) -> None:
    connected = RegionalKms.connect(EAST, Settings(), lambda _region, _code: None)

    config: Any = connected.client.meta.config
    connected.close()

    assert (config.connect_timeout, config.read_timeout) == (1.0, 3.0)
    assert config.retries["total_max_attempts"] == 1


def test_an_endpoint_of_ones_own_is_honoured(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "https://vpce.example")

    connected = RegionalKms.connect(EAST, Settings(), lambda _region, _code: None)
    connected.close()

    assert connected.client.meta.endpoint_url == "https://vpce.example"
