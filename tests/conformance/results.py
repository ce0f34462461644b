"""What became of the cases: a pytest plugin that says pass, fail or not offered, and the file that carries it."""

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.strict_kms.calls import CallLedger

from .behaviour import MARK
from .targets import Opener
from .world import code_of, says_not_offered

PLUGIN = "conformance"
MAKING_KEYS = ("CreateKey", "ReplicateKey")
PYTEST_EXPLAINS = "assert "


class Outcome(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True)
class Result:
    """`case` is file::function[parameters]; `assumed` says what of the claim no primary source confirms."""

    case: str
    outcome: Outcome
    reason: str = ""
    sources: tuple[str, ...] = ()
    assumed: str | None = None


@dataclass(frozen=True)
class Run:
    """`is_whole`: every case that was selected came to its end. `problems`: keys that could not be removed.

    `keys` made and `requests` sent, where the endpoint counts them.
    """

    results: list[Result]
    problems: list[str]
    is_whole: bool
    keys: int = 0
    requests: int = 0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load(path: Path) -> Run:
    content = json.loads(path.read_text())
    results = [
        Result(**(one | {"outcome": Outcome(one["outcome"]), "sources": tuple(one["sources"])}))
        for one in content["results"]
    ]
    return Run(**(content | {"results": results}))


class Recorder:
    """Given to pytest as a plugin for one run against one endpoint."""

    def __init__(self, opener: Opener) -> None:
        self.opener = opener
        self.problems: list[str] = []
        self._selected = self._keys = self._requests = 0
        self._results: dict[str, Result] = {}

    def run(self, code: int | pytest.ExitCode) -> Run:
        """The run that ended with pytest's `code`."""
        results = list(self._results.values())
        came_to_its_end = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        is_whole = came_to_its_end and 0 < len(results) == self._selected
        return Run(results, self.problems, is_whole, self._keys, self._requests)

    def count(self, calls: CallLedger) -> None:
        """Adds what was done to one endpoint."""
        self.add(sum(calls.succeeded(operation) for operation in MAKING_KEYS), calls.total)

    def add(self, keys: int, requests: int) -> None:
        self._keys += keys
        self._requests += requests

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._selected = len(session.items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        error = None if call.excinfo is None else call.excinfo.value
        missing = None if error is None else says_not_offered(error)
        if report.failed and missing is not None:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, missing)
        self._record(item, report, missing or ("" if error is None else _reason(error)))
        return report

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """The words that are printed behind the name of a case."""
        if report.when != "call" and report.passed:
            return "", "", ""
        outcome = _outcome(report)
        return outcome, outcome[0], str(outcome)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for problem in self.problems:
            terminalreporter.write_line(problem, red=True)

    def _record(self, item: pytest.Item, report: pytest.TestReport, reason: str) -> None:
        if report.when != "call" and report.passed:
            return
        mark = item.get_closest_marker(MARK)
        claimed: dict[str, Any] = {} if mark is None else dict(mark.kwargs)
        case = f"{item.path.name}::{item.name}"
        self._results[case] = Result(case, _outcome(report), reason, **claimed)


def _outcome(report: pytest.TestReport) -> Outcome:
    if report.passed:
        return Outcome.PASS
    return Outcome.NOT_OFFERED if report.skipped else Outcome.FAIL


def _reason(error: BaseException) -> str:
    """In words that are the same in each run: without ids and times."""
    if isinstance(error, KeyError) and str(error.args[0]).isidentifier():
        return f"the answer lacks {error.args[0]}"
    if isinstance(error, ClientError):
        return f"refused with {code_of(error)}"
    if isinstance(error, AssertionError):
        said = str(error).partition("\n")[0]
        return "answers otherwise" if said.startswith(PYTEST_EXPLAINS) else said
    return f"ends in {type(error).__name__}"
