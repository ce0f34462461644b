"""KMS as rewrapping sees it: locally, anywhere, and never with a guess."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from kms_failover.client.rewrap_keys import RewrapKeys
from kms_failover.domain.data_keys.bundle import Bundle, Wrap
from kms_failover.errors import (
    BundleError,
    ConfigurationError,
    RegionUnavailableError,
    WrapRefusedError,
    WrapUnavailableError,
)
from tests.client.kms_world import CONTEXT, World, aws_error, kms_world, unreachable
from tests.domain.strategies import EAST, IRELAND, WEST, key_set

KEY = bytes(range(32))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch, here=WEST) as made:
        yield made


@pytest.fixture
def keys(world: World) -> RewrapKeys:
    return RewrapKeys(world.bundler, world.key_set, world.route)


def blob_under(world: World, region: str) -> bytes:
    made = world.kms[region].client.encrypt(KeyId=world.arn(region), Plaintext=KEY, EncryptionContext=CONTEXT)
    return made["CiphertextBlob"]


def bundle(world: World) -> bytes:
    made = world.bundler.make(world.key_set, world.route, {"KeySpec": "AES_256"}, CONTEXT)
    return bytes(made.bundle)


def test_the_local_key_opens_its_own_and_says_none_of_another_regions(world: World, keys: RewrapKeys) -> None:
    assert keys.open_locally(blob_under(world, WEST), CONTEXT) == KEY
    assert keys.open_locally(blob_under(world, EAST), CONTEXT) is None
    assert world.kms[EAST].calls == []


def test_a_bundle_without_a_local_wrap_is_none_locally_and_opens_elsewhere(world: World, keys: RewrapKeys) -> None:
    world.kms[WEST].fails = unreachable
    blob = bundle(world)
    world.kms[WEST].fails = None

    assert keys.open_locally(blob, CONTEXT) is None
    assert len(keys.open_anywhere(blob, CONTEXT)) == 32


def test_a_bundle_with_a_local_wrap_opens_with_it_alone(world: World, keys: RewrapKeys) -> None:
    blob = bundle(world)
    world.kms[EAST].fails = unreachable

    assert keys.open_locally(blob, CONTEXT) is not None


def test_anywhere_tries_the_nearest_first_and_then_the_others(world: World, keys: RewrapKeys) -> None:
    assert keys.open_anywhere(blob_under(world, EAST), CONTEXT) == KEY
    assert world.kms[WEST].operations == ["decrypt"]


def test_a_blob_of_an_unreachable_region_is_unavailable_and_not_refused(world: World, keys: RewrapKeys) -> None:
    blob = blob_under(world, EAST)
    world.kms[EAST].fails = unreachable

    with pytest.raises(RegionUnavailableError):
        keys.open_anywhere(blob, CONTEXT)


def test_a_blob_that_every_key_refuses_is_refused(world: World, keys: RewrapKeys) -> None:
    with pytest.raises(
        WrapRefusedError, match=f"IncorrectKeyException in {WEST}, InvalidCiphertextException in {EAST}"
    ):
        keys.open_anywhere(blob_under(world, EAST), {"order": "43"})


@pytest.mark.parametrize("lost", [unreachable, aws_error("DisabledException")])
def test_what_one_key_refuses_and_another_cannot_be_asked_for_waits(
    world: World, keys: RewrapKeys, lost: Callable[[], Exception]
) -> None:
    blob = blob_under(world, EAST)
    world.kms[EAST].fails = lost

    with pytest.raises(WrapUnavailableError) as raised:
        keys.open_anywhere(blob, {"order": "43"})

    assert raised.value.regions == (EAST,)


def test_a_bundle_that_every_key_refuses_is_refused(world: World, keys: RewrapKeys) -> None:
    world.kms[WEST].fails = unreachable
    blob = bundle(world)
    world.kms[WEST].fails = None

    for attempt in (keys.open_anywhere, keys.complete):
        with pytest.raises(WrapRefusedError, match=EAST):
            attempt(blob, {"order": "43"})


def test_a_bundle_that_every_key_refuses_is_refused_with_a_local_wrap_too(world: World, keys: RewrapKeys) -> None:
    with pytest.raises(WrapRefusedError, match=f"{WEST}.*{EAST}"):
        keys.open_locally(bundle(world), {"order": "43"})


def test_a_bundle_whose_local_wrap_alone_is_spoilt_says_so(world: World, keys: RewrapKeys) -> None:
    sound = Bundle.parse(bundle(world))
    wraps = tuple(Wrap(w.key_arn, b"spoilt" if w.region == WEST else w.blob) for w in sound.wraps)

    with pytest.raises(BundleError, match=f"its wrap for {WEST} opens with no key"):
        keys.open_locally(bytes(replace(sound, wraps=wraps)), CONTEXT)


@pytest.mark.parametrize("denied", [(EAST,), (WEST, EAST)])
def test_a_right_that_is_lacking_is_no_refusal_of_the_object(
    world: World, keys: RewrapKeys, denied: tuple[str, ...]
) -> None:
    blob = blob_under(world, EAST)
    for region in denied:
        world.kms[region].fails = aws_error("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        keys.open_anywhere(blob, CONTEXT)


def test_a_right_that_is_lacking_is_no_fault_of_a_bundle(world: World, keys: RewrapKeys) -> None:
    blob = bundle(world)
    world.kms[WEST].fails = aws_error("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        keys.open_locally(blob, CONTEXT)


def test_a_throttle_is_neither_none_nor_another_regions_business(
    world: World, keys: RewrapKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kms_failover.client.bundler.THROTTLE_BASE_SECONDS", 0.0)
    blob = blob_under(world, EAST)
    world.kms[WEST].fails = aws_error("ThrottlingException")

    for attempt in (keys.open_locally, keys.open_anywhere):
        with pytest.raises(ClientError, match="Throttling"):
            attempt(blob, CONTEXT)


def test_a_local_wrap_opens_with_the_local_key(world: World, keys: RewrapKeys) -> None:
    blob = keys.wrap_locally(KEY, CONTEXT)

    assert keys.open_locally(blob, CONTEXT) == KEY


def test_completing_names_who_still_cannot_open_it(world: World, keys: RewrapKeys) -> None:
    world.kms[EAST].fails = unreachable
    blob = bundle(world)

    still_missing = keys.complete(blob, CONTEXT)
    world.kms[EAST].fails = None
    world.regional[EAST].breaker.succeeded()
    full, missing = keys.complete(blob, CONTEXT)

    assert still_missing == (blob, (EAST,))
    assert missing == ()
    assert len(full) > len(blob)


def test_a_region_without_a_member_key_cannot_rewrap(world: World) -> None:
    with pytest.raises(ConfigurationError, match="no member key in us-west-2"):
        RewrapKeys(world.bundler, key_set(EAST, IRELAND), world.route)


@pytest.mark.parametrize("lost", [unreachable, aws_error("KMSInvalidStateException"), aws_error("DisabledException")])
def test_a_bundle_that_opens_only_where_kms_is_lost_waits_for_it(
    world: World, keys: RewrapKeys, lost: Callable[[], Exception]
) -> None:
    world.kms[WEST].fails = unreachable
    bundle = bytes(world.bundler.make(world.key_set, world.route, {"KeySpec": "AES_256"}, CONTEXT).bundle)
    world.kms[WEST].fails = None
    world.kms[EAST].fails = lost

    for attempt in (keys.open_anywhere, keys.complete):
        with pytest.raises(RegionUnavailableError):
            attempt(bundle, CONTEXT)


@pytest.mark.parametrize("code", ["KMSInvalidStateException", "DisabledException"])
def test_a_local_key_that_cannot_be_used_is_waited_for(world: World, keys: RewrapKeys, code: str) -> None:
    world.kms[WEST].fails = aws_error(code)

    with pytest.raises(RegionUnavailableError, match=code):
        keys.open_locally(blob_under(world, EAST), CONTEXT)
