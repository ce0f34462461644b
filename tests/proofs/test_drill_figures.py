"""The report's figures, from records that could have been measured."""

import pytest

from proofs.drill import figures
from proofs.drill.traffic import Record


def record(at: float, milliseconds: float = 10.0, region: str = "us-east-1", **more: object) -> Record:
    facts = {"client": "library", "operation": "Decrypt", "outcome": "ok"} | more
    return Record(at=at, milliseconds=milliseconds, region=region, **facts)  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("values", "share", "expected"), [(range(1, 101), 0.99, 99), (range(1, 101), 0.5, 50), ([7], 0.99, 7)]
)
def test_percentiles_are_values_that_were_measured(values: list[float], share: float, expected: float) -> None:
    assert figures.percentile(values, share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    assert figures.percentile([], 0.5) is None


def test_the_first_request_after_the_fault_is_the_first_that_began_after_it_in_that_region() -> None:
    records = [record(9.9, 1500), record(10.2, 40, "us-west-2"), record(10.5, 30), record(10.3, 231.44)]

    assert figures.first_request_after(records, 10.0, "us-east-1") == 231.4


def test_without_a_fault_there_is_no_first_request_after_it() -> None:
    assert figures.first_request_after([record(1.0)], None, "us-east-1") is None


def test_a_second_without_requests_is_shown_as_empty() -> None:
    rows = figures.per_second([record(100.2), record(102.9, outcome="TimeoutError")], began=100.0)

    assert [row["second"] for row in rows] == [0, 1, 2]
    assert [row["usual"] for row in rows] == [1, 0, 0]
    assert rows[2]["failed"] == 1


def test_every_request_is_drawn_exactly_once() -> None:
    records = [record(1.0, rerouted=True, degraded=True), record(1.1, degraded=True), record(1.2, outcome="x")]

    (row,) = figures.per_second(records, began=1.0)

    assert sum(row[name] for name in ("usual", "degraded", "rerouted", "failed")) == len(records)


def test_totals_count_a_request_that_was_rerouted_and_degraded_as_both() -> None:
    found = figures.totals([record(1.0, rerouted=True, degraded=True), record(2.0)])

    assert found == {"total": 2, "failed": 0, "rerouted": 1, "degraded": 1}


def test_phases_begin_with_the_fault_and_with_the_recovery() -> None:
    seen = [figures.phase(at, 10.0, 20.0) for at in (9.9, 10.0, 19.9, 20.0)]

    assert seen == ["before", "during", "during", "after"]


def test_a_route_change_from_before_the_fault_does_not_count() -> None:
    history = [
        {"Epoch": 3, "Regions": ["us-west-2"], "DecidedAt": "2026-01-01T00:00:31+00:00"},
        {"Epoch": 2, "Regions": ["us-east-1"], "DecidedAt": "2026-01-01T00:00:20+00:00"},
        {"Epoch": 1, "Regions": ["us-west-2"], "DecidedAt": "2026-01-01T00:00:10+00:00"},
    ]
    fault = figures.since("2026-01-01T00:00:15+00:00")

    assert fault is not None
    assert figures.changed_to(history, "us-west-2", fault) == history[0]
    assert figures.changed_to(history, "us-west-2", fault + 60) is None


def test_only_calls_that_were_added_are_reported() -> None:
    before = {"Decrypt": 5, "Encrypt": 1}

    assert figures.more(before, {"Decrypt": 5, "Encrypt": 1}) == {}
    assert figures.more(before, {"Decrypt": 7, "Encrypt": 1, "GenerateDataKey": 1}) == {
        "Decrypt": 2,
        "GenerateDataKey": 1,
    }
