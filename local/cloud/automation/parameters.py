"""The parameters of an execution, checked against what the document declares.

[AWS docs: documents-syntax-data-elements-parameters] What AWS says for a refusal is not documented: the texts are ours.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .values import as_text

LISTS = ("StringList", "MapList", "List<")
CHECKS = frozenset({"allowedValues", "allowedPattern", "minChars", "maxChars", "minItems", "maxItems"})


class ParameterError(ValueError):
    """AWS answers InvalidAutomationExecutionParametersException."""


def typed_parameters(declared: Mapping[str, Any], given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Each value as its declared type; a default stands for what is not given. Raises ParameterError."""
    if unknown := given.keys() - declared.keys():
        raise ParameterError(f"Unknown parameters: {sorted(unknown)}")
    if missing := [name for name, wanted in declared.items() if name not in given and "default" not in wanted]:
        raise ParameterError(f"Missing required parameters: {missing}")
    values = {}
    for name, wanted in declared.items():
        if name not in given:
            values[name] = wanted["default"]
            continue
        values[name] = _typed(name, wanted["type"], given[name])
        _check(name, wanted, values[name])
    return values


def _typed(name: str, kind: str, texts: Sequence[str]) -> Any:
    if kind == "MapList":
        return [_parsed(name, kind, text, dict) for text in texts]
    if kind.startswith(LISTS):
        return list(texts)
    if len(texts) != 1:
        raise ParameterError(f"Parameter {name} takes one value, not {len(texts)}")
    match kind:
        case "Boolean":
            return _parsed(name, kind, texts[0].lower(), bool)
        case "Integer":
            return _parsed(name, kind, texts[0], int)
        case "StringMap":
            return _parsed(name, kind, texts[0], dict)
    return texts[0]


def _parsed(name: str, kind: str, text: str, wanted: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if type(value) is not wanted:
        raise ParameterError(f"Parameter {name} is no {kind}: {text!r}")
    return value


def _check(name: str, wanted: Mapping[str, Any], value: Any) -> None:
    """Whether `allowedPattern` has to match a part or all of a value is not documented; here it is all."""
    values = value if isinstance(value, list) else [value]
    if "allowedValues" in wanted and not set(map(as_text, values)) <= set(map(as_text, wanted["allowedValues"])):
        raise ParameterError(f"Parameter {name} may not be {value!r}: it is not in {wanted['allowedValues']}")
    pattern = wanted.get("allowedPattern", "(?s).*")
    if not all(re.fullmatch(pattern, as_text(one)) for one in values):
        raise ParameterError(f"Parameter {name} does not match {pattern}")
    _check_size(name, "Items", wanted, len(values))
    for one in values:
        _check_size(name, "Chars", wanted, len(as_text(one)))


def _check_size(name: str, unit: str, wanted: Mapping[str, Any], size: int) -> None:
    least, most = wanted.get(f"min{unit}"), wanted.get(f"max{unit}")
    if (least is not None and size < int(least)) or (most is not None and size > int(most)):
        raise ParameterError(f"Parameter {name} has {size} {unit.lower()}, allowed are {least} to {most}")
