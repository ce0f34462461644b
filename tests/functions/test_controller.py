"""The controller function: observations in, a route and its announcement out."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from functions.controller.handler import lambda_handler
from kms_failover.adapters.announcer import SnsAndEventBridge
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from tests.domain.strategies import EAST, WEST, arn
from tests.functions.lambdas import Stack, event, stack


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        boto3.client("sns", region_name=WEST).create_topic(Name="prod-changes")
        monkeypatch.setattr(
            "kms_failover.domain.naming.Place.changes_topic",
            property(lambda place: f"arn:aws:sns:{place.region}:123456789012:prod-changes"),  # moto's account
        )
        yield made


def lose_east(prod: Stack) -> None:
    observe(prod, {EAST: Outcome.REGION_FAULT, WEST: Outcome.OK})


def observe(prod: Stack, seen: dict[str, Outcome]) -> None:
    now = datetime.now(UTC)
    for region, outcome in seen.items():
        for number in range(3):
            prod.state.add_observation(
                Observation(
                    observer=WEST,
                    region=region,
                    source=Source.PROBE,
                    outcome=outcome,
                    at=now - timedelta(seconds=10 * number),
                    id=f"{region} {number}",
                    code="ReadTimeoutError" if outcome is Outcome.REGION_FAULT else "",
                )
            )
    key = Observation(
        key_set="orders", observer=WEST, region=WEST, source=Source.PROBE, outcome=Outcome.OK, at=now, id="key"
    )
    prod.state.add_observation(key)


def test_a_lost_region_changes_the_route_in_the_table_and_in_the_answer(prod: Stack) -> None:
    lose_east(prod)

    answer = lambda_handler({}, prod.context("controller"))

    judgement = prod.state.judgement("orders")
    assert json.loads(json.dumps(answer)) == {"routes": {"orders": {"regions": [WEST, EAST], "epoch": 1}}}
    assert judgement is not None
    assert (judgement.route.regions, judgement.is_announced) == ((WEST, EAST), True)


def test_whatever_wakes_it_the_route_is_the_same(prod: Stack) -> None:
    lose_east(prod)

    wakers: list[dict[str, Any]] = [{}, event("kms-route-changed")]

    answers = [lambda_handler(woken_by, prod.context("controller")) for woken_by in wakers]

    assert answers[0] == answers[1]
    assert len(prod.state.history("orders")) == 1


def test_a_lost_region_is_counted_although_nobody_can_be_told(
    prod: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> None:
        raise ConnectionError("nobody is there")

    monkeypatch.setattr(SnsAndEventBridge, "publish_to_people", unreachable)
    lose_east(prod)

    with pytest.raises(ExceptionGroup):
        lambda_handler({}, prod.context("controller"))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RegionLost" in line]
    assert {line.get("Region", ANY_REGION): line["RegionLost"] for line in lines} == {
        EAST: [1.0],
        WEST: [0.0],
        ANY_REGION: [1.0],
    }
    assert {line["Deployment"] for line in lines} == {"prod"}


ANY_REGION = "any"


def lost(capsys: pytest.CaptureFixture[str]) -> dict[str, list[float]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RegionLost" in line]
    return {line.get("Region", ANY_REGION): line["RegionLost"] for line in lines}


def test_where_no_key_set_is_applied_the_schedule_counts_none_that_cannot_use_a_region(
    prod: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StateTable, "key_sets", lambda _state: ())

    lambda_handler({"deployed_in": [EAST, WEST]}, prod.context("controller"))
    scheduled = lost(capsys)
    lambda_handler({}, prod.context("controller"))
    woken = lost(capsys)

    assert scheduled == {EAST: [0.0], WEST: [0.0], ANY_REGION: [0.0]}
    assert woken == {}


def test_a_region_that_a_key_set_cannot_use_is_counted_whoever_wakes_the_controller(
    prod: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_east(prod)

    lambda_handler({"deployed_in": [EAST, WEST]}, prod.context("controller"))

    assert lost(capsys) == {EAST: [1.0], WEST: [0.0], ANY_REGION: [1.0]}


def test_a_lost_region_that_the_deployment_has_no_alarm_of_is_counted_among_all(
    prod: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    third = "eu-west-1"
    members = (*prod.key_set.members, prod.key_set.members[0].but(region=third, arn=arn(third)))
    prod.state.put_key_set(prod.key_set.but(members=members))
    observe(prod, {EAST: Outcome.OK, WEST: Outcome.OK, third: Outcome.REGION_FAULT})

    lambda_handler({"deployed_in": [EAST, WEST]}, prod.context("controller"))

    assert lost(capsys) == {EAST: [0.0], WEST: [0.0], third: [1.0], ANY_REGION: [1.0]}


def test_a_controller_that_could_not_decide_everything_measures_nothing_in_the_place_of_it(
    prod: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ConnectionError("the table is away")

    monkeypatch.setattr(StateTable, "put_judgement", fails)

    with pytest.raises(ExceptionGroup):
        lambda_handler({"deployed_in": [EAST, WEST]}, prod.context("controller"))

    assert lost(capsys) == {}


@pytest.mark.parametrize("said", [None, 5, "us-east-1", {"us-east-1": 1}, [None, 5, ["x"]]])
def test_a_schedule_that_says_no_regions_keeps_no_controller_from_running(prod: Stack, said: Any) -> None:
    assert lambda_handler({"deployed_in": said}, prod.context("controller"))["routes"].keys() == {"orders"}
