"""The page is drawn from report.json alone, asks for nothing from outside, and says what failed first."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from proofs.drill import report as reports
from proofs.drill.charts import Mark, label_rows, log_ticks, ticks, width
from proofs.drill.headlines import headlines, percent

VOID = {"meta", "br"}


@pytest.fixture
def report() -> dict[str, Any]:
    """As small as a real one can be."""
    return {
        "passed": False,
        "started_at": "2026-11-23T21:50:11.1+00:00",
        "duration_seconds": 201.3,
        "regions": {"preferred": "us-east-1", "other": "us-west-2"},
        "checks": [
            {"step": "1 Keys", "name": "held", "expected": 0, "observed": 0, "ok": True},
            {"step": "6 Back", "name": "did not", "expected": 0, "observed": "<b>3</b>", "ok": False},
        ],
        "requests": {
            "total": 2,
            "failed": 1,
            "rerouted": 1,
            "degraded": 0,
            "by_phase": [
                {"phase": "during", "client": "library", "region": "us-east-1", "total": 2, "failed": 1, "rerouted": 1}
                | {"degraded": 0, "p50_ms": 12.3, "p99_ms": None}
            ],
        },
        "first_request_after_fault_ms": 231.4,
        "p50_ms": {"before": 14.0, "during": 19.0, "after": None},
        "p99_ms": {"before": 40.0, "during": 230.0, "after": None},
        "detection_seconds": 11.3,
        "route_change_seconds": 11.9,
        "objects": {"total": 40, "opened_in_secondary": 40, "opened_in_primary_after": 40},
        "coverage": {"before": 0.5, "after": 0.9996},
        "debt": {"peak": 24, "after": 0},
        "reimport_seconds": 2.4,
        "timeline": [
            {"at_seconds": 40, "label": "KMS in us-east-1 silent", "kind": "fault", "detail": "the drill"},
            {"at_seconds": 90, "label": "KMS answers again", "kind": "recovery", "detail": "the drill"},
        ],
        "series": {
            "requests": [{"second": 0, "usual": 1, "degraded": 0, "rerouted": 0, "failed": 1}],
            "dots": [[0.2, 12.0, "usual"], [0.4, 300.0, "failed"]],
            "latency": [{"at_seconds": 2.5, "p50_library_ms": 12.0, "p50_function_ms": None, "p99_ms": 300.0}],
            "coverage": [{"at_seconds": -5, "regions": {"us-west-2": 0.5}}],
            "debt": [{"at_seconds": 1, "regions": {"us-east-1": 0, "us-west-2": 0}}],
        },
        "settings": [{"name": "rules.healthy_after_seconds", "default": 600, "used": 20, "why": "a drill is short"}],
        "versions": {"python": "3.13.0"},
    }


def crashed(report: dict[str, Any]) -> dict[str, Any]:
    """What is left of a run whose first step crashed."""
    empty: dict[str, list[Any]] = {"requests": [], "dots": [], "latency": [], "coverage": [], "debt": []}
    nothing = {"before": None, "during": None, "after": None}
    return report | {
        "requests": {"total": 0, "failed": 0, "rerouted": 0, "degraded": 0, "by_phase": []},
        "first_request_after_fault_ms": None,
        "p50_ms": nothing,
        "p99_ms": nothing,
        "detection_seconds": None,
        "route_change_seconds": None,
        "objects": {"total": 0, "opened_in_secondary": None, "opened_in_primary_after": None},
        "coverage": {"before": None, "after": None},
        "debt": {"peak": None, "after": None},
        "reimport_seconds": None,
        "timeline": [],
        "series": empty,
    }


class Balanced(HTMLParser):
    """Fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_balanced(page: str) -> None:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []


def test_the_page_nests_and_asks_for_nothing_from_outside(report: dict[str, Any]) -> None:
    page = reports.page(report)

    assert_balanced(page)
    assert not re.search(r"""(?:src|href)=|url\(|@import|https?:""", page)


def test_failed_checks_come_before_those_that_hold(report: dict[str, Any]) -> None:
    page = reports.page(report)

    assert "FAILED" in page.split("<section")[0]
    assert page.index("did not") < page.index("held")


def test_what_was_observed_is_shown_and_never_taken_for_markup(report: dict[str, Any]) -> None:
    page = reports.page(report)

    assert "&lt;b&gt;3&lt;/b&gt;" in page
    assert "<b>3</b>" not in page


def test_a_share_that_is_almost_one_is_not_shown_as_one(report: dict[str, Any]) -> None:
    report["checks"][1] |= {"expected": 1.0, "observed": 0.9867}

    page = reports.page(report)

    assert "expected 1, observed 0.9867" in page


def test_a_run_that_crashed_has_a_page_that_says_what_was_not_measured(report: dict[str, Any]) -> None:
    page = reports.page(crashed(report))

    assert_balanced(page)
    assert "not measured" in page


def test_a_run_without_measurements_has_no_good_headline(report: dict[str, Any]) -> None:
    cards = headlines(crashed(report))

    assert all(card.bad for card in cards)


def test_each_chart_has_a_name_axes_with_units_and_the_marks(report: dict[str, Any]) -> None:
    page = reports.page(report)

    assert page.count("<svg") == 4
    assert page.count("time since the traffic began (s)") == 4
    assert "requests per second" in page
    assert "milliseconds (log scale)" in page
    assert page.count('class="mark fault"') == 4


def test_almost_everything_is_not_shown_as_everything() -> None:
    assert percent(0.9996) == "99.9 %"
    assert percent(1.0) == "100 %"


def test_labels_of_marks_never_overlap_within_a_row() -> None:
    marks = [Mark(at, "a label of some length") for at in (10, 11, 12, 60)]

    rows = label_rows(marks, lambda at: at * 10)

    assert rows == [0, 1, 2, 0]
    assert width(marks[0].label) < 500


def test_ticks_are_round_and_inside_the_range() -> None:
    assert ticks(0, 47) == [0, 10, 20, 30, 40]
    assert ticks(5, 5) == [5]
    assert log_ticks(1, 300) == [1, 2, 5, 10, 20, 50, 100, 200]


def test_the_page_can_be_drawn_again_from_the_file(report: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(report), "utf-8")

    status = reports.main([str(file)])

    assert status == 0
    assert file.with_suffix(".html").read_text("utf-8") == reports.page(report)


def test_a_file_that_is_no_report_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = reports.main([str(tmp_path / "missing.json")])

    assert status == 2
    assert capsys.readouterr().err.count("\n") == 1
