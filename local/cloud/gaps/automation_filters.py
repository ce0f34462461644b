"""Filters and pages of Automation's two lists [botocore: ssm, AutomationExecutionFilterKey, StepExecutionFilterKey]."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

LARGEST_PAGE = 50  # [botocore: ssm, MaxResults]

type Answer = Mapping[str, Any]
type Filter = Callable[[Answer, Sequence[str]], bool]


class BadFilterError(Exception):
    """A key that is not offered here, or a token of nobody's."""


class Page(NamedTuple):
    found: list[Answer]
    token: str = ""


def _field(name: str) -> Filter:
    return lambda answer, values: answer.get(name) in values


def _before(answer: Answer, values: Sequence[str]) -> bool:
    return bool(answer.get("ExecutionStartTime", 0.0) < datetime.fromisoformat(values[0]).timestamp())


OF_BOTH: dict[str, Filter] = {
    "StartTimeBefore": _before,
    "StartTimeAfter": lambda answer, values: not _before(answer, values),
}
OF_EXECUTIONS: dict[str, Filter] = OF_BOTH | {
    "DocumentNamePrefix": lambda answer, values: answer["DocumentName"].startswith(tuple(values)),
    "ExecutionStatus": _field("AutomationExecutionStatus"),
    "ExecutionId": _field("AutomationExecutionId"),
    "CurrentAction": _field("CurrentAction"),
    "AutomationType": _field("AutomationType"),
}
OF_STEPS: dict[str, Filter] = OF_BOTH | {
    "StepExecutionStatus": _field("StepStatus"),
    "StepExecutionId": _field("StepExecutionId"),
    "StepName": _field("StepName"),
    "Action": _field("Action"),
}


def wanted_executions(answers: Iterable[Answer], filters: Sequence[Answer]) -> list[Answer]:
    return _wanted(answers, filters, OF_EXECUTIONS)


def wanted_steps(answers: Iterable[Answer], filters: Sequence[Answer]) -> list[Answer]:
    return _wanted(answers, filters, OF_STEPS)


def page_of(found: Sequence[Answer], request: Mapping[str, Any]) -> Page:
    """A token is the number of what was shown before."""
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise BadFilterError(f"no such token: {token}")
    end = int(token) + min(request.get("MaxResults", LARGEST_PAGE), LARGEST_PAGE)
    return Page(list(found[int(token) : end]), str(end) if end < len(found) else "")


def _wanted(answers: Iterable[Answer], filters: Sequence[Answer], known: Mapping[str, Filter]) -> list[Answer]:
    if unknown := {one["Key"] for one in filters} - known.keys():
        raise BadFilterError(f"filter keys that are not offered here: {sorted(unknown)}")
    return [answer for answer in answers if all(known[one["Key"]](answer, one["Values"]) for one in filters)]
