"""The probe function: real round trips in both regions, and what is written, measured and answered of them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.probe.handler import lambda_handler
from kms_failover import bootstrap
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.observation import Observation, Outcome
from kms_failover.errors import EventFormatError
from tests.client.kms_world import aws_error
from tests.domain.strategies import EAST, NOON, WEST
from tests.functions.lambdas import Stack, stack


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setattr("random.random", lambda: 0.0)  # rounds start without jitter
    with stack(monkeypatch) as made:
        yield made


def written(prod: Stack) -> list[Observation]:
    return list(prod.state.observations(NOON.replace(year=2000)))


def about_regions(prod: Stack) -> set[tuple[str, str, Outcome]]:
    return {(one.region, one.observer, one.outcome) for one in written(prod) if not one.key_set}


def metrics(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    measured = [line for line in lines if "_aws" in line]
    assert all(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Deployment", "Region"]] for line in measured)
    assert {line["Deployment"] for line in measured} <= {"prod"}
    return sorted(
        (line["Region"], f"{name} {line[name]}" if name == "RegionFault" else name)
        for line in measured
        for name in ("RegionFault", "ProbeLatency")
        if name in line
    )


def test_a_round_observes_every_region_and_answers_the_counts(prod: Stack) -> None:
    answer = lambda_handler({"rounds": 1}, prod.context("probe"))

    assert answer == {"ok": len(written(prod)), "region fault": 0, "key fault": 0, "refused": 0, "inconclusive": 0}
    assert about_regions(prod) == {(r, WEST, Outcome.OK) for r in (EAST, WEST)}


def test_each_region_is_measured_once_a_round_with_its_latency(prod: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(100):
        prod.state.put_key_set(prod.key_set.but(name=f"set-{number}"))

    lambda_handler({"rounds": 1}, prod.context("probe"))

    assert metrics(capsys) == [
        (region, name) for region in (EAST, WEST) for name in ("ProbeLatency", "RegionFault [0.0]")
    ]


SCHEDULE = {"rounds": 1, "deployed_in": [EAST, WEST]}  # as the template's, but for the rounds


def test_where_no_key_set_is_applied_no_round_is_said_to_fail(
    prod: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StateTable, "key_sets", lambda _state: ())

    lambda_handler(SCHEDULE, prod.context("probe"))
    scheduled = metrics(capsys)
    lambda_handler({"rounds": 1}, prod.context("probe"))
    woken = metrics(capsys)

    assert scheduled == [(EAST, "RegionFault [0.0]"), (WEST, "RegionFault [0.0]")]
    assert woken == []


def test_a_region_that_no_key_set_names_is_not_said_to_fail_and_the_others_are_measured(
    prod: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    prod.state.put_key_set(prod.key_set.but(members=prod.key_set.members[1:]))

    lambda_handler(SCHEDULE, prod.context("probe"))

    assert metrics(capsys) == [(EAST, "RegionFault [0.0]"), (WEST, "ProbeLatency"), (WEST, "RegionFault [0.0]")]


def test_a_region_whose_only_member_is_refused_is_not_measured_so_that_its_alarm_rings(
    prod: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = MemberKey(region=EAST, arn=f"arn:aws:kms:{EAST}:999999999999:key/of-a-stranger")
    prod.state.put_key_set(KeySet(name="orders", members=(strange,)))

    lambda_handler(SCHEDULE, prod.context("probe"))

    assert metrics(capsys) == [(WEST, "RegionFault [0.0]")]


def test_a_probe_that_cannot_read_the_key_sets_measures_nothing_so_that_its_alarms_ring(
    prod: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_state: StateTable) -> tuple[KeySet, ...]:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(StateTable, "key_sets", away)

    with pytest.raises(ExceptionGroup):
        lambda_handler(SCHEDULE, prod.context("probe"))

    assert metrics(capsys) == []


def test_a_disabled_key_is_its_key_sets_fault_and_measures_nothing_of_its_region(
    prod: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    prod.kms[EAST].disable_key(KeyId=prod.key_set.members[0].arn)

    answer = lambda_handler({"rounds": 1}, prod.context("probe"))

    assert metrics(capsys) == [(WEST, "ProbeLatency"), (WEST, "RegionFault [0.0]")]
    assert (answer["key fault"], answer["inconclusive"]) == (1, 1)
    assert about_regions(prod) == {(EAST, WEST, Outcome.INCONCLUSIVE), (WEST, WEST, Outcome.OK)}
    codes = [getattr(record, "code", "") for record in caplog.records if record.message == "probe failed"]
    assert codes == ["DisabledException"] * 2


def test_a_region_that_fails_is_measured_without_a_latency(
    prod: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = aws_error("KMSInternalException", 500)

    def fail(*_: Any) -> Any:
        raise failure()

    monkeypatch.setattr("kms_failover.adapters.prober.answer_of", fail)

    answer = lambda_handler({"rounds": 1}, prod.context("probe"))

    assert metrics(capsys) == [(region, "RegionFault [1.0]") for region in (EAST, WEST)]
    assert answer == {"ok": 0, "region fault": len(written(prod)), "key fault": 0, "refused": 0, "inconclusive": 0}


def test_the_own_keys_of_a_key_set_are_asked_at_once_and_measure_no_region(
    prod: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    prod.kms[EAST].disable_key(KeyId=prod.key_set.members[0].arn)

    answer = lambda_handler({"key_sets": ["orders"]}, prod.context("probe"))

    assert answer == {"ok": 1, "region fault": 0, "key fault": 1, "refused": 0, "inconclusive": 0}
    assert {(o.key_set, o.region, o.outcome) for o in written(prod)} == {
        ("orders", EAST, Outcome.KEY_FAULT),
        ("orders", WEST, Outcome.OK),
    }
    assert metrics(capsys) == []


@pytest.mark.parametrize(
    "wrong", [{"rounds": 0}, {"rounds": 7}, {"rounds": "1"}, {"rounds": True}, {"key_sets": "orders"}]
)
def test_a_request_that_makes_no_sense_is_refused(prod: Stack, wrong: dict[str, Any]) -> None:
    with pytest.raises(EventFormatError):
        lambda_handler(wrong, prod.context("probe"))

    assert written(prod) == []


@pytest.mark.parametrize("woken", [{}, None, {"version": "0", "detail-type": "Scheduled Event", "detail": {}}])
def test_whatever_the_schedule_sends_is_a_minute_of_rounds(
    prod: Stack, monkeypatch: pytest.MonkeyPatch, woken: Any
) -> None:
    asked: list[int] = []

    def run(rounds: int, _tell: Any) -> list[Observation]:
        asked.append(rounds)
        return []

    monkeypatch.setattr(bootstrap.probe(prod.context("probe")), "run", run)

    lambda_handler(woken, prod.context("probe"))

    assert asked == [6]


def test_a_table_or_a_controller_that_is_silent_costs_a_round_two_seconds_and_four_at_worst(
    prod: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That rounds bear it: tests/domain/routing/test_static_stability.py."""
    configs: list[Any] = []
    monkeypatch.setattr(bootstrap, "_waker", lambda _place, config: configs.append(config))

    state: Any = bootstrap.probe(prod.context("probe"))._state
    configs.append(state._items._table.meta.client.meta.config)

    for config in configs:
        waits, attempts = config.connect_timeout + config.read_timeout, config.retries["total_max_attempts"]
        assert max(config.connect_timeout, config.read_timeout) * attempts <= 2
        assert waits * attempts <= 4
