"""Material is imported when it must be, proved when it was, and never shown."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.ports import PlainMaterial
from kms_failover.domain.key_material.reimport_request import ReimportRequest
from kms_failover.domain.key_material.round import POLLS
from kms_failover.errors import (
    ImportRefusedError,
    IntentRefusedError,
    KeyNotReadyError,
    MaterialMissingError,
    SentinelError,
    UnknownKeySetError,
)
from tests.domain.key_material.reimport_world import HERE, NOW, SECRET_BYTES, World, arn, key_set

FORCE = ReimportRequest(key_set="orders", force=True)


class CrashError(Exception):
    pass


def test_a_key_that_never_had_material_gets_it_as_new_and_a_sentinel() -> None:
    world = World()

    (result,) = world.run()

    record = world.ledger.records["orders"]
    assert (result.action, result.error) == (Action.RESTORE, None)
    assert world.keys.imports == [(arn("orders"), True)]
    assert (record.key_material_id, record.imported_at) == (result.key_material_id, NOW)
    assert record.valid_to == result.valid_to == NOW + timedelta(days=180)
    assert record.sentinel


def test_the_expiry_is_a_whole_second_as_kms_shows_it() -> None:
    world = World()
    world.now = NOW.replace(microsecond=123_456)

    (result,) = world.run()

    assert result.valid_to == NOW + timedelta(days=180)


def test_lost_material_comes_back_as_the_existing_one_and_opens_the_old_sentinel() -> None:
    world = World()
    world.run()
    sentinel = world.ledger.records["orders"].sentinel
    world.expire()

    (result,) = world.run()

    assert result.action is Action.RESTORE
    assert world.keys.imports[-1] == (arn("orders"), False)
    assert world.ledger.records["orders"].sentinel == sentinel


def test_it_is_renewed_before_it_expires_and_not_long_before() -> None:
    world = World()
    world.run()
    world.later(149)
    (early,) = world.run()
    world.later(1)

    (due,) = world.run()

    assert (early.action, due.action) == (Action.NOTHING, Action.RENEW)
    assert due.valid_to == world.now + timedelta(days=180)


@given(st.lists(st.one_of(st.floats(0, 40), st.just("expire")), max_size=8))
def test_a_second_run_at_the_same_moment_changes_nothing(history: list[float | str]) -> None:
    world = World()
    world.run()
    for step in history:
        if isinstance(step, float):
            world.later(step)
        else:
            world.expire()
        world.run()
        before = list(world.keys.imports), world.ledger.records["orders"]

        (result,) = world.run()

        assert result.action is Action.NOTHING
        assert world.keys.imports == before[0]
        assert world.ledger.records["orders"] == before[1].but(reason=result.reason)


def test_a_run_that_died_after_the_import_is_caught_up_with() -> None:
    world = World()

    def crash() -> None:
        raise CrashError

    world.keys.after_import = crash
    (died,) = world.run()
    world.keys.after_import = lambda: None

    (result,) = world.run()

    assert isinstance(died.error, CrashError)
    assert result.action is Action.NOTHING
    assert world.ledger.records["orders"].sentinel
    assert len(world.keys.imports) == 1


def test_an_operators_force_renews_what_is_valid_long_enough() -> None:
    world = World()
    world.run()
    world.later(1)

    (result,) = world.run(FORCE)

    assert (result.action, result.reason) == (Action.RENEW, "asked for")
    assert result.valid_to == world.now + timedelta(days=180)


@pytest.mark.parametrize("state", ["PendingDeletion", "Creating", "PendingReplicaDeletion"])
def test_force_does_not_import_where_kms_would_refuse(state: str) -> None:
    world = World()
    world.keys.keys[arn("orders")].state = state

    (result,) = world.run(FORCE)

    assert (result.action, type(result.error)) == (Action.NOTHING, IntentRefusedError)
    assert world.keys.imports == []


def test_an_order_renews_a_disabled_key_and_leaves_it_unproved() -> None:
    world = World()
    world.run()
    world.keys.keys[arn("orders")].state = "Disabled"
    world.later(151)

    (result,) = world.run(FORCE)

    assert (result.action, result.error) == (Action.RENEW, None)


def test_the_wait_for_the_key_is_bounded() -> None:
    world = World()
    world.keys.keys[arn("orders")].settles_after = 10**6

    (result,) = world.run()

    assert isinstance(result.error, KeyNotReadyError)
    assert len(world.slept) == POLLS - 1


def test_a_key_that_takes_a_moment_is_waited_for() -> None:
    world = World()
    world.keys.keys[arn("orders")].settles_after = 3

    (result,) = world.run()

    assert result.error is None
    assert len(world.slept) == 3


def test_a_sentinel_that_does_not_open_pages_a_human_and_is_not_replaced() -> None:
    world = World()
    world.run()
    spoilt = world.ledger.records["orders"].but(sentinel="c3BvaWx0")
    world.ledger.records["orders"] = spoilt
    world.expire()

    (result,) = world.run()

    assert isinstance(result.error, SentinelError)
    assert world.ledger.records["orders"].sentinel == spoilt.sentinel


def test_other_bytes_are_refused_once_and_not_tried_again() -> None:
    world = World()
    world.run()
    world.custody.held["material-of-orders"] = b"other bytes, of the same length."
    world.expire()

    (result,) = world.run()

    assert isinstance(result.error, ImportRefusedError)
    assert len(world.keys.imports) == 1


def test_one_failing_key_set_does_not_stop_the_others_and_is_named() -> None:
    world = World(key_set("broken"), key_set("orders"))
    del world.custody.held["material-of-broken"]

    broken, orders = world.run()

    assert isinstance(broken.error, MaterialMissingError)
    assert "'broken'" in broken.reason
    assert HERE in broken.reason
    assert (orders.action, orders.error) == (Action.RESTORE, None)


@pytest.mark.parametrize("member", [key_set(origin="AWS_KMS"), key_set(region="us-east-1")])
def test_keys_of_kms_own_material_and_of_other_regions_are_left_alone(member: object) -> None:
    world = World()
    world.key_sets = (member,)  # type: ignore[assignment]  # a parametrised key set

    assert world.run() == []


@pytest.mark.parametrize("key_id", [arn("orders"), "of-orders"])
def test_what_an_event_says_of_one_key_has_all_looked_at(key_id: str) -> None:
    """An event may be one of many, and the one run is to mend all that is lost."""
    world = World(key_set("orders"), key_set("invoices"))

    results = world.run(ReimportRequest(key_id=key_id))

    assert {result.key_set for result in results} == {"orders", "invoices"}


def test_an_order_is_about_its_key_set_alone() -> None:
    world = World(key_set("orders"), key_set("invoices"))

    results = world.run(FORCE)

    assert [result.key_set for result in results] == ["orders"]


@pytest.mark.parametrize("key_id", [arn("strangers"), "of-strangers", arn("orders", "us-east-1")])
def test_somebody_elses_key_is_nobodys_business(key_id: str) -> None:
    assert World().run(ReimportRequest(key_id=key_id)) == []


def test_an_unknown_key_set_is_an_error() -> None:
    with pytest.raises(UnknownKeySetError):
        World().run(ReimportRequest(key_set="nobodys"))


def test_the_sentinel_of_a_replaced_member_key_is_not_used() -> None:
    world = World()
    world.run()
    old = world.ledger.records["orders"].but(key_arn=arn("older"), sentinel="b2xk")
    world.ledger.records["orders"] = old

    (result,) = world.run()

    assert result.error is None
    assert world.ledger.records["orders"].key_arn == arn("orders")
    assert world.ledger.records["orders"].sentinel != "b2xk"


def test_material_never_shows_in_a_repr() -> None:
    world = World()
    world.custody.held["material-of-orders"] = SECRET_BYTES
    (result,) = world.run()

    shown = repr(PlainMaterial(SECRET_BYTES)) + repr(result) + repr(world.ledger.records["orders"])

    assert SECRET_BYTES.decode() not in shown
    assert SECRET_BYTES.hex() not in shown
