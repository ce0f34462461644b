"""The resources of template.yaml, its functions, and what each of them may do."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.loading import TEXT, loaded


def resources(*kinds: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
    return {name: resource for name, resource in found.items() if not kinds or resource["Type"] in kinds}


TEMPLATE = loaded(TEXT)
FUNCTIONS = resources("AWS::Serverless::Function")
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = FUNCTIONS[name]["Properties"]
    return found


def timeout(name: str) -> int:
    return int(properties(name).get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"]))


def role(name: str) -> str:
    full_name: str = properties(name)["FunctionName"]["Fn::Sub"]
    return full_name.removeprefix("${AWS::StackName}-")


def unconditional(statements: list[Any]) -> Iterator[dict[str, Any]]:
    for statement in statements:
        yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def statements(name: str, effect: str = "Allow") -> list[dict[str, Any]]:
    policies = resources()[name]["Properties"].get("Policies", [])
    said = [statement for policy in policies for statement in unconditional(policy["Statement"])]
    return [statement for statement in said if statement["Effect"] == effect]


def actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action
