"""The signals function: every event of events/ that it is subscribed to is taken, any other is answered loudly."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.signals.handler import lambda_handler
from kms_failover.domain.key_set import KeySet, MemberKey
from tests.domain.strategies import EAST, NOON
from tests.functions.lambdas import Stack, event, stack

OF_REGIONS = ["aws-health-kms-open", "aws-health-kms-closed", "aws-health-multiple-services", "cloudwatch-alarm"]
OF_KEYS = ["kms-cmk-rotation", "kms-cmk-deletion", "cloudtrail-disable-key"]


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        named = MemberKey(region=EAST, arn=event("kms-cmk-deletion")["resources"][0])
        made.state.put_key_set(KeySet(name="orders", members=(named, made.key_set.members[1])))
        yield made


@pytest.mark.parametrize("name", [*OF_REGIONS, *OF_KEYS, "drill-region-impaired"])
def test_each_event_becomes_one_observation_however_often_it_comes(prod: Stack, name: str) -> None:
    answers = [lambda_handler(event(name), prod.context("signals")) for _ in range(2)]

    assert answers == [{"observations": 1}] * 2
    assert len(prod.state.observations("orders", NOON.replace(year=2000))) == 1


@pytest.mark.parametrize("wrong", [{}, {"source": "aws.ec2", "detail": {}}, {"source": "aws.health", "detail": {}}])
def test_an_unknown_event_is_counted_and_logged_and_not_retried(
    prod: Stack, wrong: dict[str, Any], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = lambda_handler(wrong, prod.context("signals"))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answer["observations"] == 0
    assert answer["ignored"]
    assert [line["EventIgnored"] for line in lines if "EventIgnored" in line] == [[1.0]]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["event ignored"]
