"""aws:branch: the first choice that holds names the next step [AWS docs: automation-action-branch]."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .values import as_text

type Choice = Mapping[str, Any]
type Test = Callable[[Any, Any], bool]

TEXTS: dict[str, Test] = {
    "StringEquals": operator.eq,
    "EqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StartsWith": lambda value, wanted: value.startswith(wanted),
    "EndsWith": lambda value, wanted: value.endswith(wanted),
    "Contains": operator.contains,
}
NUMBERS: dict[str, Test] = {
    "NumericEquals": operator.eq,
    "NumericGreater": operator.gt,
    "NumericLesser": operator.lt,
    "NumericGreaterOrEquals": operator.ge,
    "NumericLesserOrEquals": operator.le,
}
BOOLEANS: dict[str, Test] = {"BooleanEquals": operator.eq}
COMBINED = {"And": all, "Or": any}
OPERATIONS = frozenset({*TEXTS, *NUMBERS, *BOOLEANS})


def chosen_step(inputs: Mapping[str, Any]) -> str | None:
    """None: no choice holds and there is no default, so the step that follows is next."""
    found = next((choice["NextStep"] for choice in inputs["Choices"] if _holds(choice)), inputs.get("Default"))
    return None if found is None else str(found)


def branch_targets(inputs: Mapping[str, Any]) -> Iterator[str | None]:
    for choice in inputs["Choices"]:
        yield choice.get("NextStep")
    yield inputs.get("Default")


def branch_operations(choices: Sequence[Choice]) -> Iterator[str]:
    """What AWS refuses when the document is made: "the system validates each operation"."""
    for choice in choices:
        known = (OPERATIONS | {"And", "Or", "Not"}) & choice.keys()
        if len(known) != 1 or choice.keys() - known - {"NextStep", "Variable"}:
            yield f"a choice has one operation that is known, not {sorted(choice)}"
        for combined in COMBINED:
            yield from branch_operations(choice.get(combined, ()))
        if "Not" in choice:
            yield from branch_operations([choice["Not"]])


def _holds(choice: Choice) -> bool:
    for name, combine in COMBINED.items():
        if name in choice:
            return combine(map(_holds, choice[name]))
    if "Not" in choice:
        return not _holds(choice["Not"])
    ((name, wanted),) = ((name, choice[name]) for name in OPERATIONS & choice.keys())
    value = choice["Variable"]
    if name in TEXTS:
        return TEXTS[name](as_text(value), as_text(wanted))
    if name in NUMBERS:
        return NUMBERS[name](float(value), float(wanted))
    return BOOLEANS[name](_boolean(value), _boolean(wanted))


def _boolean(value: object) -> bool:
    return str(value).lower() == "true"
