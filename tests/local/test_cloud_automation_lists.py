"""Filters and pages of Automation's two lists."""

from typing import Any

import pytest

from local.cloud.gaps.automation_filters import BadFilterError, page_of, wanted_executions, wanted_steps

EXECUTIONS = [
    {
        "AutomationExecutionId": name,
        "DocumentName": f"kms-{name}",
        "AutomationExecutionStatus": status,
        "ExecutionStartTime": at,
    }
    for name, status, at in (("a", "Success", 100.0), ("b", "Failed", 200.0), ("c", "Success", 300.0))
]
STEPS = [{"StepName": "one", "StepStatus": "Success"}, {"StepName": "two", "StepStatus": "Pending"}]


def ids(*filters: tuple[str, str]) -> str:
    asked = [{"Key": key, "Values": values.split()} for key, values in filters]
    return "".join(str(one["AutomationExecutionId"]) for one in wanted_executions(EXECUTIONS, asked))


def test_filters_are_ands_and_their_values_are_ors() -> None:
    assert ids() == "abc"
    assert ids(("ExecutionStatus", "Success")) == "ac"
    assert ids(("ExecutionStatus", "Success Failed"), ("ExecutionId", "b c")) == "bc"
    assert ids(("DocumentNamePrefix", "kms-a")) == "a"
    assert ids(("StartTimeBefore", "1970-01-01T00:03:20Z")) == "a"
    assert ids(("StartTimeAfter", "1970-01-01T00:03:20Z")) == "bc"


def test_steps_are_filtered_by_keys_of_their_own() -> None:
    assert wanted_steps(STEPS, [{"Key": "StepExecutionStatus", "Values": ["Pending"]}]) == STEPS[1:]


@pytest.mark.parametrize("key", ["TagKey", "StepName"])
def test_a_key_that_is_not_offered_is_refused(key: str) -> None:
    with pytest.raises(BadFilterError):
        ids((key, "x"))


def test_pages_follow_each_other_and_end() -> None:
    found = list(range(120))
    request: dict[str, Any] = {}
    shown: list[Any] = []
    sizes = []

    while True:
        page = page_of(found, request)  # type: ignore[arg-type]  # whatever is listed
        shown += page.found
        sizes.append(len(page.found))
        if not page.token:
            break
        request["NextToken"] = page.token

    assert (shown, sizes) == (found, [50, 50, 20])
    assert page_of(found, {"MaxResults": 7}).found == found[:7]  # type: ignore[arg-type,comparison-overlap]


def test_a_token_of_nobodys_is_refused() -> None:
    with pytest.raises(BadFilterError):
        page_of([], {"NextToken": "x"})
