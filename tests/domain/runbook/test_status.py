"""The status: what a person on call is shown of one key set."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kms_failover.domain.key_material.material import MaterialRecord
from kms_failover.domain.key_set import Failback, Material, Origin
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.route import decide, first_route
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook import status as composite_view
from kms_failover.domain.runbook.commands import (
    ActionName,
)
from kms_failover.domain.runbook.status import MAX_DEBTS, MAX_REFUSALS
from kms_failover.errors import (
    UnreadableItemError,
)
from tests.domain.runbook.runbook_world import ORDERS, World, in_force_here, members, owe
from tests.domain.strategies import EAST, NOON, WEST, health

WHOLE_ANSWER = Path(__file__).with_name("status.json")


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


def test_the_whole_answer_is_what_callers_parse_to_the_byte() -> None:
    world = World()
    orders = {"members": members(Origin.EXTERNAL, Origin.EXTERNAL), "material": {"secret": "material"}}
    in_force_here(world, **orders)
    drilled = health(EAST, Verdict.SUSPECT).but(drill_at=NOON, key_checked_at=NOON)
    unusable = health(WEST).but(key_usable=False, key_reason="2 probes failed", last_key_fault_at=NOON)
    route = first_route(ORDERS, WEST, NOON).but(evidence=("east: well",), changes=(NOON,))
    world.judge(drilled, unusable, route=route)
    world.state.add_history(route)
    said = {"key_set": "orders", "observer": WEST, "regions": (EAST, WEST), "at": NOON, "reason": "2 probes failed"}
    world.state.add_news(News(number=7, kind=NewsKind.LOST, region=WEST, **said))
    world.state.put_material(
        MaterialRecord(key_set="orders", region=WEST, key_arn=ORDERS.members[1].arn, valid_to=NOON, seen_at=NOON)
    )
    world.state.add_ignored_event(IgnoredEvent(id="1", source="s", detail_type="d", at=NOON, reason="unknown"))
    world.state.put_refusal(Refusal(key_set="orders", bucket="orders-west", key="x", since=NOON, reason="no format"))
    owe(world, (EAST, 2))
    world.do(ActionName.HOLD, ExpiresInMinutes=30)

    answer = world.do(ActionName.STATUS)

    assert json.dumps(answer, indent=2) + "\n" == WHOLE_ANSWER.read_text("utf-8")


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


def test_debts_are_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.state, "owed", lambda _name, _region, at_most: at_most)

    answer = world.do(ActionName.STATUS)

    assert (answer["Debt"], answer["DebtIsMore"]) == ({EAST: MAX_DEBTS, WEST: MAX_DEBTS}, [EAST, WEST])


def test_however_much_is_owed_to_one_region_what_is_owed_to_the_other_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composite_view, "MAX_DEBTS", 3)
    world = World()
    owe(world, (EAST, 5), (WEST, 1))

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
    owe(world, (EAST, owed), (WEST, 7))

    assert world.do(ActionName.STATUS)["Return"] == expected


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
    owe(world, (WEST, owed))

    assert world.do(ActionName.STATUS)["Return"] == f"the order to lead to {WEST} waits for {expected}"


@pytest.mark.parametrize("insist", [False, True])
def test_an_order_that_nothing_holds_up_is_the_controllers_next_step(insist: Any) -> None:
    world = World()
    world.judge(health(EAST), IMPAIRED if insist else health(WEST, Verdict.SUSPECT))

    world.do(ActionName.FAILOVER, Region=WEST, Insist=insist)

    followed = f"the order to lead to {WEST} is followed at the controller's next run"
    assert world.do(ActionName.STATUS)["Return"] == followed


def test_a_return_that_the_hours_changes_hold_up_says_until_when() -> None:
    world = World()
    orders = ORDERS.but(failback=Failback.AUTOMATIC)
    world.state.put_key_set(orders)
    changes = tuple(NOON - timedelta(minutes=minute) for minute in (70, 50, 40, 30, 20, 10, 5))
    moved = {"regions": (WEST, EAST), "changes": changes}
    world.judge(health(EAST), route=first_route(orders, WEST, NOON).but(**moved))

    assert world.do(ActionName.STATUS)["Return"] == "waits until 12:10 UTC: 6 changes within an hour, 6 are allowed"
