"""What all Regions of one strict KMS share: clock, lock, secrets, quotas, latency, call ledger, where events go."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from threading import RLock

from .calls import CallLedger
from .event_log import Event, EventLog, EventSink
from .quotas import Limiter, unlimited
from .wrapping import KeyPairSource, TokenSeal, fresh_pair

Clock = Callable[[], datetime]
Latency = Callable[[str], float]


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def no_latency(_region: str) -> float:
    return 0.0


@dataclass(frozen=True)
class Installation:
    """One per server process or per `mock_strict_kms` block.

    `lock` guards the key state of all Regions: related multi-Region keys change together. Cryptography runs outside it.
    `latency` gives the seconds that a call to a Region takes at least. `propagation` is how long a new replica is
    Creating and how long a change of the primary Region leaves both keys Updating: seconds on AWS, nothing here
    unless asked for. Whether DescribeKey of an EXTERNAL replica shows a `CurrentKeyMaterialId` before its own first
    import is UNCONFIRMED; `replicas_show_material_id` is one answer or the other.
    """

    clock: Clock = utc_now
    sink: EventSink = field(default_factory=EventLog)
    limiter: Limiter = field(default_factory=lambda: Limiter(unlimited))
    latency: Latency = no_latency
    propagation: timedelta = timedelta()
    replicas_show_material_id: bool = True
    sleep: Callable[[float], None] = time.sleep
    calls: CallLedger = field(default_factory=CallLedger)
    key_pairs: KeyPairSource = field(default=fresh_pair, repr=False)
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
