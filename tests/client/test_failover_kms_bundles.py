"""The drop-in client: many bundles, and bundles with wraps in any order, lost or spoilt."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.domain.data_keys.bundle import Bundle, Wrap
from tests.client.kms_world import CONTEXT, World, generate, kms_world, opened, unreachable
from tests.domain.strategies import EAST, IRELAND, WEST

ANY_CONTEXT = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


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


# Defects


def segment_not_found() -> Exception:
    return RuntimeError("cannot find the current segment")  # of a tracer's botocore hook, say


@pytest.mark.parametrize("region", [EAST, WEST])
def test_what_is_no_word_of_kms_is_raised_from_whichever_region_it_comes(world: World, region: str) -> None:
    world.kms[region].fails = segment_not_found

    with pytest.raises(RuntimeError, match="cannot find the current segment"):
        generate(world)

    assert not world.regional[region].is_out(world.key_set.member_in(region).arn)  # type: ignore[union-attr]  # it has one


def test_a_rewrap_raises_it_too(world: World) -> None:
    world.kms[WEST].fails = unreachable
    degraded = generate(world)["CiphertextBlob"]
    world.regional[WEST].breaker.succeeded()
    world.kms[WEST].fails = segment_not_found

    with pytest.raises(RuntimeError, match="cannot find the current segment"):
        world.failover.rewrap(CiphertextBlob=degraded, EncryptionContext=CONTEXT)


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
