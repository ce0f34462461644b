"""The runbook's commands: what each writes, what is refused and why, and what the answer shows."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode, in_force
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.route import first_route
from kms_failover.domain.runbook.commands import (
    CHANGES_INTENT,
    LONGEST_EXPIRY_MINUTES,
    ActionName,
    Command,
    Runbook,
)
from kms_failover.errors import (
    IntentRefusedError,
    NotBegunError,
    UnknownKeySetError,
    WriteConflictError,
)
from tests.domain.memory_state import MemoryState
from tests.domain.runbook.runbook_world import ORDERS, World, owe
from tests.domain.strategies import EAST, NOON, WEST, health, judgement


def test_a_failover_forces_the_region_with_its_evidence_and_wakes_the_controller() -> None:
    world = World()
    world.judge(health(WEST))

    answer = world.do(ActionName.FAILOVER, Region=WEST)

    assert (world.intent.mode, world.intent.region) == (Mode.FORCE, WEST)
    assert (world.intent.author, world.intent.reason, world.intent.at) == ("ana", "drill", NOON)
    assert world.intent.written_in == WEST
    assert answer["Intent"]["region"] == WEST
    assert world.wakes == 1


def test_hold_and_release_are_each_others_opposite() -> None:
    world = World()

    world.do(ActionName.HOLD)
    held = world.intent.mode
    world.do(ActionName.RELEASE)

    assert held is Mode.HOLD
    assert world.intent.mode is Mode.AUTOMATIC
    assert not world.intent.failback


def test_each_command_outdates_every_earlier_one_also_another_regions() -> None:
    world = World()
    there = MemoryState(EAST, ORDERS)
    ahead = int((NOON + timedelta(minutes=1)).timestamp() * 1000)  # by a clock that is fast
    there.put_intent("orders", Intent(mode=Mode.HOLD, epoch=ahead, written_in=EAST))
    world.state._intents |= there._intents  # the global table brings it over

    world.do(ActionName.RELEASE)

    assert (world.intent.epoch, world.intent.mode) == (ahead + 1, Mode.AUTOMATIC)


def test_a_later_command_outdates_one_that_has_not_arrived_here_yet() -> None:
    east, west = World(), World()
    for _ in range(5):
        east.do(ActionName.HOLD)
    later = Runbook(west.state, west, west.wake, lambda: NOON + timedelta(minutes=5))
    later.execute(Command(Action=ActionName.RELEASE, KeySet="orders", Reason="r", Author="bob"))

    both = [*east.state.intents("orders"), *west.state.intents("orders")]

    assert in_force(both, NOON).author == "bob"


@pytest.mark.parametrize("action", sorted(CHANGES_INTENT))
@pytest.mark.parametrize("missing", ["Reason", "Author"])
def test_nothing_changes_without_a_reason_and_an_author(action: ActionName, missing: str) -> None:
    world = World()

    with pytest.raises(IntentRefusedError, match="needs Reason and Author"):
        world.do(action, Region=WEST, **{missing: ""})

    assert world.state.intents("orders") == ()
    assert world.wakes == 0


@pytest.mark.parametrize("region", [None, "", "eu-west-1", "US-EAST-1"])
def test_a_failover_to_nowhere_names_the_regions_there_are(region: str | None) -> None:
    with pytest.raises(IntentRefusedError, match="one of us-east-1, us-west-2"):
        World().do(ActionName.FAILOVER, Region=region)


@pytest.mark.parametrize(
    "seen",
    [health(WEST, Verdict.IMPAIRED), health(WEST, key_usable=False), health(WEST, Verdict.UNKNOWN), health(EAST)],
)
def test_a_failover_to_an_unusable_region_needs_insistence(seen: Any) -> None:
    world = World()
    world.judge(seen)

    with pytest.raises(IntentRefusedError, match=r"Insist \(--insist\) to have it lead there"):
        world.do(ActionName.FAILOVER, Region=WEST)
    world.do(ActionName.FAILOVER, Region=WEST, Insist=True)

    assert world.intent.region == WEST


def test_a_failback_needs_a_healthy_preferred_region() -> None:
    world = World()
    for seen in (None, health(EAST, Verdict.SUSPECT), health(EAST, Verdict.IMPAIRED), health(EAST, key_usable=False)):
        if seen:
            world.judge(seen)
        with pytest.raises(IntentRefusedError, match="no return to us-east-1 yet"):
            world.do(ActionName.FAILBACK)

    world.judge(health(EAST))
    world.do(ActionName.FAILBACK)

    assert world.intent.failback


def test_a_failback_refused_for_an_old_word_of_the_key_names_what_the_status_will_show() -> None:
    """Healthy and usable is what it shows already, so that is nothing to wait for."""
    world = World()
    moved = first_route(ORDERS, WEST, NOON).but(regions=(WEST, EAST))
    just_back = health(EAST).but(returned_at=NOON + timedelta(seconds=1))
    world.judge(just_back, route=moved)

    with pytest.raises(IntentRefusedError) as refused:
        world.do(ActionName.FAILBACK)
    before = world.do(ActionName.STATUS)
    world.judge(just_back.but(key_checked_at=NOON + timedelta(seconds=2)), route=moved)
    after = world.do(ActionName.STATUS)

    assert "its key has not answered since" in str(refused.value)
    assert "when the status shows under return that an operator is waited for" in str(refused.value)
    assert before["Verdicts"][EAST]["KeyHeardAt"] == NOON.isoformat()
    assert [status["Verdicts"][EAST]["KeyHasAnsweredSince"] for status in (before, after)] == [False, True]
    assert before["Return"] == f"waits for the key in {EAST} to answer its probe"
    assert after["Return"] == "waits for an operator: failback"
    assert world.do(ActionName.FAILBACK)["Intent"]["failback"]


@pytest.mark.parametrize("name", ["", "order", "alias/order", "ORDERS"])
def test_an_unknown_key_set_is_named(name: str) -> None:
    with pytest.raises(UnknownKeySetError, match="no key set"):
        World().do(ActionName.STATUS, KeySet=name)


@pytest.mark.parametrize(
    "wrong",
    [{"Action": "explode"}, {"Action": None}, {"KeySet": 5}, {"Reason": "r" * 1025}, {"Insist": "perhaps"}],
)
def test_a_command_of_another_shape_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Command.model_validate({"Action": "status", "KeySet": "orders"} | wrong)


def test_what_region_switch_and_automation_add_is_ignored() -> None:
    command = Command.model_validate({"Action": "status", "KeySet": "orders", "PlanArn": "arn", "StepName": "s"})

    assert command.action is ActionName.STATUS


def test_an_intent_is_dated_by_the_clock_it_was_given() -> None:
    world = World()
    later = NOON + timedelta(hours=1)
    runbook = Runbook(world.state, world, world.wake, lambda: later)

    runbook.execute(Command(Action=ActionName.HOLD, KeySet="orders", Reason="r", Author="ana"))

    assert world.intent.at == later


def test_an_intent_ends_when_it_was_told_to() -> None:
    world = World()

    answer = world.do(ActionName.HOLD, ExpiresInMinutes=30)

    assert world.intent.expires_at == NOON + timedelta(minutes=30)
    assert answer["Intent"]["expires_at"] == "2026-11-23T12:30:00Z"


@pytest.mark.parametrize("minutes", [0, -1, LONGEST_EXPIRY_MINUTES + 1, "soon"])
def test_an_intent_that_ends_never_or_at_once_is_no_command(minutes: Any) -> None:
    with pytest.raises(ValidationError):
        World().do(ActionName.HOLD, ExpiresInMinutes=minutes)


def test_insisting_travels_with_the_intent() -> None:
    world = World()

    world.do(ActionName.FAILOVER, Region=WEST, Insist=True)

    assert world.intent.insist


def test_after_a_command_a_controller_that_decided_before_it_cannot_write_any_more() -> None:
    world = World()
    world.judge(health(EAST))
    read_before = world.state.judgement("orders")
    assert read_before is not None

    world.do(ActionName.HOLD)

    with pytest.raises(WriteConflictError):
        world.state.put_judgement(read_before.but(version=read_before.version + 1))


def test_a_command_gets_through_although_controllers_write_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.judge(health(EAST))
    put, conflicts = world.state.put_judgement, iter([True, True, False])

    def contended(written: Judgement) -> None:
        if next(conflicts):
            raise WriteConflictError("orders")
        put(written)

    monkeypatch.setattr(world.state, "put_judgement", contended)
    world.do(ActionName.HOLD)

    assert world.intent.mode is Mode.HOLD
    assert world.wakes == 1


def test_a_failback_tells_the_debt_that_was_counted_before_it_was_ordered() -> None:
    world = World()
    world.judge(health(EAST))
    for key in ("a", "b"):
        world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key=key, since=NOON))

    assert world.do(ActionName.FAILBACK)["DebtOwedToTarget"] == 2


def test_of_two_orders_at_the_same_moment_the_second_is_refused_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()

    def overtaken(_name: str, _intent: Intent) -> None:
        raise WriteConflictError("orders")

    monkeypatch.setattr(world.state, "put_intent", overtaken)

    with pytest.raises(IntentRefusedError, match="say yours again"):
        world.do(ActionName.HOLD)


def test_a_command_before_the_controllers_first_run_is_fenced_as_well() -> None:
    world = World()

    world.do(ActionName.HOLD)

    with pytest.raises(WriteConflictError):
        world.state.put_judgement(judgement(first_route(ORDERS, WEST, NOON)))


def test_a_failback_that_insists_waits_for_no_debt() -> None:
    world = World()
    world.judge(health(EAST), route=first_route(ORDERS, WEST, NOON).but(regions=(WEST, EAST)))
    owe(world, (EAST, 2))
    world.do(ActionName.FAILBACK, Insist=True)

    assert world.do(ActionName.STATUS)["Return"] == "at the controller's next run"


def test_the_controller_is_woken_by_an_order_that_could_not_be_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def overtaken(_judgement: Judgement) -> None:
        raise WriteConflictError("orders")

    monkeypatch.setattr(world.state, "put_judgement", overtaken)

    answer = world.do(ActionName.HOLD)

    assert answer["Warning"] == (
        "the order is given; one more decision by older ones may follow: others wrote theirs first"
    )
    assert (world.intent.mode, world.wakes) == (Mode.HOLD, 1)


def test_an_order_names_the_one_that_it_replaces() -> None:
    world = World()

    first = world.do(ActionName.HOLD, Reason="the migration")
    second = world.do(ActionName.RELEASE)

    assert first["Replaced"] is None
    assert (second["Replaced"]["mode"], second["Replaced"]["reason"]) == ("hold", "the migration")


def test_an_unknown_key_set_is_told_with_those_that_there_are_and_an_alias_names_one_too() -> None:
    world = World()

    with pytest.raises(UnknownKeySetError, match=r"'order' is known here: there are orders$"):
        world.do(ActionName.STATUS, KeySet="order")

    assert world.do(ActionName.STATUS, KeySet="alias/orders")["KeySet"] == "orders"


@pytest.mark.parametrize("asked", ["key_sets", "intents", "judgement"])
def test_an_order_that_fails_before_it_is_written_says_that_it_is_not_given(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()

    def silent(*_: object) -> None:
        raise ConnectionError("the table does not answer")

    with monkeypatch.context() as away:
        away.setattr(world.state, asked, silent)
        with pytest.raises(NotBegunError, match="ConnectionError: the table does not answer"):
            world.do(ActionName.HOLD)

    assert world.state.intents("orders") == ()


def test_a_write_that_was_not_answered_leaves_open_whether_the_order_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def silent(*_: object) -> None:
        raise ConnectionError("the table does not answer")

    monkeypatch.setattr(world.state, "put_intent", silent)
    with pytest.raises(ConnectionError):
        world.do(ActionName.HOLD)


def test_an_order_that_is_written_is_answered_whatever_fails_then(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def silent(*_: object) -> None:
        raise ConnectionError("the table does not answer")

    monkeypatch.setattr(world.state, "put_judgement", silent)
    answer = world.do(ActionName.HOLD)

    assert answer["Warning"].endswith("ConnectionError: the table does not answer")
    assert (world.intent.mode, world.wakes) == (Mode.HOLD, 1)


def test_a_repeated_write_that_meets_its_own_order_has_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore repeats a request whose answer was lost: its condition then fails by what it has written itself."""
    world = World()
    put = world.state.put_intent

    def repeated(name: str, intent: Intent) -> None:
        put(name, intent)
        put(name, intent)

    monkeypatch.setattr(world.state, "put_intent", repeated)
    answer = world.do(ActionName.HOLD)

    assert answer["Intent"]["mode"] == "hold"
    assert (world.intent.mode, world.wakes) == (Mode.HOLD, 1)


def test_a_command_is_read_and_logged_by_the_names_of_its_payload() -> None:
    payload = {"Action": "hold", "KeySet": "orders", "Region": WEST, "Reason": "r", "Author": "ana"}
    rest = {"Insist": True, "ExpiresInMinutes": 30, "FailIfRefused": False}

    command = Command.model_validate(payload | rest)

    assert command.model_dump(mode="json", by_alias=True) == payload | rest
    with pytest.raises(ValidationError, match="KeySet"):
        Command.model_validate({"action": "hold", "key_set": "orders"})
