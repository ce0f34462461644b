"""What a role may do, as IAM evaluates its statements; and in words, where that is not what its code does."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from tests.template.calls import ALGORITHM, Call, calls
from tests.template.deployed import MEMBER_KEYS, Stack

READS_EVERYTHING = {"data-keys", "controller", "rewrap", "sweep", "reimport", "runbook"}
READS = {"dynamodb:Query", "dynamodb:GetItem"}


def wrong_rights(stack: Stack, role: str) -> list[str]:
    return [*_refused(stack, role), *_unneeded(stack, role), *_too_wide(stack, role)]


def _refused(stack: Stack, role: str) -> Iterator[str]:
    for call in calls(stack, role):
        if not _allowed(stack.statements(role), call):
            yield f"{role} may not {call}"


def _unneeded(stack: Stack, role: str) -> Iterator[str]:
    """Actions, resources and partitions of a statement that no call is for."""
    for statement in stack.statements(role):
        used = [call for call in calls(stack, role) if _allowed([statement], call)]
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                of_peer = resource in MEMBER_KEYS and f":{stack.region}:" not in resource  # other conditions bind it
                if not of_peer and not any(c.action == action and fnmatchcase(c.resource, resource) for c in used):
                    yield f"{role} needs no {action} on {resource} ({statement['Sid']})"
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                for value in _list(values):
                    if not any(key in call.context and _matches(operator, call.context[key], value) for call in used):
                        yield f"{role} needs no {key} {value} ({statement['Sid']})"


def _too_wide(stack: Stack, role: str) -> Iterator[str]:
    """What each call's neighbours may: another deployment's resource, another partition, encryption context, region."""
    for call in calls(stack, role):
        neighbours = [replace(call, resource=call.resource.replace(stack.place.deployment.name, "other"))]
        if role not in READS_EVERYTHING or call.action not in READS:
            neighbours += [replace(call, context=_without(key, call)) for key in call.context]
            neighbours += [replace(call, context=call.context | {key: "another"}) for key in _bound_by_value(call)]
        for neighbour in neighbours:
            if neighbour != call and _allowed(stack.statements(role), neighbour):
                yield f"{role} may {neighbour}"


def _without(key: str, call: Call) -> dict[str, str]:
    return {other: value for other, value in call.context.items() if other != key}


def _bound_by_value(call: Call) -> list[str]:
    return [key for key in call.context if key != ALGORITHM]  # that one has to be there, whatever it says


def _allowed(statements: list[dict[str, Any]], call: Call) -> bool:
    return any(
        call.action in _list(statement["Action"])
        and any(fnmatchcase(call.resource, resource) for resource in _list(statement["Resource"]))
        and _holds(statement.get("Condition", {}), call.context)
        for statement in statements
    )


def _holds(condition: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    return all(
        (key in context) is (_list(values) == ["false"])
        if operator == "Null"
        else key in context and any(_matches(operator, context[key], value) for value in _list(values))
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def _matches(operator: str, value: str, pattern: str) -> bool:
    if operator == "Null":
        return pattern == "false"
    kind = operator.removeprefix("ForAllValues:")
    assert kind in {"StringEquals", "StringLike"}
    return fnmatchcase(value, pattern) if kind == "StringLike" else value == pattern


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
