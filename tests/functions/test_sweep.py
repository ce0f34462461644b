"""The sweep handler, and the backfill that Step Functions runs beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions.sweep import handler
from kms_failover import bootstrap
from kms_failover.domain.rewrap_request import ObjectName, from_invocation
from kms_failover.domain.sweeping import Swept
from tests.functions.test_rewrap import Context

ROOT = Path(__file__).parents[2]


class FakeService:
    def __init__(self) -> None:
        self.seen: list[str | None] = []
        self.dropped = 0

    def sweep(self, key_set: str | None = None) -> Swept:
        self.seen.append(key_set)
        return Swept(queued=2, remaining=1, parked=4, dropped=self.dropped)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    service = FakeService()
    monkeypatch.setattr(bootstrap, "sweep_service", lambda _context: service)
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

    assert answer == {"queued": 2, "remaining": 1, "parked": 4, "dropped": 0}
    assert service.seen == [key_set]
    (metric,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "DebtQueued" in line]
    assert (metric["DebtQueued"], metric["Deployment"]) == ([2.0], "prod")


def test_debts_that_are_dropped_are_counted_and_logged(
    service: FakeService, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    context: Any = Context()
    service.dropped = 3

    handler.lambda_handler({}, context)

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [metric["DebtDropped"] for metric in printed if "DebtDropped" in metric] == [[3.0]]
    assert [vars(record)["dropped"] for record in caplog.records if record.levelname == "WARNING"] == [3]


@pytest.fixture
def backfill() -> dict[str, Any]:
    text = (ROOT / "functions/sweep/backfill.asl.json").read_text().replace("${RewrapFunctionArn}", "arn:of:rewrap")
    assert "${" not in text
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_the_backfill_is_bounded_and_one_bad_object_stops_no_other(backfill: dict[str, Any]) -> None:
    state = backfill["States"][backfill["StartAt"]]

    assert 1 <= state["MaxConcurrency"] <= 40
    assert state["ToleratedFailurePercentage"] == 100
    assert state["ItemReader"]["Parameters"] == {"Bucket.$": "$.bucket"}


def test_what_the_backfill_sends_is_what_rewrap_understands(backfill: dict[str, Any]) -> None:
    state = backfill["States"][backfill["StartAt"]]
    task = state["ItemProcessor"]["States"][state["ItemProcessor"]["StartAt"]]
    item = {name.removesuffix(".$"): {"$.bucket": "b", "$$.Map.Item.Value.Key": "k"}[path]
            for name, path in state["ItemSelector"].items()}  # fmt: skip
    batch_input = {name.removesuffix(".$"): "b" for name in state["ItemBatcher"]["BatchInput"]}

    assert task["Parameters"] == {"FunctionName": "arn:of:rewrap", "Payload.$": "$"}
    assert list(from_invocation({"Items": [item], "BatchInput": batch_input})) == [ObjectName("b", "k")]
    assert list(from_invocation(item)) == [ObjectName("b", "k")]
