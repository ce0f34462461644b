"""Fields of an event that may be any JSON: each is there and of its type, or it is said which one is not."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError

from kms_failover.domain import plain_text
from kms_failover.domain.problems import problems
from kms_failover.errors import LONGEST_SHOWN, EventFormatError

LONGEST_TEXT = 2048  # characters of one field; an ARN's most
YEARS = range(2000, 3000)  # beyond them reckoning with a time would leave the calendar


def json_object(value: object, what: str = "an event") -> Mapping[str, Any]:
    """The value itself, to be read by every handler that repeats, logs or stores a part of it.

    JSON may hold half of a surrogate pair. What is made of that can be neither sent, for Lambda's runtime for
    Python 3.13 escapes nothing, nor logged, nor stored.

    Raises:
        EventFormatError: it is no object, or a text in it, however deep, is no Unicode.
    """
    if not isinstance(value, Mapping):
        raise EventFormatError(f"{what} that is no JSON object")
    if not all(map(_is_unicode, _texts(value))):
        raise EventFormatError(f"{what} with a text that is no Unicode: half of a surrogate pair")
    return value


def json_object_in(text: str, what: str) -> Mapping[str, Any]:
    """The same of a text that is to be JSON, as a queue carries it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # the last: brackets in brackets in brackets
        raise EventFormatError(f"{what} that is not JSON") from error
    return json_object(value, what)


def problem_in(error: ValidationError) -> str:
    """`Field: what is wrong with it`, for the first that is; never the value itself."""
    first = next(problems(error))
    return shown_value(f"{first.field}: {first.words}")


def _texts(value: object) -> Iterator[str]:
    rest = [value]
    while rest:
        match rest.pop():
            case str() as text:
                yield text
            case Mapping() as fields:
                rest += [*fields, *fields.values()]
            case list() as entries:
                rest += entries


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Fields:
    """A JSON object, each field of which is to be there and of its type when it is read."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, Mapping):
            raise EventFormatError(f"{what} that is no JSON object")
        self._fields = value
        self._what = what

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT or not value.isprintable():
            raise EventFormatError(f"{self._what} without a {name}, or with one that is no text")
        return value

    def maybe(self, name: str) -> str:
        """Made fit to be shown; empty where there is no text."""
        value = self._fields.get(name)
        return shown_value(value) if isinstance(value, str) else ""

    def has(self, name: str) -> bool:
        return bool(self._fields.get(name))

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, False)
        if not isinstance(value, bool):
            raise EventFormatError(f"{self._what} whose {name} is neither true nor false")
        return value

    def object(self, name: str) -> "Fields":
        return Fields(self._fields.get(name), f"{self._what}'s {name}")

    def maybe_object(self, name: str) -> "Fields":
        value = self._fields.get(name)
        return Fields(value if isinstance(value, Mapping) else {}, name)

    def texts(self, name: str) -> Iterator[str]:
        """Of a list of texts, or of AWS's resources, their ARNs; what is neither is passed over."""
        entries = self._fields.get(name)
        for entry in entries if isinstance(entries, list) else ():
            text = entry.get("ARN") if isinstance(entry, Mapping) else entry
            if isinstance(text, str):
                yield text


def shown_value(value: object) -> str:
    """So much of a stranger's value as may be kept and printed: the beginning of a text, of others their kind."""
    if isinstance(value, str):
        return plain_text.shown(value, LONGEST_SHOWN)
    return "" if value is None else f"<{type(value).__name__}>"


def iso_8601(text: str) -> datetime | None:
    """`2026-01-27T09:01:22Z`, `2026-01-27T09:01:22.000+0000`."""
    try:
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def rfc_1123(text: str) -> datetime | None:
    """`Tue, 27 Jan 2026 09:01:22 GMT`."""
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime | None:
    return moment.astimezone(UTC) if moment.tzinfo is not None and moment.year in YEARS else None
