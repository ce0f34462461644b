"""The drop-in client: what happens behind its back when a region is lost, and whose keys are never asked."""

import base64
import logging
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.domain.data_keys.bundle import Bundle, Wrap
from tests.client.kms_world import (
    CONTEXT,
    World,
    aws_error,
    code_of,
    generate,
    kms_world,
    opened,
    timed_out,
    unreachable,
)
from tests.domain.strategies import EAST, IRELAND, WEST, judgement

if TYPE_CHECKING:
    from collections.abc import Callable

# A region is lost


@pytest.mark.parametrize(
    "fault", [timed_out, unreachable, aws_error("KMSInternalException", 500), aws_error("What", 503)]
)
@pytest.mark.parametrize("lost", [EAST, WEST])
def test_one_wrap_is_enough_and_the_lack_is_reported(world: World, lost: str, fault: Any) -> None:
    there = WEST if lost == EAST else EAST
    world.kms[lost].fails = fault

    made = generate(world)

    facts = made["KmsFailover"]
    assert (facts["Regions"], facts["MissingRegions"], facts["Degraded"]) == ([there], [lost], True)
    assert (facts["AnsweredBy"], facts["Rerouted"]) == (there, lost == EAST)
    assert opened(world, made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_with_every_region_there_nothing_is_missing(world: World) -> None:
    facts = generate(world)["KmsFailover"]

    assert facts == {
        "KeySet": "orders",
        "Regions": [EAST, WEST],
        "MissingRegions": [],
        "AnsweredBy": EAST,
        "Rerouted": False,
        "Degraded": False,
        "RouteEpoch": 0,
    }


@pytest.mark.parametrize("fault", [timed_out, unreachable, aws_error("DependencyTimeoutException", 503)])
def test_decrypt_falls_through_every_region_fault(world: World, fault: Any) -> None:
    made = generate(world)
    world.kms[EAST].fails = fault

    read = opened(world, made["CiphertextBlob"])

    assert read["Plaintext"] == made["Plaintext"]
    assert read["KeyId"] == world.arn(WEST)
    assert read["KmsFailover"]["Rerouted"]


@pytest.mark.parametrize("operation", ["generate", "encrypt", "decrypt"])
def test_a_silent_region_does_not_keep_a_caller_waiting_for_it(world: World, operation: str) -> None:
    blob = generate(world)["CiphertextBlob"]
    world.silence(EAST)

    if operation == "generate":
        answer = generate(world)
    elif operation == "encrypt":
        answer = world.failover.encrypt(KeyId="orders", Plaintext=b"m")
    else:
        answer = opened(world, blob)

    assert answer["KmsFailover"]["AnsweredBy"] == WEST


def test_a_silent_second_region_costs_a_wrap_and_not_the_key(world: World) -> None:
    world.silence(WEST)

    made = generate(world)

    assert made["KmsFailover"]["MissingRegions"] == [WEST]


def test_when_no_region_answers_the_first_ones_own_error_is_raised(world: World) -> None:
    world.kms[EAST].fails = aws_error("KMSInternalException", 500)
    world.kms[WEST].fails = timed_out

    assert code_of(generate, world=world) == "KMSInternalException"


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "ValidationException"])
def test_a_throttle_or_a_refusal_is_not_carried_to_another_region(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr("kms_failover.client.bundler.THROTTLE_BASE_SECONDS", 0.0)
    world.kms[EAST].fails = aws_error(code)

    assert code_of(generate, world=world) == code
    assert world.kms[WEST].calls == []


def test_a_disabled_key_makes_its_key_set_go_elsewhere(world: World) -> None:
    world.kms[EAST].client.disable_key(KeyId=world.arn(EAST))

    made = generate(world)

    assert made["KmsFailover"]["Regions"] == [WEST]
    assert not world.regional[EAST].breaker.is_open


def test_new_keys_are_made_where_the_route_says(world: World) -> None:
    moved = world.route.but(regions=(WEST, EAST), epoch=3)
    world.state.put_judgement(judgement(moved))

    facts = generate(world)["KmsFailover"]

    assert (facts["AnsweredBy"], facts["Rerouted"], facts["RouteEpoch"]) == (WEST, True, 3)
    assert facts["MissingRegions"] == []


def test_rewrap_repays_what_is_missing_and_a_second_time_changes_nothing(world: World) -> None:
    world.kms[WEST].fails = timed_out
    degraded = generate(world)
    world.kms[WEST].fails = None

    repaid = world.failover.rewrap(CiphertextBlob=degraded["CiphertextBlob"], EncryptionContext=CONTEXT)
    again = world.failover.rewrap(CiphertextBlob=repaid["CiphertextBlob"], EncryptionContext=CONTEXT)

    assert repaid["KmsFailover"]["Regions"] == [EAST, WEST]
    assert again["CiphertextBlob"] == repaid["CiphertextBlob"]
    world.kms[EAST].fails = unreachable
    assert opened(world, repaid["CiphertextBlob"])["Plaintext"] == degraded["Plaintext"]


def test_either_region_alone_opens_what_both_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, EAST, WEST, IRELAND, here=IRELAND) as world:
        made = generate(world)
        for alone in (EAST, WEST, IRELAND):
            for region, kms in world.kms.items():
                kms.fails = None if region == alone else unreachable

            read = opened(world, made["CiphertextBlob"])

            assert read["Plaintext"] == made["Plaintext"]
            assert read["KmsFailover"]["AnsweredBy"] == alone


def test_the_nearest_wrap_is_opened_wherever_new_keys_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, here=WEST) as world:
        made = generate(world)
        world.forget_calls()

        read = opened(world, made["CiphertextBlob"])

        assert made["KeyId"] == world.arn(EAST)
        assert read["KeyId"] == world.arn(WEST)
        assert world.kms[EAST].calls == []


def test_related_multi_region_keys_need_one_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, related=(EAST, WEST)) as world:
        made = generate(world)
        world.kms[EAST].fails = unreachable

        read = opened(world, made["CiphertextBlob"])

        assert len(Bundle.parse(made["CiphertextBlob"]).wraps) == 1
        assert made["KmsFailover"]["MissingRegions"] == []
        assert read["Plaintext"] == made["Plaintext"]
        assert "encrypt" not in world.kms[WEST].operations


def test_a_family_of_related_keys_beside_another_key_gets_one_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, EAST, WEST, IRELAND, related=(WEST, IRELAND)) as world:
        made = generate(world)

        assert made["KmsFailover"]["MissingRegions"] == []
        assert len(Bundle.parse(made["CiphertextBlob"]).wraps) == 2
        assert world.kms[WEST].operations + world.kms[IRELAND].operations == ["encrypt"]


def test_where_one_of_a_family_fails_another_makes_the_wrap_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, EAST, WEST, IRELAND, related=(WEST, IRELAND)) as world:
        world.kms[WEST].fails = unreachable

        made = generate(world)

        assert made["KmsFailover"]["MissingRegions"] == []
        assert [wrap.region for wrap in Bundle.parse(made["CiphertextBlob"]).wraps] == [EAST, IRELAND]


def test_a_plain_blob_of_any_member_key_opens_without_telling_whose_it_is(world: World) -> None:
    for region in (EAST, WEST):
        blob = world.kms[region].client.encrypt(KeyId=world.arn(region), Plaintext=b"old", EncryptionContext=CONTEXT)

        read = opened(world, blob["CiphertextBlob"], KeyId="orders")

        assert (read["Plaintext"], read["KeyId"]) == (b"old", world.arn(region))


# Nobody else's keys


def test_only_member_keys_are_ever_called_whatever_a_bundle_claims(world: World) -> None:
    stranger = world.new_key(EAST)
    made = generate(world)
    bundle = Bundle.parse(made["CiphertextBlob"])
    lure = world.kms[EAST].client.encrypt(KeyId=stranger, Plaintext=bytes(32), EncryptionContext=CONTEXT)
    forged = Bundle(
        bundle.key_set, bundle.kind, bundle.commitment, (Wrap(stranger, lure["CiphertextBlob"]), bundle.wraps[1])
    )
    alone = Bundle(bundle.key_set, bundle.kind, bundle.commitment, forged.wraps[:1])
    world.forget_calls()

    read = opened(world, bytes(forged))
    refusal = code_of(opened, world=world, blob=bytes(alone))

    assert read["Plaintext"] == made["Plaintext"]
    assert refusal == "InvalidCiphertextException"
    asked = {parameters["KeyId"] for kms in world.kms.values() for _, parameters in kms.calls}
    assert asked == {world.arn(WEST)}


def test_a_wrap_of_another_key_under_the_right_kms_key_is_refused(world: World) -> None:
    made, other = Bundle.parse(generate(world)["CiphertextBlob"]), Bundle.parse(generate(world)["CiphertextBlob"])
    swapped = Bundle(made.key_set, made.kind, made.commitment, other.wraps)

    assert code_of(opened, world=world, blob=bytes(swapped)) == "InvalidCiphertextException"


def test_every_call_names_the_key_it_means(world: World) -> None:
    made = generate(world)
    opened(world, made["CiphertextBlob"])
    world.failover.encrypt(KeyId="orders", Plaintext=b"m")

    for region, kms in world.kms.items():
        assert {parameters["KeyId"] for _, parameters in kms.calls} == {world.arn(region)}


# Nothing leaks


def test_no_plaintext_is_in_any_repr_or_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = generate(world)
    message = b"a very secret message of 32 byte"
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=message)
    world.kms[EAST].fails = timed_out
    opened(world, made["CiphertextBlob"])
    world.kms[WEST].fails = aws_error("KMSInternalException", 500)
    seen: list[str] = []
    attempts: list[Callable[[], Any]] = [lambda: opened(world, made["CiphertextBlob"]), lambda: generate(world)]
    for attempt in attempts:
        with pytest.raises((ClientError, BotoCoreError)) as error:
            attempt()
        seen += [repr(error.value), str(error.value), *getattr(error.value, "__notes__", [])]
    world.kms[EAST].fails = world.kms[WEST].fails = None
    direct = world.bundler.open(Bundle.parse(made["CiphertextBlob"]), world.key_set, world.route, CONTEXT)
    done = world.bundler.make(world.key_set, world.route, {"KeySpec": "AES_256"}, CONTEXT)

    seen += [repr(thing) for thing in (world.failover, world.bundler, world.regional, direct, done, done.bundle)]
    # botocore logs whole requests and answers at DEBUG by itself; what is promised here is about this library
    seen += [record.getMessage() for record in caplog.records if not record.name.startswith("botocore")]

    text = "\n".join(seen)
    assert "is out" in text  # the log was looked at
    for secret in (made["Plaintext"], message, direct.plaintext, done.plaintext):
        forms = [secret.hex(), secret.hex().upper(), base64.b64encode(secret).decode().rstrip("="), repr(secret)[2:-1]]
        assert not [form for form in forms if form in text]
    assert sealed["CiphertextBlob"] != message
