"""Answers kept for a while, and given out again: bounded in age, uses, bytes, number. See CacheLimits for the price."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from kms_failover.domain.data_keys.settings import CacheLimits

SWEEP_SECONDS = 1.0  # between two looks at all entries: a second beyond its life at most
DEGRADED_SECONDS = 5.0  # a bundle that lacks a wrap is given out no longer than a breaker stays open

T = TypeVar("T")


@dataclass(repr=False)
class _Entry(Generic[T]):
    answer: T
    made_at: float
    expires_at: float
    uses: int = 0
    message_bytes: int = 0


class DataKeyCache(Generic[T]):
    """Safe for threads. `clock` is the wall clock, in seconds: a key ages while its process is frozen."""

    def __init__(self, limits: CacheLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._swept_at = float("-inf")

    def take(self, identity: Hashable, message_bytes: int | None = 0) -> T | None:
        """What was kept under this identity, if it may serve once more for so many bytes; None, not known, for none."""
        now = self._clock()
        with self._lock:
            self._drop_expired(now)
            entry = self._entries.get(identity)
            if entry is None or (message_bytes is None and self._limits.max_bytes is not None):
                return None
            if not self._serves(entry, message_bytes or 0, now):
                del self._entries[identity]
                return None
            entry.uses += 1
            entry.message_bytes += message_bytes or 0
            self._entries.move_to_end(identity)
            return entry.answer

    def keep(self, identity: Hashable, answer: T, message_bytes: int | None = 0, *, degraded: bool = False) -> None:
        """Its first use is the caller's own. Where there are too many, the one that was not used for longest goes."""
        if self._limits.max_bytes is not None and (message_bytes is None or message_bytes >= self._limits.max_bytes):
            return
        now = self._clock()
        age = min(self._limits.max_age_seconds, DEGRADED_SECONDS) if degraded else self._limits.max_age_seconds
        with self._lock:
            self._entries[identity] = _Entry(answer, now, now + age, 1, message_bytes or 0)
            self._entries.move_to_end(identity)
            while len(self._entries) > self._limits.max_entries:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _drop_expired(self, now: float) -> None:
        """Now and then: a key that nobody asks for any more must not lie here until the process ends."""
        if 0 <= now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        for identity in [name for name, entry in self._entries.items() if not entry.made_at <= now < entry.expires_at]:
            del self._entries[identity]

    def _serves(self, entry: _Entry[T], message_bytes: int, now: float) -> bool:
        """A clock that runs backwards ages a key at once: how old it is cannot be told any more."""
        fresh = entry.made_at <= now < entry.expires_at
        room = self._limits.max_bytes is None or entry.message_bytes + message_bytes <= self._limits.max_bytes
        return fresh and room and entry.uses < self._limits.max_uses
