"""The drop-in client: what a KMS client has beside the operations that fail over (docs/decisions/0020)."""

import copy
import pickle
from threading import Event, Thread
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, OperationNotPageableError, ParamValidationError

from kms_failover.client.failover_kms import FailoverKms, _forget_parents
from kms_failover.domain.key_set import KeySet
from tests.client.kms_world import World, aws_error, generate
from tests.domain.strategies import EAST, WEST

LONG_SECONDS = 10.0  # for what takes none


@pytest.fixture
def kms(world: World) -> Any:
    """As its callers see it, who know a client by its methods alone."""
    return world.failover


def test_it_is_a_client_to_whoever_asks(kms: Any) -> None:
    assert isinstance(kms, BaseClient)


def test_every_operation_of_kms_is_there(world: World, kms: Any) -> None:
    client = world.kms[EAST].client

    there = {name for name in client.meta.method_to_api_mapping if callable(getattr(kms, name))}

    assert there == set(client.meta.method_to_api_mapping)


def test_what_is_not_failed_over_is_done_by_the_local_region(world: World, kms: Any) -> None:
    described = kms.describe_key(KeyId=world.arn(EAST))

    assert described["KeyMetadata"]["Arn"] == world.arn(EAST)
    assert len(kms.generate_random(NumberOfBytes=20)["Plaintext"]) == 20
    assert [key["KeyArn"] for key in kms.list_keys()["Keys"]] == [world.arn(EAST)]
    assert world.kms[EAST].calls == world.kms[WEST].calls == []


@pytest.mark.parametrize("name", ["orders", "alias/orders"])
def test_a_key_sets_name_stands_for_the_local_member_where_kms_takes_an_alias(
    kms: Any, world: World, name: str
) -> None:
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == world.arn(EAST)


def test_another_regions_member_key_is_not_answered_for_by_the_local_one(kms: Any, world: World) -> None:
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=world.arn(WEST))


@pytest.mark.parametrize("operation", ["disable_key", "schedule_key_deletion", "enable_key_rotation"])
def test_a_key_sets_name_changes_no_key(kms: Any, world: World, operation: str) -> None:
    with pytest.raises(ClientError):
        getattr(kms, operation)(KeyId="orders")

    assert kms.describe_key(KeyId="orders")["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.mark.parametrize("name", ["invoices", "alias/invoices"])
def test_a_name_that_is_no_key_sets_is_kms_own(kms: Any, name: str) -> None:
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=name)


def test_a_key_set_without_a_key_here_is_not_looked_for_elsewhere(kms: Any, world: World) -> None:
    (_, west) = world.key_set.members
    world.state.put_key_set(KeySet(name="invoices", members=(west,)))

    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId="invoices")


def test_a_bare_key_id_is_kms_own_and_no_table_is_read_for_it(
    kms: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.state, "key_sets", lambda: pytest.fail("the table was read"))

    assert kms.describe_key(KeyId=world.arn(EAST).rsplit("/", 1)[1])["KeyMetadata"]["Arn"] == world.arn(EAST)


def test_where_no_key_set_can_be_known_a_name_is_kms_own(
    kms: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_table = aws_error("ResourceNotFoundException")()

    def unreadable() -> Any:
        raise no_table

    monkeypatch.setattr(world.state, "key_sets", unreadable)

    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId="orders")


def test_pages_are_turned_as_boto3_turns_them(kms: Any, world: World) -> None:
    world.new_key(EAST)

    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}))

    assert sum(len(page["Keys"]) for page in pages) == 2
    assert kms.can_paginate("list_grants")
    assert not kms.can_paginate("describe_key")
    with pytest.raises(OperationNotPageableError):
        kms.get_paginator("describe_key")


def test_there_are_no_waiters_as_boto3_has_none(kms: Any) -> None:
    assert kms.waiter_names == []
    with pytest.raises(ValueError, match="Waiter does not exist"):
        kms.get_waiter("key_enabled")


def test_parameters_are_checked_as_boto3_checks_them(kms: Any) -> None:
    with pytest.raises(ParamValidationError):
        kms.describe_key(KeyId=5)
    with pytest.raises(TypeError, match="keyword arguments"):
        kms.describe_key("orders")


def test_a_library_may_wrap_every_method_in_place(kms: Any, world: World) -> None:
    seen: list[str] = []

    def wrapped(name: str, method: Any) -> Any:
        def call(*args: Any, **request: Any) -> Any:
            seen.append(name)
            return method(*args, **request)

        return call

    for name in kms.meta.method_to_api_mapping:
        setattr(kms, name, wrapped(name, getattr(kms, name)))
    made = generate(world)
    kms.describe_key(KeyId="orders")

    assert made["KmsFailover"]["MissingRegions"] == []
    assert seen == ["generate_data_key", "describe_key"]


def test_what_no_client_has_it_has_not_either(kms: Any) -> None:
    assert not hasattr(kms, "no_such_operation")
    assert not hasattr(kms, "__no_such_protocol__")
    with pytest.raises(AttributeError, match="no_such_operation"):
        _ = kms.no_such_operation


def test_it_is_compared_and_shown_as_an_object_and_shows_nothing(kms: Any) -> None:
    assert kms == kms  # noqa: PLR0124  # its own __eq__ is under test
    assert len({kms, kms}) == 1
    assert repr(kms).startswith("<kms_failover.client.failover_kms.FailoverKms object at ")


@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy])
def test_it_cannot_be_pickled_as_boto3s_cannot(kms: Any, way: Any) -> None:
    with pytest.raises((TypeError, AttributeError), match=r"cannot pickle|local object"):  # what it holds first
        way(kms)


def test_a_shallow_copy_too_has_a_connection_of_its_own_in_a_forked_child(world: World) -> None:
    with FailoverKms.connect(EAST, None, (world.key_set,)) as connected:
        copied = copy.copy(connected)

        _forget_parents()  # as a fork does
        answer = copied.generate_data_key(KeyId="orders", KeySpec="AES_256")

        assert answer["KmsFailover"]["Regions"] == [EAST, WEST]
        assert copied._connection is not connected._connection
        copied.close()


def test_one_that_is_only_half_made_says_so_and_does_not_recurse() -> None:
    half_made: Any = FailoverKms.__new__(FailoverKms)

    with pytest.raises(AttributeError, match="describe_key"):
        _ = half_made.describe_key


def test_a_closed_client_hands_on_nothing(kms: Any) -> None:
    described = kms.describe_key
    kms.close()

    for call in (described, kms.describe_key):
        with pytest.raises(RuntimeError, match="closed"):
            call(KeyId="orders")


def test_the_client_that_hands_on_has_boto3s_own_patience(world: World) -> None:
    with FailoverKms.connect(EAST, None, (world.key_set,)) as connected:
        plain, stock = connected._connection.plain.meta, world.kms[EAST].client.meta
        config, stock_config = vars(plain.config), vars(stock.config)

        others = {name for name in config if config[name] != stock_config[name]}
        assert others == {"user_agent_extra", "user_agent", "_user_provided_options"}
        assert config["user_agent_extra"].startswith("kms-failover/")
        assert plain.endpoint_url == connected.meta.endpoint_url
        assert set(dir(world.kms[EAST].client)) <= set(dir(connected))


def test_a_forked_child_hands_on_by_a_connection_of_its_own(world: World) -> None:
    with FailoverKms.connect(EAST, None, (world.key_set,)) as connected:
        client: Any = connected
        parents = connected._connection
        connected._forget_parent()  # as a fork does

        described = client.describe_key(KeyId="orders")

        assert described["KeyMetadata"]["Arn"] == world.arn(EAST)
        assert connected._connection is not parents
        assert parents.kms._plain == {}


def test_a_forked_child_adds_to_the_user_agent_of_its_own_client(world: World) -> None:
    with FailoverKms.connect(EAST, None, (world.key_set,)) as connected:
        connected._forget_parent()  # as a fork does

        connected.generate_random(NumberOfBytes=20)

        assert connected.meta is connected._connection.client.meta


def test_a_forked_child_that_is_closed_first_takes_no_lock_of_its_parents(world: World) -> None:
    connected = FailoverKms.connect(EAST, None, (world.key_set,))
    parents = connected._connection
    ended = Event()

    def close_in_child() -> None:
        connected._forget_parent()  # as a fork does
        connected.close()
        ended.set()

    with parents._lock:  # of another thread of the parent, which the child has not
        Thread(target=close_in_child, daemon=True).start()
        closed = ended.wait(LONG_SECONDS)
    parents.close()

    assert closed
