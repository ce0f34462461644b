"""The sweep handler, and the backfill that Step Functions runs beside it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from functions.sweep import handler
from kms_failover import bootstrap
from kms_failover.domain.objects.backfill import Backfill, Phase, Step
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.rewrap_request import ObjectName, from_invocation
from kms_failover.domain.objects.sweep import DebtSummary, DroppedDebts, SweepResult
from tests.domain.strategies import EAST, NOON, WEST
from tests.functions.test_rewrap import Context

ROOT = Path(__file__).parents[2]


class FakeService:
    def __init__(self) -> None:
        self.seen: list[str | None] = []
        self.swept = SweepResult(queued=2, remaining=1, parked=4)

    def sweep(self, key_set: str | None = None) -> SweepResult:
        self.seen.append(key_set)
        return self.swept


class FakeBackfills:
    def __init__(self, *without_result: Backfill) -> None:
        self.seen: list[Step] = []
        self.without_result = without_result

    def record(self, step: Step) -> Backfill:
        self.seen.append(step)
        return BACKFILL

    def note_ended_without_result(self) -> tuple[Backfill, ...]:
        return self.without_result


AT = {"began_at": NOON, "ended_at": NOON}
BACKFILL = Backfill(key_set="orders", bucket="b", region="r", key_arn="a", execution="e", listed=1, failed=0, **AT)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    service = FakeService()
    monkeypatch.setattr(bootstrap, "sweep_service", lambda _context: service)
    monkeypatch.setattr(bootstrap, "backfill_service", lambda _context: FakeBackfills())
    return service


@pytest.mark.parametrize(
    ("event", "key_set"),
    [
        ({}, None),
        ({"key_set": "orders"}, "orders"),
        (json.loads((ROOT / "events/kms-region-recovered.json").read_text()), "orders"),
    ],
)
def test_it_answers_what_was_queued_and_what_is_left(
    service: FakeService, event: dict[str, Any], key_set: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    context: Any = Context()

    answer = handler.lambda_handler(event, context)

    assert answer == {"queued": 2, "remaining": 1, "parked": 4, "dropped": 0, "waiting": 0, "overdue": 0}
    assert service.seen == [key_set]
    (metric,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "DebtQueued" in line]
    assert (metric["DebtQueued"], metric["Deployment"]) == ([2.0], "prod")


def test_debts_that_are_dropped_are_counted_and_logged(
    service: FakeService, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    context: Any = Context()
    left = [DroppedDebts("orders", "left-us", region, debts=1) for region in (EAST, WEST)]
    service.swept = replace(service.swept, dropped=2, dropped_of=tuple(left))

    handler.lambda_handler({}, context)

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [metric["DebtDropped"] for metric in printed if "DebtDropped" in metric] == [[2.0]]
    told = [vars(record) for record in caplog.records if record.levelname == "WARNING"]
    assert [(one["key_set"], one["bucket"], one["owed_to"], one["debts"]) for one in told] == [
        ("orders", "left-us", EAST, 1),
        ("orders", "left-us", WEST, 1),
    ]


def test_what_is_owed_overdue_and_refused_is_measured_where_there_is_any(
    service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    context: Any = Context()
    service.swept = replace(service.swept, overdue=3, owed=(DebtSummary("orders", "us-east-1", 5, 3, refused=0),))

    handler.lambda_handler({}, context)

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    of_key_set = [metric for metric in printed if metric.get("KeySet") == "orders"]
    assert [metric["DebtOwed"] for metric in of_key_set if "DebtOwed" in metric] == [[5.0]]
    assert {metric["Region"] for metric in of_key_set} == {"us-east-1"}
    assert not any("RefusalsStanding" in metric for metric in printed)
    assert [metric["DebtOverdue"] for metric in printed if "DebtOverdue" in metric] == [[3.0], [3.0]]


@pytest.mark.parametrize(("event", "counts"), [({}, [[0.0]]), ({"key_set": "orders"}, [])])
def test_only_a_run_over_all_key_sets_says_that_nothing_is_overdue(
    service: FakeService, event: dict[str, Any], counts: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    context: Any = Context()

    handler.lambda_handler(event, context)

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [metric["DebtOverdue"] for metric in printed if "DebtOverdue" in metric] == counts


def test_overdue_objects_are_logged_by_name_and_code(service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    context: Any = Context()
    of = {"key_set": "orders", "owed_to": "us-east-1", "bucket": "b", "key": "k", "code": "AccessDenied"}
    service.swept = replace(service.swept, overdue=1, oldest=(Debt(**of, since=NOON),))

    handler.lambda_handler({}, context)

    logged = [vars(record) for record in caplog.records if record.levelname == "WARNING"]
    assert [(one["bucket"], one["key"], one["code"]) for one in logged] == [("b", "k", "AccessDenied")]


@pytest.mark.usefixtures("service")
def test_a_backfill_that_ended_without_a_result_is_logged_as_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    context: Any = Context()
    aborted = BACKFILL.but(reason="ABORTED")
    monkeypatch.setattr(bootstrap, "backfill_service", lambda _context: FakeBackfills(aborted))

    handler.lambda_handler({}, context)

    logged = [vars(record)["backfill"] for record in caplog.records if record.levelname == "ERROR"]
    assert [one["reason"] for one in logged] == ["ABORTED"]


@pytest.fixture
def backfill() -> dict[str, Any]:
    text = (ROOT / "functions/sweep/backfill.asl.json").read_text()
    for role in ("Rewrap", "Sweep"):
        text = text.replace(f"${{{role}FunctionArn}}", f"arn:of:{role.lower()}")
    assert "${" not in text
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_the_backfill_is_bounded_and_one_bad_object_stops_no_other(backfill: dict[str, Any]) -> None:
    state = backfill["States"]["EveryObject"]

    assert 1 <= state["MaxConcurrency"] <= 40
    assert state["ToleratedFailurePercentage"] == 100
    assert state["ItemReader"]["Parameters"] == {"Bucket.$": "$.bucket"}


def test_a_backfill_succeeds_only_if_it_is_recorded_as_complete(backfill: dict[str, Any]) -> None:
    """Whichever way it goes: each other end is a failed execution, which an alarm looks at."""
    states = backfill["States"]
    (choice,) = states["IsComplete"]["Choices"]
    ways_to_success = [
        name for name, state in states.items() if "Complete" in (state.get("Next"), state.get("Default"))
    ]

    assert (choice["Variable"], choice["BooleanEquals"], choice["Next"]) == (
        "$.result.Payload.complete",
        True,
        "Complete",
    )
    assert (ways_to_success, states["IsComplete"]["Default"]) == ([], "Incomplete")
    assert [backfill["StartAt"], states["Begin"]["Next"], states["EveryObject"]["Next"]] == [
        "Begin",
        "EveryObject",
        "End",
    ]
    assert [name for name, state in states.items() if state["Type"] == "Succeed" or state.get("End")] == ["Complete"]
    assert [caught["Next"] for caught in states["EveryObject"]["Catch"]] == ["EndAfterFailure"]
    assert (states["EndAfterFailure"]["Next"], states["Incomplete"]["Type"]) == ("Incomplete", "Fail")


@pytest.mark.parametrize(
    ("state", "phase", "error"), [("Begin", "begun", ""), ("End", "ended", ""), ("EndAfterFailure", "ended", "why")]
)
def test_what_the_backfill_records_is_what_sweep_understands(
    backfill: dict[str, Any], monkeypatch: pytest.MonkeyPatch, state: str, phase: str, error: str
) -> None:
    service, context = FakeBackfills(), cast("Any", Context())
    monkeypatch.setattr(bootstrap, "backfill_service", lambda _context: service)
    values = {"$.bucket": "b", "$$.Execution.Id": "e", "$.failure.Error": "why"}
    parameters = backfill["States"][state]["Parameters"]
    payload = {
        name.removesuffix(".$"): values[value] if name.endswith(".$") else value
        for name, value in parameters["Payload"].items()
    }

    answer = handler.lambda_handler(payload, context)

    assert (parameters["FunctionName"], answer) == ("arn:of:sweep", {"complete": True})
    assert service.seen == [Step(Phase(phase), "b", "e", error)]


def test_what_the_backfill_sends_is_what_rewrap_understands(backfill: dict[str, Any]) -> None:
    state = backfill["States"]["EveryObject"]
    task = state["ItemProcessor"]["States"][state["ItemProcessor"]["StartAt"]]
    item = {name.removesuffix(".$"): {"$.bucket": "b", "$$.Map.Item.Value.Key": "k"}[path]
            for name, path in state["ItemSelector"].items()}  # fmt: skip
    batch_input = {name.removesuffix(".$"): "b" for name in state["ItemBatcher"]["BatchInput"]}

    assert task["Parameters"] == {"FunctionName": "arn:of:rewrap", "Payload.$": "$"}
    assert list(from_invocation({"Items": [item], "BatchInput": batch_input})) == [ObjectName("b", "k")]
    assert list(from_invocation(item)) == [ObjectName("b", "k")]
