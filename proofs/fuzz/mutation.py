"""Events that nobody has thought of: valid ones, changed in a few places, where JSON's own types allow it.

All that is drawn comes from one `random.Random`, so an event is known by its seed, its target and its number.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

MOST_CHANGES = 6  # of one event
LONG, HUGE = 3_000, 200_000  # characters: longer than any field may be, and half an item of the table
DEEP = 500  # objects or lists in each other; Lambda's runtime reads a few thousand
BRACKETS = 100_000  # in a text that is to be read as JSON
WHOLE = 0.03  # share of events that are something else altogether
UNCHANGED = 0.03

HALF_A_PAIR = "\ud800"
ODD_TEXTS = (
    "", " ", "\x00", "\x1b[2J", "line\nbreak", HALF_A_PAIR, f"a{HALF_A_PAIR}b", "\u202e", "é" * 300, "🙂" * 600,
    "a" * LONG, "true", "false", "null", "-1", "1e999", "{{ Action }}", "us-east-1", "us-west-2", "orders", "AES_256",
    "2026-11-28T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-11-28T12:00:00", "Scheduled Event",
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "__init__", "QUJD", "not Base64!",
)  # fmt: skip
ODD_VALUES = (None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, -0.0, 0.5, 1e308, float("nan"), float("inf"))


class Place(NamedTuple):
    """A value and where it stands: `holder[name]`."""

    holder: Any
    name: Any


def places(tree: Any) -> list[Place]:
    found: list[Place] = []
    rest = [tree]
    while rest:
        holder = rest.pop()
        if isinstance(holder, dict | list):
            names = list(holder) if isinstance(holder, dict) else range(len(holder))
            found += [Place(holder, name) for name in names]
            rest += [holder[name] for name in names]
    return found


def copied(tree: Any) -> Any:
    """Of a sample, which is nowhere deep."""
    if isinstance(tree, dict):
        return {name: copied(value) for name, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


class Mutator:
    def __init__(self, random: Random, samples: Sequence[Any]) -> None:
        self.random = random
        self._samples = samples

    def event(self) -> Any:
        """One of the samples, changed; seldom as it is, or another value altogether."""
        if (share := self.random.random()) < WHOLE:
            return self.odd_value()
        event = copied(self.random.choice(self._samples))
        return event if share < WHOLE + UNCHANGED else self.changed(event)

    def changed(self, tree: Any) -> Any:
        holder = [tree]  # so that the whole can be changed as a part can
        for _ in range(self._how_many()):
            self._change(holder, self.random.choice(places(holder)))
        return holder[0] if holder else None

    def _how_many(self) -> int:
        """Half of the time a single change: what is wrong everywhere is refused at the first field."""
        return 1 if self.random.random() < 0.5 else self.random.randint(2, MOST_CHANGES)

    def odd_value(self) -> Any:
        draw = self.random.random()
        if draw < 0.45:
            return self.random.choice(ODD_VALUES)
        if draw < 0.8:
            return self.odd_text()
        if draw < 0.95:
            return self.random.choice([[], {}, [[]], [{}], {"": ""}, [None] * 30, {"a": [1, {"b": HALF_A_PAIR}]}])
        return self._deep()

    def odd_text(self) -> str:
        return "z" * HUGE if self.random.random() < 0.005 else self.random.choice(ODD_TEXTS)

    def text(self, text: str) -> str:
        """A text with something in it that was not there, or something gone; now and then another one."""
        at = self.random.randint(0, len(text))
        draw = self.random.randrange(5)
        if draw == 0:
            return text[:at]
        if draw == 1:
            return text[:at] + self.odd_text() + text[at:]
        if draw == 2:
            return text[:at] + text[at + 1 :]
        if draw == 3:
            return text + text
        return self.odd_text()

    def bytes(self, data: bytes) -> bytes:
        """The same of bytes."""
        changed = bytearray(data)
        for _ in range(self._how_many()):
            at, draw = self.random.randint(0, max(0, len(changed) - 1)), self.random.randrange(5)
            if draw == 0:
                del changed[at : at + self.random.randint(1, 8)]
            elif draw == 1:
                changed[at:at] = self.random.randbytes(self.random.randint(1, 8))
            elif draw == 2 and changed:
                changed[at] = self.random.choice([0, 1, 0x7F, 0x80, 0xFF])
            elif draw == 3 and changed:
                changed[at] ^= 1 << self.random.randrange(8)
            elif draw == 4 and self.random.random() < 0.2:
                del changed[at:]
        return bytes(changed)

    def json_text(self, tree: Any) -> str:
        """JSON of it, sometimes broken; seldom nothing but brackets."""
        if self.random.random() < 0.002:
            return "[" * BRACKETS
        text = json.dumps(tree, ensure_ascii=self.random.random() < 0.5)
        return self.text(text) if self.random.random() < 0.1 else text

    def _change(self, whole: list[Any], place: Place) -> None:
        holder, name = place
        if name not in (holder if isinstance(holder, dict) else range(len(holder))):
            return
        changes: list[Callable[[Any], Any]] = [
            lambda value: self.text(value) if isinstance(value, str) else self.odd_value(),
            lambda _value: self.odd_value(),
            lambda _value: self._another(),
            self.random.choice([lambda value: [value], lambda value: {"x": value}, lambda value: [value] * 3]),
            lambda value: str(value)[:LONG],
        ]
        draw = self.random.randrange(len(changes) + 2)
        if draw < len(changes):
            holder[name] = changes[draw](holder[name])
        elif draw == len(changes) and holder is not whole:
            del holder[name]
        elif isinstance(holder, dict):
            holder[self.text(str(name))] = holder[name]

    def _another(self) -> Any:
        """A value of the same or of another sample."""
        found = places([self.random.choice(self._samples)])
        holder, name = self.random.choice(found)
        return copied(holder[name])

    def _deep(self) -> Any:
        value: Any = 0
        for _ in range(DEEP):
            value = [value] if self.random.random() < 0.5 else {"a": value}
        return value


def smaller(tree: Any) -> Iterator[Any]:
    """The same with one part less: each part gone, and each long text halved. The largest cuts come first."""
    if isinstance(tree, str | bytes):
        if len(tree) > 1:
            yield from (tree[: len(tree) // 2], tree[len(tree) // 2 :])
        return
    if isinstance(tree, dict):
        names: Sequence[Any] = list(tree)
    elif isinstance(tree, list):
        names = range(len(tree))
    else:
        return
    for name in names:
        yield {n: v for n, v in tree.items() if n != name} if isinstance(tree, dict) else tree[:name] + tree[name + 1 :]
    for name in names:
        for part in smaller(tree[name]):
            changed = tree.copy()
            changed[name] = part
            yield changed
