"""The lines that an operator reads first of the runbook's answers."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.domain.key_material.material import MaterialRecord
from kms_failover.domain.key_set import KeySet, Origin
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.route import decide, first_route
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook import status as composite_view
from kms_failover.domain.runbook.commands import ActionName, Command, Runbook
from kms_failover.errors import UnreadableItemError
from kms_failover_command import verbs
from kms_failover_command.answer_text import text
from kms_failover_command.main import main
from tests.command.lambda_endpoint import SAID, WHERE
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn, health, judgement, key_set


class Nothing:
    """No other function is started."""

    def reimport(self, key_set: str) -> dict[str, Any]:
        raise NotImplementedError

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        raise NotImplementedError


def test_the_status_tells_why_the_route_is_what_it_is_and_what_the_way_back_waits_for() -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    orders = KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": buckets})
    state = MemoryState(WEST, orders)
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, key_usable=False)}
    route = decide(orders, first_route(orders, WEST, NOON), {**lost, WEST: health(WEST)}, Intent(), NOON)
    state.put_judgement(judgement(route, *lost.values()))
    state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="orders-west", key="k", since=NOON))
    nothing = Nothing()
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON + timedelta(minutes=1))
    hold = Command(Action=ActionName.HOLD, ExpiresInMinutes=30, **SAID)
    runbook.execute(hold)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert lines[1] == "  route    us-west-2 > us-east-1  (epoch 1; 1 of 6 changes within the hour)"
    assert lines[2] == "  since    2026-11-23 12:00:00 UTC: us-east-1 is impaired: seen"
    assert f"           - then {EAST}: impaired since 12:00:00 UTC, seen" in lines
    assert "  intent   hold by ana at 2026-11-23 12:01:00 UTC, until 2026-11-23 12:31:00 UTC: incident 4711" in lines
    assert "  return   waits for us-east-1 to be healthy" in lines
    assert "  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen" in lines
    assert lines[lines.index("  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen") + 1].strip() == (
        "KEY NOT USABLE: ; usable again after 60 s or more without a fault"
    )
    assert "  debt     us-east-1 1, us-west-2 0" in lines
    unknown = "no backfill has looked at every object yet: sweep starts one"
    assert f"  bucket   orders-west: coverage UNKNOWN, 0 objects owed, 0 refused: {unknown}" in lines


def test_the_status_says_what_a_hold_prevents_and_since_when_the_region_is_lost() -> None:
    state, nothing = MemoryState(WEST, key_set()), Nothing()
    drill = health(WEST).but(drill_at=NOON)
    state.put_judgement(judgement(first_route(key_set(), WEST, NOON), health(EAST, Verdict.IMPAIRED), drill))
    lost = {
        "kind": NewsKind.LOST,
        "region": EAST,
        "regions": (EAST, WEST),
        "at": NOON,
        "reason": "us-east-1 is impaired",
    }
    state.add_news(News.model_validate(lost | {"key_set": "orders", "observer": WEST, "number": 1}))
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)
    runbook.execute(Command(Action=ActionName.HOLD, **SAID))

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    would = "would move to us-west-2 (us-east-1 is impaired: seen)"
    assert f"  HELD     {would}; the hold by ana since 2026-11-23 12:00:00 UTC prevents it" in lines
    at = lines.index("  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen") + 1
    assert lines[at].strip() == (
        "A DRILL IS ON since 2026-11-23 12:00:00 UTC; ends by itself at 2026-11-23 12:01:00 UTC"
    )
    assert "  history  2026-11-23 12:00:00 UTC lost us-east-1: us-east-1 is impaired" in lines


def test_the_status_says_that_a_key_has_not_answered_since_its_region_is_back() -> None:
    state = MemoryState(WEST, key_set())
    back = health(EAST).but(returned_at=NOON + timedelta(seconds=1))
    state.put_judgement(judgement(first_route(key_set(), WEST, NOON), back, health(WEST)))
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    at = lines.index("  us-east-1      healthy since 2026-11-23 12:00:00 UTC: seen") + 1
    assert lines[at].strip() == "its key has not answered since the region came back: RECOVERED is told when it has"
    assert lines[at + 1] == "  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen"


def test_an_order_is_told_with_what_it_replaces_and_what_happens_next() -> None:
    state, nothing = MemoryState(WEST, key_set()), Nothing()
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)
    runbook.execute(Command(Action=ActionName.HOLD, KeySet="orders", Reason="migration", Author="bob"))
    order = runbook.execute(Command(Action=ActionName.FAILOVER, Region=WEST, Insist=True, **SAID))

    lines = text(order | {"Warning": "one more may follow", "StatusError": "ConnectionError: no"}).splitlines()

    assert lines == [
        "orders: the order is given: force us-west-2 (insisted) by ana at 2026-11-23 12:00:00 UTC: incident 4711",
        "  replaces hold by bob at 2026-11-23 12:00:00 UTC: migration",
        "  WARNING: one more may follow",
        "  each region follows by itself, within seconds: look again with status",
        "  the status cannot be shown: ConnectionError: no",
    ]


def test_debts_that_are_too_many_to_count_are_told_of_their_region_alone_and_no_share_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(composite_view, "MAX_DEBTS", 2)
    buckets = [{"name": "orders-west", "region": WEST}]
    state = MemoryState(WEST, KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": buckets}))
    for owed_to, key in ((EAST, "a"), (WEST, "a"), (WEST, "b"), (WEST, "c")):
        state.put_debt(Debt(key_set="orders", owed_to=owed_to, bucket="orders-west", key=key, since=NOON))
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert "  debt     us-east-1 1, us-west-2 at least 2" in lines
    unknown = "no backfill has looked at every object yet: sweep starts one"
    assert f"  bucket   orders-west: coverage UNKNOWN, at least 2 objects owed, at least 0 refused: {unknown}" in lines


def test_before_anything_is_decided_the_status_says_so() -> None:
    nothing = Nothing()
    external = [member.but(origin=Origin.EXTERNAL) for member in key_set().members]
    state = MemoryState(WEST, key_set().but(members=tuple(external), material={"secret": "s"}))
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert "  since    ever: nothing has been decided yet" in lines
    assert f"  material {EAST}: NOT LOOKED AT: no run of reimport in {EAST} has seen the key" in lines


def test_material_that_no_run_could_even_look_at_is_not_said_to_be_there() -> None:
    external = [member.but(origin=Origin.EXTERNAL) for member in key_set().members]
    state = MemoryState(WEST, key_set().but(members=tuple(external), material={"secret": "s"}))
    tried = {"failure": "AccessDeniedException", "failed_at": NOON, "failures": 1}
    state.put_material(MaterialRecord(key_set="orders", region=WEST, key_arn=arn(WEST), **tried))
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert f"  material {WEST}: NOT LOOKED AT: each run of reimport in {WEST} failed before it saw the key" in lines
    assert not any("never expires" in line for line in lines)


def test_material_of_which_nothing_can_be_read_is_said_to_be_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    external = [member.but(origin=Origin.EXTERNAL) for member in key_set().members]
    state = MemoryState(WEST, key_set().but(members=tuple(external), material={"secret": "s"}))

    def unreadable(_key_set: str, region: str) -> None:
        raise UnreadableItemError("key-set#orders", f"material#{region}", "there is no body")

    monkeypatch.setattr(state, "material", unreadable)
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert f"  material {EAST}: UNREAD: nothing is done to the key until its record can be read" in lines
    assert sum("NEEDS YOU (unread)" in line for line in lines) == 2


@pytest.fixture(scope="module")
def full_status() -> dict[str, Any]:
    """A status with something under each heading, and the order that it answers."""
    external = [m.model_dump(mode="json") | {"origin": "EXTERNAL"} for m in key_set().members]
    more = {"members": external, "buckets": [{"name": "orders-west", "region": WEST}], "material": {"secret": "s"}}
    orders = KeySet.model_validate(key_set().model_dump(mode="json") | more)
    state, nothing = MemoryState(WEST, orders), Nothing()
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, key_usable=False)}
    route = decide(orders, first_route(orders, WEST, NOON), {**lost, WEST: health(WEST)}, Intent(), NOON)
    state.put_judgement(judgement(route, *lost.values()))
    state.add_history(route)
    state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="orders-west", key="k", since=NOON))
    state.put_refusal(Refusal(key_set="orders", bucket="orders-west", key="k", reason="no", since=NOON))
    state.add_ignored_event(IgnoredEvent(id="1", source="a", detail_type="b", reason="c", at=NOON))
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)
    runbook.execute(Command(Action=ActionName.HOLD, KeySet="orders", Reason="migration", Author="bob"))
    order = runbook.execute(Command(Action=ActionName.FAILOVER, Region=WEST, Insist=True, **SAID))
    return runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders")) | order | {"Warning": "w"}


any_text = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["x\n  return   not needed", "\x1b[2J", "\u202e", "\x9b", "\r", "\ud800", "\u2028"]
)


def rewritten(answer: Any, text: str) -> Any:
    """The answer with every text another one, but those that are times."""
    if isinstance(answer, dict):
        return {key: rewritten(value, text) for key, value in answer.items()}
    if isinstance(answer, list):
        return [rewritten(value, text) for value in answer]
    return text if isinstance(answer, str) and not answer.startswith("2026-") else answer


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_text)
def test_no_text_of_a_status_forges_a_line_or_reaches_the_terminal_as_a_control_character(
    full_status: dict[str, Any], capsys: pytest.CaptureFixture[str], any_of_them: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "order", lambda _: rewritten(full_status, any_of_them))
        main(["status", *WHERE])
        said = capsys.readouterr().out
        patch.setattr(verbs, "order", lambda _: rewritten(full_status, "x"))
        main(["status", *WHERE])
        plain = capsys.readouterr().out

    assert said.count("\n") == plain.count("\n") > 15
    assert all(line.isprintable() for line in said.split("\n"))


def test_an_answer_of_another_version_is_shown_as_far_as_it_is_known_and_then_whole(
    full_status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for missing in full_status.keys() - {"Intent", "Replaced", "Warning", "DebtOwedToTarget"}:
        answer = {name: value for name, value in full_status.items() if name != missing}

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verbs, "order", lambda _, answer=answer: answer)
            status = main(["status", *WHERE])

        said = capsys.readouterr().out
        beginning, _, rest = said.partition("  the answer is of another version than this command; all of it:\n")
        assert status == 0
        assert json.loads(rest) == answer, missing
        assert beginning.startswith("orders: the order is given: ") or missing == "KeySet"


@given(any_text)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_error_that_is_told_forges_a_line_or_reaches_the_terminal_as_a_control_character(
    capsys: pytest.CaptureFixture[str], message: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "order", lambda _: {"Error": {"Code": message, "Message": message}})
        main(["status", *WHERE, "--json"])

    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err[:-1].isprintable()
    assert json.loads(said.out)["Error"] == {"Code": message, "Message": message}
