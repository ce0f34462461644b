"""A member key in an account that nobody has allowed: never called, never silently covered (docs/decisions/0021)."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.state_table.key_sets import MAX_KEY_SETS
from kms_failover.client.account_filter import MOST_TOLD, AccountFilter
from kms_failover.client.failover_kms import FailoverKms
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.errors import ConfigurationError
from tests.adapters.tables import create_state_table
from tests.client.kms_world import CONTEXT, MOTOS_ACCOUNT, World, code_of, generate, kms_world, opened
from tests.domain.strategies import EAST, IRELAND, WEST, key_set, member

STRANGER = "999999999999"
FOREIGN = MemberKey(region=IRELAND, arn=f"arn:aws:kms:{IRELAND}:{STRANGER}:key/of-a-stranger")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Its key set's third member has been replaced by a stranger's key."""
    with kms_world(monkeypatch, EAST, WEST, IRELAND) as made:
        yield made


def with_foreign(world: World, at: int) -> KeySet:
    ours = list(world.key_set.members[:2])
    ours.insert(at, FOREIGN)
    return KeySet(name="orders", members=tuple(ours))


def _re_encrypted(world: World) -> dict[str, Any]:
    blob = generate(world)["CiphertextBlob"]
    return world.failover.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, SourceKeyId="orders", DestinationKeyId="orders"
    )


def _rewrapped(world: World) -> dict[str, Any]:
    return world.failover.rewrap(CiphertextBlob=generate(world)["CiphertextBlob"], EncryptionContext=CONTEXT)


OPERATIONS: dict[str, Callable[[World], dict[str, Any]]] = {
    "generate": generate,
    "encrypt": lambda world: world.failover.encrypt(KeyId="orders", Plaintext=b"m"),
    "decrypt": lambda world: opened(world, generate(world)["CiphertextBlob"]),
    "re-encrypt": _re_encrypted,
    "rewrap": _rewrapped,
}


@pytest.mark.parametrize("at", [0, 2], ids=["preferred", "last"])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_it_is_never_called_and_its_region_is_missing(
    world: World, operation: Callable[[World], dict[str, Any]], at: int
) -> None:
    world.state.put_key_set(with_foreign(world, at))

    facts = operation(world)["KmsFailover"]

    assert world.kms[IRELAND].calls == []
    assert sorted(facts["Regions"]) == [EAST, WEST]
    assert facts["MissingRegions"] == [IRELAND]
    assert facts["Degraded"]


def test_it_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.state.put_key_set(with_foreign(world, 0))

    for _ in range(3):
        world.routes._key_sets._tried_at = float("-inf")
        generate(world)

    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert FOREIGN.arn in said[0]
    assert "Settings(accounts=...)" in said[0]


def test_what_is_remembered_as_logged_is_bounded_and_no_less_than_a_deployment_can_hold(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A table's writer may name another key at each reading."""
    permitted = AccountFilter(frozenset)
    of_one_reading = [key_set(name=f"set-{number}").but(members=members(number)) for number in (0, 1)]
    for number in range(MOST_TOLD):
        permitted([key_set(EAST).but(members=(member(EAST, f"{number}"),))])
    caplog.clear()

    for _ in range(2):
        permitted(of_one_reading)

    assert len(permitted._told) == MOST_TOLD == MAX_KEY_SETS * 8
    assert len(caplog.records) == 4


def members(number: int) -> tuple[MemberKey, ...]:
    return member(EAST, f"east-{number}"), member(WEST, f"west-{number}")


@pytest.mark.parametrize("name", ["orders", "alias/orders", FOREIGN.arn])
def test_a_key_set_of_which_nothing_is_left_is_refused_with_the_reason(world: World, name: str) -> None:
    world.state.put_key_set(KeySet(name="orders", members=(FOREIGN,)))

    with pytest.raises(world.failover.exceptions.from_code("ValidationException"), match="account that is not allowed"):
        generate(world, KeyId=name)

    assert all(kms.calls == [] for kms in world.kms.values())


def test_the_stranger_alone_is_refused_where_his_key_is_named(world: World) -> None:
    world.state.put_key_set(with_foreign(world, 0))

    assert code_of(generate, world=world, KeyId=FOREIGN.arn) == "NotFoundException"


# Whose account is allowed


class Deployed:
    """Deployed as prod in moto, whose account is also that of the caller's credentials."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.own = KeySet(name="orders", members=world.key_set.members[:2])
        StateTable(create_state_table(EAST), EAST).put_key_set(with_foreign(world, 0))

    def missing(self, *key_sets: KeySet, **settings: Any) -> list[str]:
        chosen = Settings(wrap_deadline_seconds=30, **settings)
        with FailoverKms.connect(EAST, "prod", key_sets, settings=chosen) as kms:
            made = kms.generate_data_key(KeyId="orders", KeySpec="AES_256")
        missing: list[str] = made["KmsFailover"]["MissingRegions"]
        return missing


@pytest.fixture
def prod(world: World) -> Deployed:
    return Deployed(world)


def no_sts(monkeypatch: pytest.MonkeyPatch) -> None:
    def unanswered(_client: Any, operation: str, _parameters: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=f"https://sts {operation}")

    made = boto3.client

    def client(service: Any, **options: Any) -> Any:
        one = made(service, **options)
        if service == "sts":
            monkeypatch.setattr(one, "_make_api_call", lambda *call: unanswered(one, *call))
        return one

    monkeypatch.setattr("kms_failover.client.own_account.boto3.client", client)


def test_where_nobody_says_anything_it_is_the_callers_own(prod: Deployed) -> None:
    assert prod.missing() == [IRELAND]


def test_key_sets_that_are_given_are_the_callers_own_word_and_sts_is_not_asked(
    prod: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_sts(monkeypatch)

    assert prod.missing(prod.own) == [IRELAND]


def test_named_accounts_are_all_there_are(prod: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    no_sts(monkeypatch)

    assert prod.missing(with_foreign(prod.world, 0), accounts=(MOTOS_ACCOUNT,)) == [IRELAND]


def test_where_the_own_account_cannot_be_known_no_key_is_called_and_the_error_says_what_to_set(
    prod: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_sts(monkeypatch)

    with FailoverKms.connect(EAST, "prod") as kms:
        refused = kms.exceptions.from_code("DependencyTimeoutException")
        with pytest.raises(refused, match=r"Settings\(accounts="):
            kms.generate_data_key(KeyId="orders", KeySpec="AES_256")


@pytest.mark.parametrize("wrong", ["111122223333", ("1111",), (111122223333,), ("11112222333x",), None])
def test_accounts_are_twelve_digits_each(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="accounts"):
        Settings(accounts=wrong)
