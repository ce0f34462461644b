"""What an Automation document may hold, which parameters it takes, and how values are referred to and converted."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from local.cloud.automation import DocumentError, ParameterError, parse_runbook, typed_parameters
from local.cloud.automation.values import ABSENT, ConversionError, as_texts, converted, resolved, selected

SLEEP = {"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}


def a_document(**more: Any) -> dict[str, Any]:
    return {"schemaVersion": "0.3", "mainSteps": [SLEEP | more]}


def test_a_step_has_the_defaults_that_aws_documents() -> None:
    step = parse_runbook(a_document()).steps[0]

    assert (step.max_attempts, step.on_failure, step.is_end, step.is_critical) == (1, "Abort", False, True)


@pytest.mark.parametrize(
    "refused",
    [
        {"schemaVersion": "2.2", "mainSteps": [SLEEP]},
        {"schemaVersion": "0.3", "mainSteps": []},
        {"schemaVersion": "0.3", "mainSteps": [SLEEP, SLEEP]},
        a_document(action="aws:runCommand"),
        a_document(retries=3),
        a_document(maxAttempts=0),
        a_document(nextStep="nowhere"),
        a_document(onFailure="step:nowhere"),
        a_document(onFailure="Ignore"),
        a_document(timeoutSeconds=604_801),
        a_document(action="aws:invokeLambdaFunction", inputs={"FunctionName": "f"}, timeoutSeconds=301),
        a_document(action="aws:invokeLambdaFunction", inputs={}),
        a_document(action="aws:executeScript", inputs={"Runtime": "python2.7", "Handler": "h", "Script": ""}),
        a_document(inputs={"Duration": "{{ Length }}"}),
        a_document(inputs={"Duration": "{{ nowhere.Length }}"}),
        a_document(outputs=[{"Name": "a", "Selector": "$..b"}]),
        a_document(outputs=[{"Name": "a", "Selector": "$.b", "Type": "Float"}]),
        a_document(action="aws:branch", inputs={"Choices": [{"NextStep": "nap", "Variable": "a", "Equals": "a"}]}),
        a_document(action="aws:branch", inputs={"Choices": [{"NextStep": "x", "Variable": "a", "StringEquals": "a"}]}),
    ],
)
def test_a_document_that_would_not_run_is_refused(refused: dict[str, Any]) -> None:
    with pytest.raises(DocumentError):
        parse_runbook(refused)


def typed(kind: str, *texts: str, **more: Any) -> Any:
    return typed_parameters({"P": {"type": kind, **more}}, {"P": texts})["P"]


@pytest.mark.parametrize(
    ("kind", "texts", "value"),
    [
        ("String", ["a"], "a"),
        ("Boolean", ["True"], True),
        ("Integer", ["-7"], -7),
        ("StringList", ["a", "b"], ["a", "b"]),
        ("StringMap", ['{"a": "b"}'], {"a": "b"}),
        ("MapList", ['{"a": 1}', '{"b": 2}'], [{"a": 1}, {"b": 2}]),
        ("AWS::IAM::Role::Arn", ["arn:aws:iam::000000000000:role/r"], "arn:aws:iam::000000000000:role/r"),
        ("List<AWS::EC2::Instance::Id>", ["i-1"], ["i-1"]),
    ],
)
def test_a_parameter_has_its_declared_type(kind: str, texts: list[str], value: Any) -> None:
    assert typed(kind, *texts) == value


@pytest.mark.parametrize(
    ("kind", "texts", "rules"),
    [
        ("String", ["a", "b"], {}),
        ("Boolean", ["yes"], {}),
        ("Integer", ["1.5"], {}),
        ("Integer", ["true"], {}),
        ("StringMap", ["[]"], {}),
        ("MapList", ["{}", "1"], {}),
        ("String", ["c"], {"allowedValues": ["a", "b"]}),
        ("StringList", ["a", "c"], {"allowedValues": ["a", "b"]}),
        ("String", ["i-1x"], {"allowedPattern": "i-[0-9]+"}),
        ("String", ["abc"], {"maxChars": 2}),
        ("StringList", ["a"], {"minItems": 2}),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(kind: str, texts: list[str], rules: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        typed(kind, *texts, **rules)


@pytest.mark.parametrize("given", [{}, {"P": ["a"], "Q": ["b"]}])
def test_a_missing_and_an_unknown_parameter_are_refused(given: Mapping[str, Sequence[str]]) -> None:
    with pytest.raises(ParameterError):
        typed_parameters({"P": {"type": "String"}}, given)


def test_a_default_stands_for_what_is_not_given() -> None:
    assert typed_parameters({"P": {"type": "StringList", "default": ["x"]}}, {}) == {"P": ["x"]}


KNOWN = {"a": "x", "list": ["p", "q"], "map": {"k": 1}, "yes": True}


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("{{ a }}", "x"),
        ("{{map}}", {"k": 1}),
        ("in {{ a }} and {{ map }}, {{ yes }}", 'in x and {"k": 1}, true'),
        ({"n": ["{{ a }}", "{{ list }}"]}, {"n": ["x", "p", "q"]}),
        ("{{ gone.X }}", ABSENT),
        (5, 5),
    ],
)
def test_a_reference_becomes_the_value_and_in_a_longer_text_its_text(value: Any, becomes: Any) -> None:
    assert resolved(value, KNOWN, lambda _name: ABSENT) == becomes


@pytest.mark.parametrize(
    ("value", "wanted", "becomes"),
    [
        ("a", "StringList", ["a"]),
        ("12", "Integer", 12),
        ("True", "Boolean", True),
        (12, "String", "12"),
        (12, "StringList", ["12"]),
        (True, "String", "true"),
        (False, "StringList", ["false"]),
        (["a"], "String", "a"),
        ([5], "Integer", 5),
        ([True], "Boolean", True),
        ({"a": 1}, "StringMap", {"a": 1}),
        ([{"a": 1}], "MapList", [{"a": 1}]),
    ],
)
def test_the_documented_conversions(value: Any, wanted: str, becomes: Any) -> None:
    """AWS docs: automation-action-outputs-inputs."""
    assert converted(value, wanted) == becomes


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"a": 1}, "String"),
        (["a", "b"], "String"),
        ("x", "Integer"),
        (True, "Integer"),
        (1, "Boolean"),
        ("{}", "StringMap"),
    ],
)
def test_any_other_conversion_is_refused(value: Any, wanted: str) -> None:
    with pytest.raises(ConversionError):
        converted(value, wanted)


def test_a_selector_takes_names_indexes_and_all_elements() -> None:
    made = {"A": [{"B": 1}, {"B": 2}]}

    assert [selected(made, one) for one in ("$", "$.A[1].B", "$.A[*].B", "$.C.D")] == [made, 2, [1, 2], None]


def test_outputs_are_shown_as_lists_of_texts() -> None:
    assert [as_texts(one) for one in ("a", 5, ["a", 1], {"k": True})] == [["a"], ["5"], ["a", "1"], ['{"k": true}']]
