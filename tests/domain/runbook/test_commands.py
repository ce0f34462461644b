"""The runbook's commands: what each writes, what is refused and why, and what the answer shows."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from kms_failover.domain.key_material.material import MaterialRecord
from kms_failover.domain.key_set import Failback, KeySet, Material, Origin
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.route import Intent, Mode, Route, decide, first_route, in_force
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook import status as composite_view
from kms_failover.domain.runbook.commands import (
    CHANGES_INTENT,
    LONGEST_EXPIRY_MINUTES,
    ActionName,
    Command,
    Runbook,
)
from kms_failover.domain.runbook.status import MAX_DEBTS, MAX_REFUSALS
from kms_failover.errors import (
    IntentRefusedError,
    NotBegunError,
    UnknownKeySetError,
    UnreadableItemError,
    WriteConflictError,
)
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, health, judgement, key_set

BUCKETS = [{"name": "orders-east", "region": EAST}, {"name": "orders-west", "region": WEST}]
ORDERS = KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": BUCKETS})


class World:
    def __init__(self) -> None:
        self.state = MemoryState(WEST, ORDERS)
        self.started: list[tuple[Any, ...]] = []
        self.wakes = 0
        self.runbook = Runbook(self.state, self, self.wake, lambda: NOON)

    def wake(self) -> None:
        assert self.state.intents("orders"), "woken before the intent was written"
        self.wakes += 1

    def reimport(self, key_set: str) -> dict[str, Any]:
        self.started.append(("reimport", key_set))
        return {"Reimport": []}

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        self.started.append(("sweep", key_set, buckets))
        return {"Debt": {}}

    def do(self, action: ActionName, **fields: Any) -> dict[str, Any]:
        who = {"KeySet": "orders", "Reason": "drill", "Author": "ana"}
        return self.runbook.execute(Command.model_validate({"Action": action} | who | fields))

    @property
    def intent(self) -> Intent:
        return in_force(self.state.intents("orders"), NOON)

    def judge(self, *verdicts: RegionHealth, route: Route | None = None) -> None:
        """What the controller has written last."""
        known = self.state.judgement("orders")
        version = known.version + 1 if known else 0
        self.state.put_judgement(judgement(route or first_route(ORDERS, WEST, NOON), *verdicts, version=version))


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


def test_the_answer_shows_route_verdicts_debt_refusals_and_history() -> None:
    world = World()
    orders = ORDERS
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST)}
    route = decide(orders, first_route(orders, WEST, NOON), lost, Intent(), NOON)
    world.judge(lost[EAST], route=route)
    world.state.add_history(route)
    for key in ("a", "b"):
        world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="orders-west", key=key, since=NOON))
    world.state.put_refusal(Refusal(key_set="orders", bucket="orders-west", key="x", since=NOON, reason="no format"))

    answer = world.do(ActionName.STATUS)

    assert answer["Route"]["Regions"] == [WEST, EAST]
    assert answer["Verdicts"][EAST]["Verdict"] == "impaired"
    assert answer["Verdicts"][WEST] == {
        "Verdict": "unknown",
        "Since": None,
        "Reason": "nothing observed yet",
        "KeyUsable": True,
        "KeyAnswers": None,
        "KeyHasAnsweredSince": False,
        "KeyHeardAt": None,
        "Drill": None,
    }
    assert answer["Debt"] == {EAST: 2, WEST: 0}
    assert answer["Refusals"] == [{"bucket": "orders-west", "key": "x", "reason": "no format"}]
    assert [entry["Epoch"] for entry in answer["History"]] == [1]
    assert answer["Route"]["SecondsSinceChange"] == 0
    assert (answer["Route"]["ChangesWithinTheHour"], answer["Route"]["ChangesAllowed"]) == (1, 6)
    assert answer["Return"] == f"waits for {EAST} to be healthy"
    assert json.loads(json.dumps(answer)) == answer


def test_the_history_shows_nothing_newer_than_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller may decide while the status is read."""
    world = World()
    world.judge(health(EAST))
    moved = first_route(ORDERS, WEST, NOON).but(regions=(WEST, EAST), epoch=7)
    judgement_of = world.state.judgement

    def read(name: str) -> Judgement | None:
        found = judgement_of(name)
        world.state.add_history(moved)
        return found

    monkeypatch.setattr(world.state, "judgement", read)

    answer = world.do(ActionName.STATUS)

    assert answer["Route"]["Epoch"] < 7
    assert [entry["Epoch"] for entry in answer["History"] if entry["Epoch"] == 7] == []


def test_refusals_beyond_the_shown_are_kept() -> None:
    world = World()
    for number in range(MAX_REFUSALS + 1):
        name = f"k{number:03d}"
        world.state.put_refusal(Refusal(key_set="orders", bucket="b", key=name, since=NOON, reason="r"))

    answer = world.do(ActionName.STATUS)

    assert len(answer["Refusals"]) == MAX_REFUSALS
    assert len(list(world.state.refusals("orders"))) == MAX_REFUSALS + 1


def test_a_status_changes_nothing_and_wakes_nobody() -> None:
    world = World()

    world.do(ActionName.STATUS, Reason="", Author="")

    assert world.state.intents("orders") == ()
    assert world.wakes == 0


def in_force_here(world: World, **fields: Any) -> None:
    world.state.put_key_set(KeySet.model_validate(ORDERS.model_dump(mode="json") | fields))


def members(east: Origin, west: Origin) -> list[dict[str, Any]]:
    origins = {EAST: east, WEST: west}
    return [one.model_dump(mode="json") | {"origin": origins[one.region]} for one in ORDERS.members]


def test_reimport_and_sweep_start_the_work_of_this_region_only() -> None:
    world = World()
    in_force_here(world, members=members(Origin.EXTERNAL, Origin.EXTERNAL), material={"secret": "x"})

    world.do(ActionName.REIMPORT)
    world.do(ActionName.SWEEP)

    assert world.started == [("reimport", "orders"), ("sweep", "orders", ("orders-west",))]


@pytest.mark.parametrize(
    ("east", "instead"),
    [(Origin.AWS_KMS, "none of its keys has, so there is nothing to import"), (Origin.EXTERNAL, f"order it in {EAST}")],
)
def test_a_reimport_of_no_imported_key_here_is_refused_and_says_where_there_is_one(east: Origin, instead: str) -> None:
    world = World()
    in_force_here(world, members=members(east, Origin.AWS_KMS), material={"secret": "x"})

    with pytest.raises(IntentRefusedError, match=f"no key with imported material in {WEST}: {instead}"):
        world.do(ActionName.REIMPORT)

    assert world.started == []


@pytest.mark.parametrize(
    ("buckets", "instead"), [([], "`kms-failover apply` gives it one"), (BUCKETS[:1], f"order it in {EAST}")]
)
def test_a_sweep_of_no_bucket_here_is_refused_and_says_where_there_is_one(
    buckets: list[dict[str, Any]], instead: str
) -> None:
    world = World()
    in_force_here(world, buckets=buckets)

    with pytest.raises(IntentRefusedError, match=f"no bucket in {WEST}, so there is nothing to sweep: {instead}"):
        world.do(ActionName.SWEEP)

    assert world.started == []


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

    assert command.Action is ActionName.STATUS


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


@pytest.mark.parametrize(
    ("seen", "owed", "failback", "expected"),
    [
        (health(EAST, Verdict.IMPAIRED), 0, False, f"waits for {EAST} to be healthy"),
        (health(EAST), 0, False, "waits for an operator: failback"),
        (health(EAST), 2, True, f"waits for 2 objects owed to {EAST} to be repaid"),
        (health(EAST), 0, True, "at the controller's next run"),
    ],
)
def test_the_answer_says_what_the_way_back_waits_for(seen: Any, owed: int, failback: Any, expected: str) -> None:
    world = World()
    moved = first_route(ORDERS, WEST, NOON).but(regions=(WEST, EAST))
    world.judge(seen, route=moved)
    for number in range(owed):
        world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key=f"{number}", since=NOON))
    if failback:
        world.do(ActionName.FAILBACK)

    assert world.do(ActionName.STATUS)["Return"] == expected


def test_where_the_preferred_region_leads_no_way_back_is_needed() -> None:
    assert World().do(ActionName.STATUS)["Return"] == "not needed"


def test_the_days_that_material_has_left_are_counted() -> None:
    world = World()
    external = [member.but(origin=Origin.EXTERNAL) for member in ORDERS.members]
    world.state.put_key_set(ORDERS.but(members=tuple(external), material=Material(secret="material")))
    record = MaterialRecord(
        key_set="orders",
        region=EAST,
        key_arn=ORDERS.members[0].arn,
        key_material_id="ab" * 32,
        valid_to=NOON + timedelta(days=9, hours=23),
    )
    world.state.put_material(record)

    material = world.do(ActionName.STATUS)["Material"]
    assert (material[EAST]["DaysLeft"], material[WEST]) == (9, None)


def test_material_whose_record_cannot_be_read_is_shown_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    external = [member.but(origin=Origin.EXTERNAL) for member in ORDERS.members]
    world.state.put_key_set(ORDERS.but(members=tuple(external), material=Material(secret="material")))

    def material(_key_set: str, region: str) -> MaterialRecord | None:
        if region == EAST:
            raise UnreadableItemError("key-set#orders", f"material#{region}", "there is no body")
        return None

    monkeypatch.setattr(world.state, "material", material)

    shown = world.do(ActionName.STATUS)["Material"]

    assert (shown[EAST]["Concern"], shown[EAST]["KeyState"], shown[WEST]) == ("unread", None, None)
    assert "there is no body" in shown[EAST]["Reason"]


def test_events_that_nobody_knew_are_shown() -> None:
    world = World()
    ignored = IgnoredEvent(id="1", source="aws.kms", detail_type="KMS Something New", at=NOON, reason="unknown")
    world.state.add_ignored_event(ignored)

    assert world.do(ActionName.STATUS)["IgnoredEvents"] == [ignored.model_dump(mode="json")]


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


def _owe(world: World, *owed: tuple[str, int]) -> None:
    for region, count in owed:
        for key in range(count):
            world.state.put_debt(Debt(key_set="orders", owed_to=region, bucket="orders-west", key=f"{key}", since=NOON))


def test_debts_are_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.state, "owed", lambda _name, _region, at_most: at_most)

    answer = world.do(ActionName.STATUS)

    assert (answer["Debt"], answer["DebtIsMore"]) == ({EAST: MAX_DEBTS, WEST: MAX_DEBTS}, [EAST, WEST])


def test_however_much_is_owed_to_one_region_what_is_owed_to_the_other_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composite_view, "MAX_DEBTS", 3)
    world = World()
    _owe(world, (EAST, 5), (WEST, 1))

    answer = world.do(ActionName.STATUS)

    assert (answer["Debt"], answer["DebtIsMore"]) == ({EAST: 3, WEST: 1}, [EAST])
    assert (answer["Coverage"]["orders-west"]["Owed"], answer["Coverage"]["orders-west"]["OwedIsMore"]) == (1, False)


@pytest.mark.parametrize(
    ("owed", "expected"),
    [
        (3, "at the controller's next run"),
        (5, "at the controller's next run"),
        (6, f"waits for at least 6 objects owed to {EAST} to be repaid"),
        (9, f"waits for at least 6 objects owed to {EAST} to be repaid"),
    ],
)
def test_the_way_back_waits_for_debt_as_the_controller_does_however_much_is_shown(
    monkeypatch: pytest.MonkeyPatch, owed: int, expected: str
) -> None:
    monkeypatch.setattr(composite_view, "MAX_DEBTS", 3)
    world = World()
    rules = ORDERS.rules.but(debt_allowed_to_return=5)
    orders = ORDERS.but(failback=Failback.AUTOMATIC, rules=rules)
    world.state.put_key_set(orders)
    moved = first_route(orders, WEST, NOON).but(regions=(WEST, EAST))
    world.judge(health(EAST), route=moved)
    _owe(world, (EAST, owed), (WEST, 7))

    assert world.do(ActionName.STATUS)["Return"] == expected


def test_a_failback_that_insists_waits_for_no_debt() -> None:
    world = World()
    world.judge(health(EAST), route=first_route(ORDERS, WEST, NOON).but(regions=(WEST, EAST)))
    _owe(world, (EAST, 2))
    world.do(ActionName.FAILBACK, Insist=True)

    assert world.do(ActionName.STATUS)["Return"] == "at the controller's next run"


IMPAIRED = health(WEST, Verdict.IMPAIRED)
UNREADY = health(WEST).but(ready=False)
KEY_SILENT = health(WEST).but(key_answers=None)
SPENT = {"regions": (EAST, WEST), "intent_epoch": 10**15}  # the order was carried out, and its region lost since


@pytest.mark.parametrize(
    ("seen", "route", "owed", "expected"),
    [
        (None, {}, 0, f"{WEST} to answer its probe"),
        (health(WEST, Verdict.UNKNOWN), {}, 0, f"{WEST} to answer its probe"),
        (UNREADY, {}, 0, f"{WEST} to answer its probe"),
        (IMPAIRED, {}, 0, f"{WEST} to be healthy"),
        (health(WEST, key_usable=False), {}, 0, f"the key in {WEST} to be usable"),
        (KEY_SILENT, {}, 0, f"the key in {WEST} to answer its probe"),
        (health(WEST, Verdict.SUSPECT), SPENT, 0, f"{WEST} to be healthy"),
        (health(WEST, key_usable=False), SPENT, 0, f"the key in {WEST} to be usable"),
        (health(WEST), SPENT, 2, f"2 objects owed to {WEST} to be repaid"),
    ],
)
def test_an_order_that_waits_for_its_region_says_so_also_where_the_preferred_one_leads(
    seen: RegionHealth | None, route: dict[str, Any], owed: int, expected: str
) -> None:
    world = World()
    world.judge(health(WEST))
    world.do(ActionName.FAILOVER, Region=WEST)
    verdicts = (health(EAST), *([seen] if seen else []))
    world.judge(*verdicts, route=first_route(ORDERS, WEST, NOON).but(**route))
    _owe(world, (WEST, owed))

    assert world.do(ActionName.STATUS)["Return"] == f"the order to lead to {WEST} waits for {expected}"


@pytest.mark.parametrize("insist", [False, True])
def test_an_order_that_nothing_holds_up_is_the_controllers_next_step(insist: Any) -> None:
    world = World()
    world.judge(health(EAST), IMPAIRED if insist else health(WEST, Verdict.SUSPECT))

    world.do(ActionName.FAILOVER, Region=WEST, Insist=insist)

    followed = f"the order to lead to {WEST} is followed at the controller's next run"
    assert world.do(ActionName.STATUS)["Return"] == followed


def test_the_controller_is_woken_by_an_order_that_could_not_be_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def overtaken(_judgement: Judgement) -> None:
        raise WriteConflictError("orders")

    monkeypatch.setattr(world.state, "put_judgement", overtaken)

    answer = world.do(ActionName.HOLD)

    assert answer["Warning"].startswith("the order is given")
    assert (world.intent.mode, world.wakes) == (Mode.HOLD, 1)


def test_a_return_that_the_hours_changes_hold_up_says_until_when() -> None:
    world = World()
    orders = ORDERS.but(failback=Failback.AUTOMATIC)
    world.state.put_key_set(orders)
    changes = tuple(NOON - timedelta(minutes=minute) for minute in (70, 50, 40, 30, 20, 10, 5))
    moved = {"regions": (WEST, EAST), "changes": changes}
    world.judge(health(EAST), route=first_route(orders, WEST, NOON).but(**moved))

    assert world.do(ActionName.STATUS)["Return"] == "waits until 12:10 UTC: 6 changes within an hour, 6 are allowed"


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
