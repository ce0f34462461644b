"""Checks: what was expected, what was observed, and nothing else. Whether one holds is computed, never said."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

NO_ERROR = "no error"


@dataclass(frozen=True)
class Condition:
    """An expectation that more than one value meets; `text` is what the report shows."""

    text: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Check:
    step: str
    name: str
    expected: object
    observed: object

    @property
    def ok(self) -> bool:
        if isinstance(self.expected, Condition):
            return self.observed is not None and self.expected.holds(self.observed)
        return bool(self.expected == self.observed)

    def as_json(self) -> dict[str, Any]:
        expected = self.expected.text if isinstance(self.expected, Condition) else self.expected
        return {"step": self.step, "name": self.name, "expected": expected, "observed": self.observed, "ok": self.ok}


def at_most(limit: float, unit: str = "") -> Condition:
    return Condition(f"at most {limit:g} {unit}".rstrip(), lambda observed: observed <= limit)


def at_least(limit: float, unit: str = "") -> Condition:
    return Condition(f"at least {limit:g} {unit}".rstrip(), lambda observed: observed >= limit)


def one_of(*values: str) -> Condition:
    return Condition(" or ".join(values), lambda observed: observed in values)


def naming(*parts: str) -> Condition:
    """A message that names each of the parts."""
    return Condition(f"a message that names {', '.join(parts)}", lambda text: all(part in str(text) for part in parts))


class Checks:
    """All checks of a run, in the order in which they were made; each belongs to the step that is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: list[Check] = []
        self._step = ""

    def add(self, name: str, *, expected: object, observed: object) -> Check:
        check = Check(self._step, name, expected, observed)
        with self._lock:
            self._checks.append(check)
        return check

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step that crashes is a check that failed, with the error as what was observed; the drill goes on."""
        self._step = title
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the entry point of a step: its error becomes a failed check
            self.add("the step runs to its end", expected=NO_ERROR, observed=f"{type(error).__name__}: {error}")

    @property
    def all(self) -> tuple[Check, ...]:
        with self._lock:
            return tuple(self._checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.all if not check.ok)
