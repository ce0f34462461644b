"""The drop-in client: whose key an answer names. Libraries compare it with the key that they named."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pytest

from kms_failover.domain.data_keys.settings import CacheLimits, ReservoirLimits, Settings
from tests.client.kms_world import CONTEXT, FOREVER, World, generate, kms_world, opened, unreachable
from tests.domain.strategies import EAST, WEST

HOUR = CacheLimits(max_age_seconds=3600)

Operation: TypeAlias = Callable[[World, str], dict[str, Any]]


def _re_encrypt(world: World, key_id: str) -> dict[str, Any]:
    blob = generate(world)["CiphertextBlob"]
    return world.failover.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, SourceKeyId=key_id, DestinationKeyId=key_id
    )


def _decrypt(world: World, key_id: str) -> dict[str, Any]:
    return opened(world, generate(world)["CiphertextBlob"], KeyId=key_id)


def _decrypt_plain(world: World, key_id: str) -> dict[str, Any]:
    """What the stock client wrote in the region that answers."""
    region = next(region for region, kms in world.kms.items() if kms.fails is None)
    made = world.kms[region].client.generate_data_key(
        KeyId=world.arn(region), KeySpec="AES_256", EncryptionContext=CONTEXT
    )
    return opened(world, made["CiphertextBlob"], KeyId=key_id)


OPERATIONS: dict[str, Operation] = {
    "generate": lambda world, key_id: generate(world, KeyId=key_id),
    "generate without plaintext": lambda world, key_id: world.failover.generate_data_key_without_plaintext(
        KeyId=key_id, KeySpec="AES_256"
    ),
    "encrypt": lambda world, key_id: world.failover.encrypt(KeyId=key_id, Plaintext=b"message"),
    "decrypt": _decrypt,
    "decrypt a plain blob": _decrypt_plain,
    "re-encrypt": _re_encrypt,
}


@contextmanager
def with_settings(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[World]:
    with kms_world(monkeypatch, settings=Settings(deadline_seconds=FOREVER, **settings)) as made:
        yield made


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize(("named", "lost"), [(WEST, None), (EAST, EAST), (WEST, WEST)])
def test_whoever_names_an_arn_is_answered_with_that_arn(
    world: World, operation: Operation, named: str, lost: str | None
) -> None:
    if lost is not None:
        world.kms[lost].fails = unreachable

    answer = operation(world, world.arn(named))

    assert answer["KeyId"] == world.arn(named)
    assert answer.get("SourceKeyId", world.arn(named)) == world.arn(named)
    assert answer["KmsFailover"]["AnsweredBy"] != lost


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_whoever_names_a_key_set_is_answered_with_the_key_that_did_it(world: World, operation: Operation) -> None:
    world.kms[EAST].fails = unreachable

    answer = operation(world, "orders")

    assert answer["KeyId"] == answer.get("SourceKeyId", answer["KeyId"]) == world.arn(WEST)


def test_a_cached_key_is_answered_under_the_arn_that_each_caller_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with with_settings(monkeypatch, cache=HOUR) as world:
        names = [world.arn(WEST), "orders", world.arn(EAST)]

        made = [generate(world, KeyId=name) for name in names]
        read = [opened(world, made[0]["CiphertextBlob"], KeyId=name) for name in names]

        assert len({one["Plaintext"] for one in made + read}) == 1
        assert [one["KeyId"] for one in made] == [world.arn(WEST), world.arn(EAST), world.arn(EAST)]
        assert [one["KeyId"] for one in read] == [world.arn(WEST), world.arn(EAST), world.arn(EAST)]


def test_a_key_made_ahead_is_answered_under_the_arn_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with with_settings(monkeypatch, reservoir=ReservoirLimits(keys=4)) as world:
        made = [generate(world, KeyId=world.arn(WEST)) for _ in range(8)]

        assert {one["KeyId"] for one in made} == {world.arn(WEST)}


def test_a_key_material_id_is_never_said_of_another_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    east = world.kms[EAST]
    first = east.generate_data_key
    monkeypatch.setattr(east, "generate_data_key", lambda **asked: first(**asked) | {"KeyMaterialId": "of-east"})

    own, others = generate(world, KeyId=world.arn(EAST)), generate(world, KeyId=world.arn(WEST))

    assert own["KeyMaterialId"] == "of-east"
    assert "KeyMaterialId" not in others
