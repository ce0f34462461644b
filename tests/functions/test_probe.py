"""The probe function: real round trips in both regions, one observation each, one metric each."""

import json
from collections.abc import Iterator

import pytest

from functions.probe.handler import lambda_handler
from kms_failover.domain.health import Outcome
from tests.domain.strategies import EAST, NOON, WEST
from tests.functions.lambdas import Stack, stack


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        yield made


def test_a_round_observes_every_region_and_answers_the_counts(prod: Stack) -> None:
    answer = lambda_handler({"rounds": 1}, prod.context("probe"))

    seen = prod.state.observations("orders", NOON.replace(year=2000))
    assert answer == {"ok": 2, "region fault": 0, "key fault": 0, "inconclusive": 0}
    assert {(one.region, one.observer, one.outcome) for one in seen} == {(r, WEST, Outcome.OK) for r in (EAST, WEST)}


def test_a_disabled_key_is_a_key_fault_and_no_region_fault(
    prod: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    prod.kms[EAST].disable_key(KeyId=prod.key_set.members[0].arn)

    answer = lambda_handler({"rounds": 1}, prod.context("probe"))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = {line["Region"]: line["RegionFault"] for line in lines if "RegionFault" in line}
    assert (answer["ok"], answer["key fault"]) == (1, 1)
    assert metrics == {EAST: [0.0], WEST: [0.0]}
    assert [getattr(record, "code", "") for record in caplog.records if record.message == "probe failed"] == [
        "DisabledException"
    ]
