"""References, selectors and conversions: how one step's output becomes another one's input.

[AWS docs: automation-action-outputs-inputs, automation-variables]
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import jmespath

REFERENCE = re.compile(r"\{\{ *([A-Za-z0-9_.:-]+) *\}\}")
NAMES_AND_INDEXES = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\[(\d+|\*)\])*")
# what AWS shows for an output that no step has made [AWS docs: CLI example of describe-automation-executions]
ABSENT = "No output available yet because the step is not successfully executed"

OF_TYPE: dict[str, set[type]] = {
    "String": {str},
    "Integer": {int},
    "Boolean": {bool},
    "StringList": {list},
    "MapList": {list},
    "StringMap": {dict},
}

type Absent = Callable[[str], Any]


class ConversionError(Exception):
    """A value that AWS documents no conversion for."""


def references(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set(REFERENCE.findall(value)) if isinstance(value, str) else set()


def resolved(value: Any, known: Mapping[str, Any], absent: Absent) -> Any:
    """A text that is one reference becomes the value itself, of whatever type; within a longer text, its text.

    `absent` gives the value of a reference to what is not known, or raises. In a list, a reference to a list stands for
    its elements, as in `InstanceIds: ["{{ step.InstanceIds }}"]`.
    """
    if isinstance(value, Mapping):
        return {name: resolved(part, known, absent) for name, part in value.items()}
    if isinstance(value, list):
        return [one for part in value for one in _elements(part, resolved(part, known, absent))]
    if not isinstance(value, str):
        return value
    if whole := REFERENCE.fullmatch(value.strip()):
        return _known(whole[1], known, absent)
    return REFERENCE.sub(lambda found: as_text(_known(found[1], known, absent)), value)


def is_selector(selector: str) -> bool:
    """Of JSONPath only what JMESPath writes the same way: names, indexes, and all elements."""
    return NAMES_AND_INDEXES.fullmatch(selector) is not None


def selected(made: Any, selector: str) -> Any:
    """None where the selector selects nothing."""
    return jmespath.search(selector.removeprefix("$").removeprefix(".") or "@", made)


def converted(value: Any, wanted: str) -> Any:
    """A value as the output's `Type`. Raises ConversionError for what is not among the documented conversions."""
    if isinstance(value, list) and len(value) == 1 and wanted in {"String", "Integer", "Boolean"}:
        return converted(value[0], wanted)
    if type(value) in OF_TYPE[wanted]:
        return value
    match wanted, value:
        case "String", bool() | int():
            return as_text(value)
        case "StringList", str() | bool() | int():
            return [as_text(value)]
        case "Integer", str() if re.fullmatch(r"-?\d+", value):
            return int(value)
        case "Boolean", str() if value.lower() in {"true", "false"}:
            return value.lower() == "true"
    raise ConversionError(f"a {type(value).__name__} becomes no {wanted}")


def as_text(value: Any) -> str:
    """As it stands in a longer text: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def as_texts(value: Any) -> list[str]:
    """As GetAutomationExecution shows an output: a list of texts [botocore: ssm, StepExecution.Outputs]."""
    return [as_text(one) for one in value] if isinstance(value, list) else [as_text(value)]


def _elements(part: Any, value: Any) -> list[Any]:
    return value if isinstance(value, list) and isinstance(part, str) else [value]


def _known(name: str, known: Mapping[str, Any], absent: Absent) -> Any:
    return known[name] if name in known else absent(name)
