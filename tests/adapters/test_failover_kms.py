"""The drop-in client: what a caller of the boto3 client sees, and what happens behind its back."""

import base64
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.adapters.failover_kms import FailoverKms
from kms_failover.adapters.operations import MAX_MESSAGE_BYTES
from kms_failover.domain.bundle import Bundle, Wrap
from kms_failover.domain.data_key_cache import DEGRADED_SECONDS
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.settings import CacheLimits, ReservoirLimits, Settings
from kms_failover.errors import ConfigurationError
from tests.adapters.kms_world import AT_ONCE, CONTEXT, FOREVER, World, aws_error, kms_world, timed_out, unreachable
from tests.domain.strategies import EAST, IRELAND, WEST, arn

ANY_CONTEXT = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch) as made:
        yield made


def code_of(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def generate(world: World, **parameters: Any) -> dict[str, Any]:
    asked = {"KeyId": "orders", "KeySpec": "AES_256", "EncryptionContext": CONTEXT}
    return world.failover.generate_data_key(**asked | parameters)


def opened(world: World, blob: bytes, **parameters: Any) -> dict[str, Any]:
    return world.failover.decrypt(CiphertextBlob=blob, **{"EncryptionContext": CONTEXT} | parameters)


# The same as boto3


def test_code_written_for_the_boto3_client_runs_unchanged(world: World) -> None:
    def seal_and_open(kms: Any, key_id: str) -> tuple[set[str], set[str]]:
        made = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext=CONTEXT)
        read = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=key_id, EncryptionContext=CONTEXT)
        assert read["Plaintext"] == made["Plaintext"]
        assert read["KeyId"] == made["KeyId"] == world.arn(EAST)
        try:
            kms.decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=key_id, EncryptionContext={})
        except kms.exceptions.InvalidCiphertextException as refused:
            assert refused.response["Error"]["Code"] == "InvalidCiphertextException"  # noqa: PT017  # as callers do
        return set(made), set(read)

    stock_made, stock_read = seal_and_open(world.kms[EAST].client, world.arn(EAST))
    made, read = seal_and_open(world.failover, "orders")

    of_aws_alone = {"ResponseMetadata", "KeyMaterialId"}
    assert stock_made - of_aws_alone <= made
    assert stock_read - of_aws_alone <= read


def test_an_error_of_our_own_has_what_boto3s_have(world: World) -> None:
    with pytest.raises(ClientError) as refused:
        generate(world, KeyId="invoices")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_modeled_exception_can_be_caught_by_its_own_name(world: World) -> None:
    with pytest.raises(world.failover.exceptions.NotFoundException):
        generate(world, KeyId="invoices")


@pytest.mark.parametrize("name", ["orders", "alias/orders", "arn"])
def test_a_key_set_is_named_as_a_key_is(world: World, name: str) -> None:
    made = generate(world, KeyId=world.arn(WEST) if name == "arn" else name)

    assert opened(world, made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


@pytest.mark.parametrize("size", [{"KeySpec": "AES_128"}, {"NumberOfBytes": 16}])
def test_the_smallest_data_key_is_made_as_asked(world: World, size: dict[str, Any]) -> None:
    assert len(world.failover.generate_data_key(KeyId="orders", **size)["Plaintext"]) == 16


@ANY_CONTEXT
@given(
    message=st.binary(min_size=1, max_size=200), context=st.dictionaries(st.text("ab\u00e9", min_size=1), st.text("xy"))
)
def test_any_message_round_trips(world: World, message: bytes, context: dict[str, str]) -> None:
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=message, EncryptionContext=context)

    read = world.failover.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)

    assert read["Plaintext"] == message


def test_the_longest_message_round_trips_and_one_byte_more_is_refused(world: World) -> None:
    longest = bytes(MAX_MESSAGE_BYTES)

    sealed = world.failover.encrypt(KeyId="orders", Plaintext=longest)

    assert world.failover.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == longest
    with pytest.raises(ParamValidationError):
        world.failover.encrypt(KeyId="orders", Plaintext=longest + b"x")


def test_equal_messages_have_unequal_commitments(world: World) -> None:
    first, second = (world.failover.encrypt(KeyId="orders", Plaintext=b"yes")["CiphertextBlob"] for _ in range(2))

    assert Bundle.parse(first).commitment != Bundle.parse(second).commitment


def test_without_plaintext_means_without(world: World) -> None:
    made = world.failover.generate_data_key_without_plaintext(KeyId="orders", KeySpec="AES_256")

    assert "Plaintext" not in made
    assert len(world.failover.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 32


def test_re_encrypt_moves_a_message_to_another_context(world: World) -> None:
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=b"message", EncryptionContext=CONTEXT)

    moved = world.failover.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceEncryptionContext=CONTEXT,
        SourceKeyId="orders",
        DestinationKeyId="orders",
        DestinationEncryptionContext={"order": "43"},
    )

    assert opened(world, moved["CiphertextBlob"], EncryptionContext={"order": "43"})["Plaintext"] == b"message"
    assert code_of(world.failover.decrypt, CiphertextBlob=moved["CiphertextBlob"]) == "InvalidCiphertextException"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("generate_data_key", {"KeyId": "orders", "KeySpec": "AES_256", "GrantTokens": ["t"]}),
        ("generate_data_key", {"KeyId": "orders", "KeySpec": "AES_256", "DryRun": True}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": 15}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": 0}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": "many"}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": True}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": 1025}),
        ("generate_data_key", {"KeyId": "orders", "KeySpec": ["AES_256"]}),
        ("generate_data_key", {"KeyId": None, "KeySpec": "AES_256"}),
        ("generate_data_key", {"KeySpec": "AES_256"}),
        ("generate_data_key", {"KeyId": "orders", "KeySpec": "AES_256", "EncryptionContext": "text"}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": {"a": 1}}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": {"a": b"b"}}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b""}),
        ("encrypt", {"KeyId": "orders", "Plaintext": 5}),
        ("encrypt", {"KeyId": "orders"}),
        ("decrypt", {}),
        ("decrypt", {"CiphertextBlob": "\ud800"}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": ""}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": []}),
        ("re_encrypt", {"CiphertextBlob": b"b"}),
        ("re_encrypt", {"CiphertextBlob": b"b", "DestinationKeyId": "orders", "SourceEncryptionContext": 5}),
        ("re_encrypt", {"CiphertextBlob": b"b", "DestinationKeyId": "orders", "SourceKeyId": "orders", "DryRun": True}),
        ("rewrap", {}),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_as_boto3_refuses(
    world: World, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ParamValidationError):
        getattr(world.failover, operation)(**parameters)


@pytest.mark.parametrize("name", ["invoices", "alias/invoices", arn(EAST), ""])
def test_an_unknown_key_set_is_not_found(world: World, name: str) -> None:
    assert code_of(world.failover.generate_data_key, KeyId=name, KeySpec="AES_256") == "NotFoundException"


@pytest.mark.parametrize("wrong", [{}, {"order": "43"}, {"Order": "42"}, CONTEXT | {"more": ""}])
def test_a_wrong_context_opens_nothing(world: World, wrong: dict[str, str]) -> None:
    blob = generate(world)["CiphertextBlob"]

    assert code_of(opened, world=world, blob=blob, EncryptionContext=wrong) == "InvalidCiphertextException"


def test_a_bundle_of_another_key_set_is_an_incorrect_key(world: World) -> None:
    other = KeySet(name="invoices", members=(world.key_set.members[0],))
    world.state.put_key_set(other)
    blob = generate(world)["CiphertextBlob"]

    assert code_of(opened, world=world, blob=blob, KeyId="invoices") == "IncorrectKeyException"


@pytest.mark.parametrize(
    "blob", [b"", b"a plain blob", b"S0ZCAQ==", b"KFB\x01", b"KFB\x02" + bytes(80), b"KFB\x01" + bytes(80)]
)
def test_what_only_claims_to_be_a_bundle_is_an_invalid_ciphertext(world: World, blob: bytes) -> None:
    assert code_of(opened, world=world, blob=blob) == "InvalidCiphertextException"


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
    monkeypatch.setattr("kms_failover.adapters.engine.THROTTLE_BASE_SECONDS", 0.0)
    world.kms[EAST].fails = aws_error(code)

    assert code_of(generate, world=world) == code
    assert world.kms[WEST].calls == []


def test_a_disabled_key_makes_its_key_set_go_elsewhere(world: World) -> None:
    world.kms[EAST].client.disable_key(KeyId=world.arn(EAST))

    made = generate(world)

    assert made["KmsFailover"]["Regions"] == [WEST]
    assert not world.regional[EAST].breaker.is_open


def test_new_keys_are_made_where_the_route_says(world: World) -> None:
    moved = world.route.model_copy(update={"regions": (WEST, EAST), "epoch": 3})
    world.state.put_route(moved, previous_epoch=None)

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


def test_a_wrap_of_another_key_under_the_right_cmk_is_refused(world: World) -> None:
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
    direct = world.engine.open(Bundle.parse(made["CiphertextBlob"]), world.key_set, world.route, CONTEXT)
    done = world.engine.make(world.key_set, world.route, {"KeySpec": "AES_256"}, CONTEXT)

    seen += [repr(thing) for thing in (world.failover, world.engine, world.regional, direct, done, done.bundle)]
    # botocore logs whole requests and answers at DEBUG by itself; what is promised here is about this library
    seen += [record.getMessage() for record in caplog.records if not record.name.startswith("botocore")]

    text = "\n".join(seen)
    assert "is out" in text  # the log was looked at
    for secret in (made["Plaintext"], message, direct.plaintext, done.plaintext):
        forms = [secret.hex(), secret.hex().upper(), base64.b64encode(secret).decode().rstrip("="), repr(secret)[2:-1]]
        assert not [form for form in forms if form in text]
    assert sealed["CiphertextBlob"] != message


# Two wraps or nothing


@pytest.mark.parametrize("lost", [EAST, WEST])
@pytest.mark.parametrize("operation", ["generate_data_key", "encrypt"])
def test_whoever_wants_two_wraps_or_nothing_gets_nothing_of_one(
    monkeypatch: pytest.MonkeyPatch, lost: str, operation: str
) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=2, deadline_seconds=FOREVER)) as world:
        asked: dict[str, Any] = {"KeySpec": "AES_256"} if operation == "generate_data_key" else {"Plaintext": b"m"}
        call = getattr(world.failover, operation)
        both = call(KeyId="orders", **asked)["KmsFailover"]["Regions"]
        world.kms[lost].fails = unreachable

        code = code_of(call, KeyId="orders", **asked)

        assert both == [EAST, WEST]
        assert code == "DependencyTimeoutException"


def test_more_wraps_than_there_are_regions_is_a_mistake_and_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=3)) as world:
        assert code_of(generate, world=world) == "ValidationException"
        assert code_of(world.failover.encrypt, KeyId="orders", Plaintext=b"m") == "ValidationException"
        assert world.kms[EAST].calls == []


def test_a_region_that_was_overtaken_still_wraps_for_whoever_wants_two(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=2, deadline_seconds=FOREVER)) as world:
        world.regional[EAST].latency.hedge_delay_seconds = AT_ONCE
        east = world.kms[EAST]
        first = east.generate_data_key
        east.generate_data_key = lambda **asked: east.release.wait(FOREVER) and first(**asked)  # type: ignore[method-assign]  # slow

        made = generate(world)

        assert made["KmsFailover"]["AnsweredBy"] == WEST
        assert made["KmsFailover"]["Regions"] == [EAST, WEST]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_why_there_are_too_few_wraps_is_said_where_another_region_would_not_help(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=2, deadline_seconds=FOREVER)) as world:
        monkeypatch.setattr("kms_failover.adapters.engine.THROTTLE_BASE_SECONDS", 0.0)
        world.kms[WEST].fails = aws_error(code)

        assert code_of(generate, world=world) == code


def test_a_related_key_counts_for_each_region_that_it_opens_in(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(min_wraps=2, deadline_seconds=FOREVER)
    with kms_world(monkeypatch, related=(EAST, WEST), settings=settings) as world:
        assert generate(world)["KmsFailover"]["Regions"] == [EAST, WEST]


# The cache and the reservoir


@contextmanager
def cached(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[World]:
    with kms_world(monkeypatch, settings=Settings(deadline_seconds=FOREVER, **settings)) as world:
        yield world


HOUR = CacheLimits(max_age_seconds=3600, max_uses=3)


def test_a_cached_key_needs_no_region_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        opened(world, first["CiphertextBlob"])
        for kms in world.kms.values():
            kms.fails = unreachable

        again, read = generate(world), opened(world, first["CiphertextBlob"])

        assert again == first
        assert read["Plaintext"] == first["Plaintext"]


@pytest.mark.parametrize(
    "other", [{"EncryptionContext": {"order": "43"}}, {"EncryptionContext": {}}, {"KeySpec": "AES_128"}]
)
def test_a_cached_key_is_for_its_own_context_and_size_only(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        opened(world, first["CiphertextBlob"])

        assert generate(world, **other)["Plaintext"] != first["Plaintext"]
        wrong = code_of(opened, world=world, blob=first["CiphertextBlob"], EncryptionContext={"order": "43"})
        assert wrong == "InvalidCiphertextException"


@pytest.mark.parametrize("replaced", ["name", "keys"])
def test_a_cached_key_is_for_its_own_key_set_and_member_keys_only(
    monkeypatch: pytest.MonkeyPatch, replaced: str
) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        name = "invoices" if replaced == "name" else "orders"
        members = tuple(MemberKey(region=r, arn=world.new_key(r)) for r in (EAST, WEST))
        other = KeySet(name=name, members=world.key_set.members if replaced == "name" else members)
        world.state.put_key_set(other)
        world.routes._key_sets._tried_at = float("-inf")

        second = generate(world, KeyId=name)

        assert second["Plaintext"] != first["Plaintext"]
        assert [wrap.key_arn for wrap in Bundle.parse(second["CiphertextBlob"]).wraps] == list(other.names[2:])


def test_a_degraded_key_is_cached_for_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        world.kms[WEST].fails = unreachable
        generate(world)

        cache = world.failover._operations._cache
        assert cache is not None
        (entry,) = cache._entries.values()

        assert entry.expires_at - entry.made_at == DEGRADED_SECONDS


def test_a_cached_key_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        keys = [generate(world)["Plaintext"] for _ in range(6)]

        assert [keys.index(key) for key in keys] == [0, 0, 0, 3, 3, 3]


def test_a_changed_route_ends_what_was_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        moved = world.route.model_copy(update={"regions": (WEST, EAST), "epoch": 3})
        first = generate(world)
        monkeypatch.setattr(world.routes, "_route", lambda _key_set: moved)

        assert generate(world)["Plaintext"] != first["Plaintext"]


def test_what_a_caller_does_to_its_answer_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        key, regions = first.pop("Plaintext"), first["KmsFailover"]["Regions"]
        regions.clear()

        again = generate(world)

        assert again["Plaintext"] == key
        assert again["KmsFailover"]["Regions"] == [EAST, WEST]


def test_a_key_without_plaintext_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR, reservoir=ReservoirLimits(keys=2)) as world:
        first = generate(world)

        without = world.failover.generate_data_key_without_plaintext(
            KeyId="orders", KeySpec="AES_256", EncryptionContext=CONTEXT
        )

        assert Bundle.parse(without["CiphertextBlob"]).commitment != Bundle.parse(first["CiphertextBlob"]).commitment


@pytest.mark.parametrize("wrong", [-1, "1", 1.5, True])
def test_message_bytes_are_a_number_of_bytes(world: World, wrong: Any) -> None:
    with pytest.raises(ParamValidationError, match="MessageBytes"):
        generate(world, MessageBytes=wrong)


def test_keys_made_ahead_are_single_and_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, reservoir=ReservoirLimits(keys=4)) as world:
        made = [generate(world) for _ in range(20)]

        assert len({one["Plaintext"] for one in made}) == 20
        assert all(opened(world, one["CiphertextBlob"])["Plaintext"] == one["Plaintext"] for one in made)


# Many


def test_many_are_rewrapped_in_order_and_one_that_fails_keeps_no_other(world: World) -> None:
    world.kms[WEST].fails = unreachable
    degraded = [generate(world)["CiphertextBlob"] for _ in range(5)]
    world.kms[WEST].fails = None
    world.regional[WEST].breaker.succeeded()
    requests: list[dict[str, Any]] = [{"CiphertextBlob": blob, "EncryptionContext": CONTEXT} for blob in degraded]
    wrong: list[Any] = [{"CiphertextBlob": b"no bundle"}, {}, None, {1: 2}]
    requests[1:1] = wrong

    answers = world.failover.rewrap_many(requests, max_concurrency=3)

    errors = [answer.get("Error", {}).get("Code") for answer in answers]
    assert errors == [None, "InvalidCiphertextException", *["ParamValidationError"] * 3, None, None, None, None]
    bundles = [Bundle.parse(answer["CiphertextBlob"]) for answer in answers if "Error" not in answer]
    assert [bundle.commitment for bundle in bundles] == [Bundle.parse(blob).commitment for blob in degraded]
    assert all(not bundle.lacking(world.key_set) for bundle in bundles)


@pytest.mark.parametrize("wrong", [0, -1, 1001, "2", None, True])
def test_how_many_at_once_is_a_number(world: World, wrong: Any) -> None:
    with pytest.raises(ParamValidationError, match="max_concurrency"):
        world.failover.rewrap_many([], max_concurrency=wrong)


def test_rewrap_says_who_opened_the_bundle_and_nobody_where_nothing_was_lacking(world: World) -> None:
    world.kms[EAST].fails = unreachable
    degraded = generate(world)["CiphertextBlob"]

    lacking = world.failover.rewrap(CiphertextBlob=degraded, EncryptionContext=CONTEXT)["KmsFailover"]
    world.kms[EAST].fails = None
    world.regional[EAST].breaker.succeeded()
    complete = world.failover.rewrap(CiphertextBlob=generate(world)["CiphertextBlob"])["KmsFailover"]

    assert (lacking["AnsweredBy"], lacking["Rerouted"], lacking["MissingRegions"]) == (WEST, True, [EAST])
    assert (complete["AnsweredBy"], complete["Rerouted"], complete["MissingRegions"]) == (None, False, [])


def test_none_to_rewrap_is_none_rewrapped(world: World) -> None:
    assert world.failover.rewrap_many([]) == []


# Wraps in any order, or lost


@ANY_CONTEXT
@given(data=st.data())
def test_order_and_loss_of_wraps_never_matter_while_one_usable_remains(
    monkeypatch: pytest.MonkeyPatch, three: World, data: st.DataObject
) -> None:
    made = generate(three)
    bundle = Bundle.parse(made["CiphertextBlob"])
    kept = data.draw(st.permutations(bundle.wraps).flatmap(lambda order: st.integers(1, 3).map(lambda n: order[:n])))
    spoilt = data.draw(st.sets(st.sampled_from(kept), max_size=len(kept) - 1))
    wraps = tuple(Wrap(one.key_arn, one.blob[::-1]) if one in spoilt else one for one in kept)
    out = data.draw(st.sets(st.sampled_from([w.region for w in kept if w not in spoilt]), max_size=len(kept)))
    usable = {one.region for one in kept if one not in spoilt} - out
    for region, kms in three.kms.items():
        kms.fails = unreachable if region in out else None
        three.regional[region].breaker.succeeded()
    blob = bytes(Bundle(bundle.key_set, bundle.kind, bundle.commitment, wraps))

    try:
        if usable:
            assert opened(three, blob)["Plaintext"] == made["Plaintext"]
        else:
            with pytest.raises((ClientError, BotoCoreError)):
                opened(three, blob)
    finally:
        for region, kms in three.kms.items():
            kms.fails = None
            three.regional[region].breaker.succeeded()


@ANY_CONTEXT
@given(data=st.data())
def test_a_mutated_byte_is_refused_or_harmless_and_never_opens_to_another_key(
    world: World, data: st.DataObject
) -> None:
    made = generate(world)
    raw = bytearray(made["CiphertextBlob"])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        read = world.failover.decrypt(CiphertextBlob=bytes(raw), EncryptionContext=CONTEXT)
    except (ClientError, BotoCoreError):
        return

    assert read["Plaintext"] == made["Plaintext"]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch, EAST, WEST, IRELAND) as made:
        yield made


def test_a_region_whose_wrap_opens_to_another_key_is_passed_over(world: World) -> None:
    made = generate(world)
    bundle = Bundle.parse(made["CiphertextBlob"])
    lure = world.kms[EAST].client.encrypt(KeyId=world.arn(EAST), Plaintext=bytes(32), EncryptionContext=CONTEXT)
    mixed = Bundle(
        bundle.key_set, bundle.kind, bundle.commitment, (Wrap(world.arn(EAST), lure["CiphertextBlob"]), bundle.wraps[1])
    )

    read = opened(world, bytes(mixed))

    assert (read["Plaintext"], read["KeyId"]) == (made["Plaintext"], world.arn(WEST))


# The same answers


def test_what_kms_says_beside_the_keys_is_passed_on(world: World) -> None:
    made = generate(world)
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=b"m")
    moved = world.failover.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"], SourceKeyId="orders", DestinationKeyId="orders"
    )

    answers = [made, opened(world, made["CiphertextBlob"]), sealed, moved]

    assert all(answer["ResponseMetadata"]["HTTPStatusCode"] == 200 for answer in answers)
    assert moved["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"


# The end


def test_a_closed_client_says_so_and_nothing_else(world: World) -> None:
    made = generate(world)

    for _ in range(2):
        world.failover.close()

    calls: list[Callable[[], Any]] = [
        lambda: generate(world),
        lambda: opened(world, made["CiphertextBlob"]),
        lambda: world.failover.rewrap(CiphertextBlob=made["CiphertextBlob"]),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_what_is_under_way_ends_well_although_the_client_is_closed(world: World) -> None:
    east = world.kms[EAST]
    first = east.generate_data_key
    east.generate_data_key = lambda **asked: world.failover.close() or first(**asked)  # type: ignore[method-assign,func-returns-value]  # in the middle

    made = generate(world)

    assert made["KmsFailover"]["MissingRegions"] == []


# Connecting


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"min_wraps": 1}},
        {"regions": WEST},
    ],
    ids=repr,
)
def test_what_connect_cannot_use_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        FailoverKms.connect(EAST, None, **wrong)


@pytest.mark.parametrize("wrong", ["one", "dicts", "twice"])
def test_key_sets_that_are_none_are_refused_with_what_would_be(world: World, wrong: str) -> None:
    own = world.key_set
    key_sets: Any = {"one": own, "dicts": [own.model_dump()], "twice": (own, own)}[wrong]

    with FailoverKms.connect(EAST, None, key_sets) as kms:
        code = code_of(kms.generate_data_key, KeyId="orders", KeySpec="AES_256")

    assert code == "ValidationException"


def test_a_member_key_of_two_key_sets_opens_the_bundles_of_both(world: World) -> None:
    world.state.put_key_set(KeySet(name="invoices", members=world.key_set.members))
    world.routes._key_sets._tried_at = float("-inf")
    made = generate(world, KeyId="invoices")

    read = opened(world, made["CiphertextBlob"], KeyId=made["KeyId"])

    assert read["Plaintext"] == made["Plaintext"]


def test_a_file_is_a_blob_as_for_boto3(world: World) -> None:
    made = generate(world)
    file: Any = io.BytesIO(made["CiphertextBlob"])

    assert opened(world, file)["Plaintext"] == made["Plaintext"]


def test_without_a_table_the_configured_key_sets_serve(world: World) -> None:
    connected = FailoverKms.connect(EAST, "prod", (world.key_set,), regions=(WEST,))

    try:
        made = connected.generate_data_key(KeyId="orders", KeySpec="AES_256")
        read = connected.decrypt(CiphertextBlob=made["CiphertextBlob"])
    finally:
        connected.close()

    assert read["Plaintext"] == made["Plaintext"]
    assert made["KmsFailover"]["Regions"] == [EAST, WEST]
    assert connected.meta.region_name == EAST
