"""What all Regions of one strict KMS share: the clock, the lock, secrets, the call ledger and where events go."""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Protocol

from .calls import CallLedger
from .wrapping import KeyPairPool, TokenSeal

type Clock = Callable[[], datetime]
type Event = dict[str, Any]

KEPT_EVENTS = 1000


def utc_now() -> datetime:
    return datetime.now(UTC)


class EventSink(Protocol):
    """Takes EventBridge-shaped events; must not block and must not raise: it is called with the lock held."""

    def publish(self, event: Event) -> None: ...


class EventLog:
    """Keeps the newest events in memory, for tests."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)

    def publish(self, event: Event) -> None:
        self.events.append(event)


@dataclass(frozen=True)
class Installation:
    """One per server process or per `mock_strict_kms` block.

    `lock` guards the key state of all Regions: related multi-Region keys change together. Cryptography runs outside it.
    """

    clock: Clock = utc_now
    sink: EventSink = field(default_factory=EventLog)
    throttle_import_parameters: bool = False
    calls: CallLedger = field(default_factory=CallLedger)
    key_pairs: KeyPairPool = field(default_factory=KeyPairPool, repr=False)
    tokens: TokenSeal = field(default_factory=TokenSeal, repr=False)
    seal: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    lock: RLock = field(default_factory=RLock, repr=False)

    def now(self) -> datetime:
        """Raises ValueError when the injected clock is naive: it could not be compared with ValidTo."""
        now = self.clock()
        if now.tzinfo is None:
            raise ValueError("the clock of the strict KMS must return an aware datetime")
        return now

    @property
    def events(self) -> list[Event]:
        """What was emitted, oldest first; empty when the events go elsewhere."""
        return list(self.sink.events) if isinstance(self.sink, EventLog) else []
