"""The signals function: each event once, by its record in the state table; what fails is retried, the unknown loud."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
)
from botocore.exceptions import ClientError

from functions.signals.handler import lambda_handler
from kms_failover import bootstrap
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.naming import Place
from kms_failover.domain.routing.observation import Source
from kms_failover.domain.routing.signals import SignalService
from kms_failover.errors import NotAskedError
from tests.domain.strategies import EAST, NOON, WEST
from tests.functions.lambdas import ACCOUNT, Context, Stack, event, stack

ANY_TIME = NOON.replace(year=2001)
DAY_SECONDS = 86_400


@dataclass
class TimedContext(Context):
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


CONTEXT: Any = TimedContext(f"arn:aws:lambda:{WEST}:{ACCOUNT}:function:prod-signals")


@dataclass
class World:
    stack: Stack
    asked: list[tuple[str, tuple[str, ...]]]
    unreachable: set[str]

    @property
    def state(self) -> StateTable:
        return self.stack.state

    def records(self) -> list[dict[str, Any]]:
        """Of idempotency, in this region."""
        table: Any = boto3.resource("dynamodb", region_name=WEST).Table("prod-state")
        items: list[dict[str, Any]] = table.scan()["Items"]
        return [item for item in items if item["pk"] == f"idempotency#{WEST}"]

    def change_records(self, **values: Any) -> None:
        table: Any = boto3.resource("dynamodb", region_name=WEST).Table("prod-state")
        for record in self.records():
            table.put_item(Item=record | values)


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    asked: list[tuple[str, tuple[str, ...]]] = []
    unreachable: set[str] = set()

    def ask(region: str, names: tuple[str, ...]) -> bool:
        asked.append((region, names))
        return region not in unreachable

    monkeypatch.setattr(bootstrap, "_key_probers", lambda _place: ask)
    with stack(monkeypatch) as made:
        named = MemberKey(region=EAST, arn=event("kms-cmk-deletion")["resources"][0])
        made.state.put_key_set(KeySet(name="orders", members=(named, made.key_set.members[1])))
        yield World(made, asked, unreachable)


@pytest.mark.parametrize(
    "name", ["aws-health-kms-open", "cloudwatch-alarm", "cloudtrail-disable-key", "drill-region-impaired"]
)
def test_a_repeat_is_answered_as_the_first_and_not_taken_again(prod: World, name: str) -> None:
    answers = [lambda_handler(event(name), CONTEXT) for _ in range(3)]

    assert answers == [{"observations": 1}] * 3
    assert len(prod.state.observations(ANY_TIME)) == 1
    assert len(prod.records()) == 1
    everywhere = [(WEST, ("orders",)), (EAST, ("orders",))]
    assert prod.asked == (everywhere if name == "cloudtrail-disable-key" else [])


@pytest.mark.parametrize("unreachable", [WEST, EAST])
def test_an_event_whose_question_reached_not_every_probe_is_taken_again(prod: World, unreachable: str) -> None:
    prod.unreachable.add(unreachable)
    with pytest.raises(NotAskedError, match=f"the probe in {unreachable} could not be asked for the keys of orders"):
        lambda_handler(event("cloudtrail-disable-key"), CONTEXT)
    prod.unreachable.clear()

    again = lambda_handler(event("cloudtrail-disable-key"), CONTEXT)

    assert again == {"observations": 1}
    assert prod.asked == [(WEST, ("orders",)), (EAST, ("orders",))] * 2
    assert len(prod.state.observations(ANY_TIME)) == 1


def test_pages_and_copies_of_one_communication_are_taken_once(prod: World) -> None:
    for name in ("aws-health-kms-open", "aws-health-page-2-of-2", "aws-health-backup-copy"):
        lambda_handler(event(name), CONTEXT)

    assert len(prod.records()) == 1


def test_the_record_is_of_this_region_expires_with_the_last_repeat_and_holds_no_more_than_the_answer(
    prod: World,
) -> None:
    lambda_handler(event("cloudtrail-put-key-policy"), CONTEXT)

    record = prod.records()[0]
    assert record["status"] == "COMPLETED"
    assert json.loads(record["data"]) == {"observations": 1, "ignored": None}
    assert DAY_SECONDS - 60 < int(record["expires_at"]) - time.time() <= DAY_SECONDS
    assert set(record) == {"pk", "sk", "expires_at", "in_progress_expiration", "status", "data"}


def test_what_another_region_has_taken_is_taken_here_too(prod: World) -> None:
    lambda_handler(event("aws-health-kms-open"), CONTEXT)
    prod.change_records(pk=f"idempotency#{EAST}")
    table: Any = boto3.resource("dynamodb", region_name=WEST).Table("prod-state")
    for record in prod.records():
        table.delete_item(Key={"pk": record["pk"], "sk": record["sk"]})

    lambda_handler(event("aws-health-kms-open"), CONTEXT)

    assert len(prod.records()) == 1


def test_an_event_that_failed_is_taken_by_its_retry(prod: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(SignalService, "handle", fail)
        with pytest.raises(ZeroDivisionError):
            lambda_handler(event("aws-health-kms-open"), CONTEXT)

    assert lambda_handler(event("aws-health-kms-open"), CONTEXT) == {"observations": 1}
    assert len(prod.state.observations(ANY_TIME)) == 1


def fail(*_: object) -> None:
    raise ZeroDivisionError


def test_an_event_whose_invocation_was_killed_is_taken_by_its_retry_and_not_beside_it(prod: World) -> None:
    lambda_handler(event("aws-health-kms-open"), CONTEXT)
    now = int(time.time() * 1000)

    prod.change_records(status="INPROGRESS", in_progress_expiration=now + 20_000)
    with pytest.raises(IdempotencyAlreadyInProgressError):
        lambda_handler(event("aws-health-kms-open"), CONTEXT)
    prod.change_records(status="INPROGRESS", in_progress_expiration=now - 1)
    answer = lambda_handler(event("aws-health-kms-open"), CONTEXT)

    assert answer == {"observations": 1}
    assert [record["status"] for record in prod.records()] == ["COMPLETED"]


def test_a_killed_invocations_record_counts_until_its_own_end(prod: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignalService, "handle", lambda *_: exit_now())

    with pytest.raises(SystemExit):
        lambda_handler(event("aws-health-kms-open"), CONTEXT)

    record = prod.records()[0]
    assert record["status"] == "INPROGRESS"
    assert 20_000 < int(record["in_progress_expiration"]) - time.time() * 1000 <= 30_000


def exit_now() -> None:
    raise SystemExit


@pytest.mark.parametrize("name", ["aws-health-kms-open", "aws-health-abuse-event"])
def test_an_event_that_cannot_be_written_down_fails_and_is_not_lost(prod: World, name: str) -> None:
    boto3.client("dynamodb", region_name=WEST).delete_table(TableName="prod-state")

    with pytest.raises((IdempotencyPersistenceLayerError, ClientError)):
        lambda_handler(event(name), CONTEXT)


@pytest.mark.parametrize(
    "stranger",
    [
        {},
        {"source": "aws.ec2", "detail": {}},
        {"source": "aws.health", "detail": {}},
        {"id": 5, "time": []},
        [],
        "x",
        None,
    ],
)
def test_an_unknown_event_is_recorded_counted_logged_and_not_retried(
    prod: World, stranger: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = lambda_handler(stranger, CONTEXT)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [line for line in lines if "EventIgnored" in line]
    assert (answer["observations"], answer["ignored"]) == (0, prod.state.ignored_events(2)[0].reason)
    assert [line["EventIgnored"] for line in counted] == [[1.0]]
    assert counted[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "kms-failover"
    assert counted[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Deployment", "Function"]]
    assert counted[0]["Deployment"] == "prod"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["event ignored"]


def test_an_unknown_event_is_loud_each_time_and_recorded_under_its_own_id(
    prod: World, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        lambda_handler(event("aws-health-abuse-event"), CONTEXT)

    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 2
    assert {one.id for one in prod.state.ignored_events(10)} == {event("aws-health-abuse-event")["id"]}
    assert prod.records() == []


def test_the_probe_of_a_region_is_asked_for_the_key_sets_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[tuple[str, dict[str, Any]]] = []

    def client(_service: str, *, region_name: str, config: object) -> Any:  # as boto3's
        return type("Functions", (), {"invoke": lambda _self, **request: requests.append((region_name, request))})()

    monkeypatch.setattr(boto3, "client", client)
    place = Place.of_function(CONTEXT.invoked_function_arn)

    bootstrap._key_prober(place)(("orders", "invoices"))
    bootstrap._key_probers(place)(EAST, ("orders",))

    assert [(region, one["FunctionName"], json.loads(one["Payload"])) for region, one in requests] == [
        (WEST, "prod-probe", {"key_sets": ["orders", "invoices"]}),
        (EAST, "prod-probe", {"key_sets": ["orders"]}),
    ]
    assert {one["InvocationType"] for _, one in requests} == {"Event"}


def test_a_health_event_becomes_an_observation_of_this_region(prod: World) -> None:
    lambda_handler(event("aws-health-kms-open"), CONTEXT)

    seen = prod.state.observations(ANY_TIME)
    assert {(one.source, one.observer, one.region) for one in seen} == {(Source.HEALTH_EVENT, WEST, EAST)}


def test_an_event_that_comes_before_its_time_is_taken_when_it_comes_again(
    prod: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = datetime.fromisoformat(event("aws-health-kms-open")["time"]) - timedelta(hours=2)
    service = bootstrap.signals(CONTEXT)._service
    clock = service._clock
    monkeypatch.setattr(service, "_clock", lambda: early)
    ignored = lambda_handler(event("aws-health-kms-open"), CONTEXT)
    monkeypatch.setattr(service, "_clock", clock)

    taken = lambda_handler(event("aws-health-kms-open"), CONTEXT)

    assert ignored["observations"] == 0
    assert taken == {"observations": 1}


@pytest.mark.parametrize(
    ("ignored", "rings"),
    [
        (event("drill-region-impaired") | {"detail": {"deployment": "prod", "region": "us-wset-1"}}, False),
        (event("drill-region-impaired") | {"detail": {}}, False),
        (event("aws-health-abuse-event"), True),
    ],
    ids=["a drill of an unknown region", "a drill of an unknown shape", "an event of AWS's"],
)
def test_only_an_event_that_aws_alone_can_put_rings_the_alarm_when_it_is_ignored(
    prod: World,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    ignored: dict[str, Any],
    *,
    rings: bool,
) -> None:
    """Anybody in the account can put a drill: it is ignored with a line, which the status shows as well."""
    lambda_handler(ignored, CONTEXT)

    assert ("EventIgnored" in capsys.readouterr().out) is rings
    assert "event ignored" in caplog.text
    assert len(prod.state.ignored_events(9)) == 1
