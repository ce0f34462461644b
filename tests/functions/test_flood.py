"""A stranger writes all that his rights let him, as large as an item can be: others are heard, and it stays small."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from functions.controller.handler import lambda_handler as controller
from functions.probe.handler import lambda_handler as probe
from functions.runbook.handler import lambda_handler as runbook
from functions.signals.handler import lambda_handler as signals
from kms_failover.adapters.state_table import observations as stored_observations
from kms_failover.client.reports import FaultReporter
from kms_failover.domain.naming import Place
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from tests.adapters.stored_models import LONG, written_at_length
from tests.domain.strategies import EAST, WEST
from tests.functions.lambdas import EVENTS, Stack, event, stack

ITEM_LIMIT = 20_000  # characters of an item that a stranger's words stand in; DynamoDB takes 400 KB
FLOOD = 40  # items of 350 KB: three times the pages that a run reads


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        boto3.client("sns", region_name=WEST).create_topic(Name="prod-changes")
        of_moto = property(lambda place: f"arn:aws:sns:{place.region}:123456789012:prod-changes")
        monkeypatch.setattr(Place, "changes_topic", of_moto)
        yield made


class Calls:
    """Of the state table, by operation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, Any]] = []
        client_class: Any = BaseClient
        real = client_class._make_api_call

        def counted(client: Any, operation: str, request: Any) -> Any:
            self.made.append((operation, request))
            return real(client, operation, request)

        monkeypatch.setattr(client_class, "_make_api_call", counted)

    def of_reports(self, operation: str) -> int:
        return sum(name == operation and f"reports#{WEST}" in str(request) for name, request in self.made)


def put(prod: Stack, at: datetime, name: str, body: str) -> None:
    item = {"pk": f"reports#{WEST}", "sk": f"{at.isoformat()}#{name}", "body": body}
    prod.state._items._table.put_item(Item=item)


def observed(region: str, source: Source, at: datetime, name: str, outcome: Outcome, code: str = "") -> Observation:
    of = {"observer": WEST, "region": region, "source": source, "outcome": outcome}
    return Observation.model_validate(of | {"at": at, "id": name, "code": code})


def as_text(prod: Stack, now: datetime) -> None:
    """No report at all."""
    for number in range(FLOOD):
        put(prod, now - timedelta(seconds=number), f"{number}", LONG)


def as_attribute(prod: Stack, now: datetime) -> None:
    """Beside a body of an ordinary length."""
    for number in range(FLOOD):
        at = now - timedelta(seconds=number)
        body = observed(WEST, Source.DATA_PLANE, at, "s", Outcome.REGION_FAULT).model_dump_json()
        item = {"pk": f"reports#{WEST}", "sk": f"{at.isoformat()}#{WEST}#data-plane##s", "body": body, "more": LONG}
        prod.state._items._table.put_item(Item=item)


def as_reports(prod: Stack, now: datetime) -> None:
    """Such as are read, of the region that is well."""
    for number in range(FLOOD):
        at = now - timedelta(seconds=number)
        body = json.loads(observed(WEST, Source.DATA_PLANE, at, "s", Outcome.REGION_FAULT).model_dump_json())
        put(prod, at, f"{WEST}#data-plane##s", json.dumps(body | {"code": LONG}))


def ahead(prod: Stack, now: datetime) -> None:
    """At times that are still to come, as far as a clock may be wrong."""
    for number in range(FLOOD):
        put(prod, now + timedelta(seconds=50 - number / 10), f"{number}", LONG)


def many_small(prod: Stack, now: datetime) -> None:
    with prod.state._items._table.batch_writer() as batch:
        for number in range(stored_observations.MAX_OBSERVATIONS + 1):
            at = (now - timedelta(milliseconds=number)).isoformat()
            batch.put_item(Item={"pk": f"reports#{WEST}", "sk": f"{at}#x", "body": "{}"})


def report_and_lose(prod: Stack, now: datetime) -> None:
    """The library reports us-east-1; two rounds of the probe have failed there, which is enough with a report alone."""
    reporter = FaultReporter(WEST, prod.state, lambda: now - timedelta(seconds=20))
    reporter(EAST, "ReadTimeoutError")
    reporter._thread.shutdown(wait=True)
    for region, outcome in ((EAST, Outcome.REGION_FAULT), (WEST, Outcome.OK)):
        for seconds in (10, 20, 30) if region == WEST else (10, 20):
            at = now - timedelta(seconds=seconds)
            prod.state.add_observation(observed(region, Source.PROBE, at, "p", outcome, "ReadTimeoutError"))
    key = observed(WEST, Source.PROBE, now, "key", Outcome.OK).but(key_set="orders")
    prod.state.add_observation(key)


@pytest.mark.parametrize("flood", [as_text, as_attribute, as_reports, ahead, many_small])
def test_a_report_beside_a_flood_counts_the_route_moves_and_status_tells_of_the_flood(
    prod: Stack, flood: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    report_and_lose(prod, now)
    flood(prod, now)
    calls = Calls(monkeypatch)

    answer = controller({}, prod.context("controller"))

    judgement = prod.state.judgement("orders")
    assert judgement is not None
    assert judgement.health[EAST].verdict is Verdict.IMPAIRED
    assert "data-plane agrees (ReadTimeoutError)" in judgement.health[EAST].reason
    assert answer["routes"]["orders"]["regions"] == (WEST, EAST)
    assert calls.of_reports("Query") <= stored_observations.MAX_OBSERVATION_PAGES
    assert calls.of_reports("GetItem") <= stored_observations.MAX_REPORTS_ASKED_FOR
    assert len(judgement.model_dump_json()) < ITEM_LIMIT
    assert "ItemsUnreadable" in capsys.readouterr().out
    status = runbook({"Action": "status", "KeySet": "orders"}, prod.context("runbook"))
    assert status["Verdicts"][EAST]["Verdict"] == "impaired"
    assert any(one["Item"] == f"reports#{WEST}" for one in status["Unreadable"])
    assert len(json.dumps(status)) < 5 * ITEM_LIMIT


HEARD = [
    path.stem for path in sorted(EVENTS.glob("*.json")) if path.stem.startswith(("aws-", "cloud", "kms-", "drill"))
]


def test_what_is_kept_of_an_event_is_short_however_long_it_is(prod: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kms_failover.adapters.waker.FunctionWaker.reaches", lambda *_, **__: True)
    context = prod.context("signals")
    context.get_remaining_time_in_millis = lambda: 30_000
    for longer in (each for name in HEARD for _, each in written_at_length(event(name))):
        signals(longer, context)

    controller({}, prod.context("controller"))
    answer = runbook({"Action": "status", "KeySet": "orders"}, prod.context("runbook"))

    items = prod.state._items._table.scan()["Items"]
    assert max(len(str(item)) for item in items) < ITEM_LIMIT
    assert len(json.dumps(answer)) < 5 * ITEM_LIMIT
    assert answer["Unreadable"] == []


def test_what_is_reported_of_years_to_come_is_not_looked_at_today(
    prod: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who reports chooses the time, and whether the item ever expires: such a flood would last."""
    for number in range(FLOOD):
        put(prod, datetime(2099, 1, 1, second=number, tzinfo=UTC), "s", LONG)
    monkeypatch.setattr("time.sleep", lambda _: None)
    calls = Calls(monkeypatch)

    probe({"rounds": 1}, prod.context("probe"))
    answer = runbook({"Action": "status", "KeySet": "orders"}, prod.context("runbook"))

    assert answer["Unreadable"] == []
    assert "ItemsUnreadable" not in capsys.readouterr().out
    assert calls.of_reports("GetItem") == 0
