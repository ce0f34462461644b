"""A circuit breaker for one region's KMS: opened by region faults only, closed again by a single trial."""

import threading
from dataclasses import dataclass, field


@dataclass
class Breaker:
    """Shared by all threads of a process. `now` is a monotonic clock's seconds, handed in.

    `open_seconds` lie between trials; where their numbers come from is said in `Settings`.
    """

    faults_to_open: int
    open_seconds: float
    openings: int = 0  # how often it has opened; whoever waits can tell that it did so meanwhile
    _faults: int = 0
    _opened_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    def succeeded(self) -> None:
        """An answer of any kind, even a refusal, proves that the region answers."""
        if not self._faults:
            return
        with self._lock:
            self._faults = 0
            self._opened_at = None

    def faulted(self, now: float) -> bool:
        """Count a region fault; True if the region is (still) out after it."""
        with self._lock:
            self._faults += 1
            if self._faults >= self.faults_to_open:
                self.openings += self._opened_at is None
                self._opened_at = now
            return self._opened_at is not None

    def claims_trial(self, now: float) -> bool:
        """True for one caller each `open_seconds` while open: that one may try the region, beside its real work."""
        with self._lock:
            if self._opened_at is None or now - self._opened_at < self.open_seconds:
                return False
            self._opened_at = now
            return True
