"""One runner at a time: who finds another one knocks, and an order waits."""

from dataclasses import replace
from threading import Event, Thread

import pytest

from kms_failover.domain.key_material.material import Concern, KeyView
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.reimport import MAX_ROUNDS, ORDER_POLL_SECONDS
from kms_failover.domain.key_material.reimport_request import EVERY_KEY, ReimportRequest
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.key_material.round import ENOUGH_SECONDS, ReimportRound
from kms_failover.errors import IntentRefusedError
from tests.domain.key_material.reimport_world import LAMBDA_SECONDS, WorldLease, world_of


def test_who_finds_another_runner_knocks_and_touches_nothing() -> None:
    world = world_of("orders")
    world.lease.held_by_another = True

    assert world.run() == []

    assert world.keys.looked == []
    assert world.lease.knocked == 1


def test_a_runner_looks_at_all_keys_once_more_when_somebody_knocked() -> None:
    world = world_of("orders")
    world.lease.knocks_to_come = 1

    (result,) = world.run()

    assert len(world.keys.looked) == 2
    assert result.action is Action.RESTORE
    assert not world.lease.held


def test_knocks_without_end_do_not_keep_a_runner() -> None:
    world = world_of("orders")
    world.lease.knocks_to_come = 1000

    world.run()

    assert len(world.keys.looked) == MAX_ROUNDS
    assert not world.lease.held
    assert world.continued == [1]


def test_a_run_that_fails_gives_the_lease_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of("orders")

    def fails(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(ReimportRound, "run", fails)

    with pytest.raises(RuntimeError):
        world.run()

    assert not world.lease.held


ORDER = ReimportRequest(key_set="orders", force=True)


class OneLease(WorldLease):
    """Of several runners in several threads. Who waits for it waits until it is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_waited_for, self.is_back = Event(), Event()

    def acquire(self, seconds: float) -> bool:
        return not self.held and super().acquire(seconds)

    def release(self) -> bool:
        released = super().release()
        self.is_back.set()
        return released

    def wait(self, _seconds: float) -> None:
        self.is_waited_for.set()
        assert self.is_back.wait(30)


def test_an_order_that_comes_while_a_run_looks_follows_it_and_its_record_stands() -> None:
    """The run had read the record before; it wrote that the material was deleted over what the order had restored."""
    world = world_of("orders")
    world.run()
    world.keys.lose("orders")  # long before its time: what people did is not undone
    lease, results = OneLease(), list[Reimport]()
    service = replace(world.service, lease=lease)

    def order() -> None:
        results.extend(replace(service, sleep=lease.wait).run(ORDER, lambda: 10_000.0).results)

    operator, view = Thread(target=order), world.keys.view

    def view_while_an_order_comes(arn: str) -> KeyView:
        shown = view(arn)
        if operator.ident is None:
            operator.start()
            assert lease.is_waited_for.wait(30)
        return shown

    world.keys.view = view_while_an_order_comes  # type: ignore[method-assign]  # in the middle of a run

    (found,) = service.run(EVERY_KEY, lambda: LAMBDA_SECONDS).results
    operator.join(30)

    (ordered,) = results
    assert (found.concern, ordered.action) == (Concern.DELETED, Action.RESTORE)
    record = world.ledger.records["orders"]
    assert (record.state, record.concern, record.imported_at) == ("Enabled", "", world.now)


def test_an_order_that_waits_in_vain_touches_nothing_and_says_so_in_time() -> None:
    world = world_of("orders")
    world.lease.held_by_another = True

    with pytest.raises(IntentRefusedError, match=r"another run .* has not ended in 40 s.* give it again"):
        world.run(ORDER)

    assert world.keys.looked == []
    assert (world.lease.held, world.lease.knocked) == (False, 0)
    assert world.passed <= LAMBDA_SECONDS - ENOUGH_SECONDS


def test_who_knocks_while_an_order_is_carried_out_has_a_run_over_all_keys_begin() -> None:
    world = world_of("orders", "invoices")
    world.lease.knocks_to_come = 1

    (result,) = world.run(ORDER)

    assert (result.key_set, result.action) == ("orders", Action.RESTORE)
    assert world.continued == [1]
    assert not world.lease.held


def test_runs_that_follow_each_other_let_a_waiting_order_in_between() -> None:
    world = world_of("orders")

    world.run(ReimportRequest(continued=1))

    assert world.slept[0] >= 2 * ORDER_POLL_SECONDS
