"""What is wrong with a value that somebody has written, and what to do: in words of ours, not of the validator's.

For example, `name: 4711` is `it must be text: put it in quotes`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

NO_WORDS = "it is not what is expected here"  # of a kind that no model of ours asks for

_OWN = frozenset({"value_error", "contradiction"})  # raised by our models, in words of their own

_WORDS: Mapping[str, str] = {
    "missing": "it is missing: add it",
    "extra_forbidden": "there is no such field here: mend its name, or take it out",
    "enum": "it must be {expected}",
    "greater_than_equal": "it must be {ge} or more",
    "less_than_equal": "it must be {le} or less",
    "string_too_short": "it is too short: the least length is {min_length}",
    "string_too_long": "it is too long: the greatest length is {max_length}",
    "too_short": "it has too few entries: the least number is {min_length}",
    "too_long": "it has too many entries: the greatest number is {max_length}",
    "timezone_aware": "it must say its time zone, such as 2026-11-28T09:00:00Z",
    "json_invalid": "it must be JSON",
}

_KINDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("string_", "bytes_"), "it must be text: put it in quotes"),
    (("int_",), "it must be a whole number"),
    (("float_", "finite_"), "it must be a number"),
    (("bool_",), "it must be true or false"),
    (("tuple_", "list_"), "it must be a list"),
    (("model_", "dict_", "mapping_"), "it must hold fields, each a name and a value"),
    (("datetime_", "date_"), "it must be a time with its time zone, such as 2026-11-28T09:00:00Z"),
)


class Problem(NamedTuple):
    """`location` is the path of fields to it; neither it nor the words show the value."""

    location: tuple[int | str, ...]
    words: str

    @property
    def field(self) -> str:
        return ".".join(map(str, self.location))


def problems(error: ValidationError) -> Iterator[Problem]:
    """All of them; but of what follows from another one: a list that is too short because its only entry is wrong."""
    found = error.errors(include_url=False)
    for one in found:
        at = one["loc"]
        if not any(other["loc"][: len(at)] == at and len(other["loc"]) > len(at) for other in found):
            yield Problem(at, _words(one["type"], one["msg"], one.get("input"), one.get("ctx", {})))


def _words(kind: str, message: str, value: object, context: Mapping[str, Any]) -> str:
    if kind in _OWN:
        return message.removeprefix("Value error, ")
    if value is None:
        return "it has no value: give it one, or take the field out"
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    return next((words for beginnings, words in _KINDS if kind.startswith(beginnings)), NO_WORDS)
