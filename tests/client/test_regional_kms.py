"""One region's KMS: how it is connected and called, with threads of its own."""

import errno
import os
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.parsers import JSONParser

from kms_failover.client.call import Call
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.errors import MalformedAnswerError
from tests.client.kms_world import FOREVER, World, timed_out, unreachable
from tests.client.region_calls import (
    encrypt,
    fault_twice,
)
from tests.domain.strategies import EAST, WEST


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


def test_whoever_is_told_that_a_call_was_sent_finds_it_among_those_that_wait(
    world: World, kms: RegionalKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(Call, "sent", lambda call: seen.append(call in kms._sent))

    encrypt(world, kms)

    assert seen == [True]


# Answers that are none


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("generate_data_key", {}),
        ("generate_data_key", {"CiphertextBlob": b"b"}),
        ("generate_data_key", {"CiphertextBlob": b"b", "Plaintext": b""}),
        ("generate_data_key", {"CiphertextBlob": b"b", "Plaintext": bytes(31)}),
        ("generate_data_key", {"CiphertextBlob": "b", "Plaintext": bytes(32)}),
        ("encrypt", {"KeyId": "k"}),
        ("decrypt", {"Plaintext": None}),
    ],
)
def test_an_answer_that_lacks_what_was_asked_for_is_a_fault_of_the_region(
    world: World, kms: RegionalKms, operation: str, answer: dict[str, Any]
) -> None:
    world.kms[EAST].answers = answer

    for _ in range(2):
        with pytest.raises(MalformedAnswerError):
            kms.call(operation, {"KeyId": "k"} | ({"KeySpec": "AES_256"} if operation == "generate_data_key" else {}))

    assert kms.breaker.is_open


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[1]", b"5", b'{"CiphertextBlob": 5}', b'{"CiphertextBlob": "?"}'])
def test_an_answer_that_botocore_cannot_read_is_a_fault_of_the_region(
    world: World, kms: RegionalKms, body: bytes
) -> None:
    shape: Any = world.kms[EAST].client.meta.service_model.operation_model("Encrypt").output_shape
    parser = JSONParser()
    world.kms[EAST].encrypt = lambda **_asked: parser.parse({"body": body, "headers": {}, "status_code": 200}, shape)  # type: ignore[method-assign]  # an answer over the wire

    with pytest.raises(MalformedAnswerError):
        encrypt(world, kms)


@pytest.mark.parametrize("error", [ValueError("credentials"), TypeError(), KeyError("k"), AttributeError()])
def test_what_fails_before_anything_is_answered_is_no_regions_fault(
    world: World, kms: RegionalKms, error: Exception
) -> None:
    world.kms[EAST].fails = lambda: error

    for _ in range(2):
        with pytest.raises(type(error)):
            encrypt(world, kms)

    assert not kms.breaker.is_open


def test_a_blob_larger_than_any_of_kms_is_none(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].answers = {"CiphertextBlob": bytes(6145)}

    with pytest.raises(MalformedAnswerError):
        encrypt(world, kms)


def test_every_answer_counts_for_the_tail_and_earns_for_the_budgets(world: World, kms: RegionalKms) -> None:
    while kms.hedges.spend() or kms.throttle_retries.spend():
        pass

    for _ in range(20):
        kms.call("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"})

    assert kms.latency.is_known
    assert kms.latency.hedge_delay_seconds != Settings().first_hedge_delay_seconds
    assert kms.hedges.spend()
    assert kms.throttle_retries.spend()


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


def test_each_region_can_have_an_endpoint_of_its_own(world: World) -> None:
    settings = Settings(endpoints={EAST: "https://kms-fips.us-east-1.amazonaws.com"})

    urls = []
    for region in (EAST, WEST):
        connected = RegionalKms.connect(region, settings, lambda _region, _code: None)
        connected.close()
        urls.append(connected.client.meta.endpoint_url)

    assert urls == ["https://kms-fips.us-east-1.amazonaws.com", "https://kms.us-west-2.amazonaws.com"]


def test_cloudtrail_can_tell_whose_calls_these_are_and_what_a_library_adds(world: World) -> None:
    connected = RegionalKms.connect(EAST, Settings(), lambda _region, _code: None)
    config: Any = connected.client.meta.config
    config.user_agent_extra = "S3EncryptionClient"
    sent: list[str] = []
    connected.client.meta.events.register(
        "before-send.kms", lambda request, **_event: sent.append(str(request.headers["User-Agent"]))
    )

    connected.call("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"})
    connected.close()

    assert sent
    assert all(one.startswith("b'kms-failover/") and "S3EncryptionClient" in one for one in sent)


def test_a_process_without_descriptors_blames_no_region(
    world: World, kms: RegionalKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many_open_files(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", too_many_open_files)
    world.kms[EAST].fails = unreachable
    for _ in range(2):
        with pytest.raises(EndpointConnectionError):
            encrypt(world, kms)

    assert not kms.breaker.is_open
    assert world.faults == []
