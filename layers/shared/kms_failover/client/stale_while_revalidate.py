"""A value read from elsewhere, remembered for seconds, kept while it cannot be read: fail-static."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from typing import Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.errors import StateUnavailableError, UnreadableItemError

STALE_SECONDS = 30.0  # three probe rounds; a process that was frozen, as Lambda does, knows values of long ago
PATIENCE_SECONDS = 0.25  # how long a caller who could do with an old value waits for a new one

logger = logging.getLogger(__name__)

T = TypeVar("T")


class StaleWhileRevalidate(Generic[T]):
    """Refreshed by `executor`, beside the caller's work. Only where nothing is known does a caller wait to the end.

    And then no more than half of the time: after a failure nobody tries for as long as it took. So a table that is
    silent for two seconds costs a caller now and then two seconds, and one that refuses at once is asked at once.

    `clock` is the wall clock: a process that was frozen must notice. A time that runs backwards counts as old.
    """

    def __init__(
        self,
        what: str,
        read: Callable[[], T],
        executor: Executor,
        clock: Callable[[], float],
        refresh_seconds: float,
        known: T | None = None,
    ) -> None:
        self._what = what
        self._read_it = read
        self._executor = executor
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._known = known
        self._tried_at = float("-inf")
        self._pause_until = float("-inf")
        self._reading: Future[None] | None = None
        self._waited_for: Future[None] | None = None
        self._lock = threading.Lock()
        self.error: Exception | None = None  # of the last attempt

    @property
    def known(self) -> T | None:
        """However old it is, without a look at anything."""
        return self._known

    def get(self) -> T | None:
        """None where nothing is known, and `error` says why."""
        age = self._clock() - self._tried_at
        if not 0 <= age <= self._refresh_seconds:
            if self._known is None and self._pauses():
                return None
            reading = self._refresh()
            if self._known is None:
                wait([reading])
            elif not 0 <= age <= STALE_SECONDS and reading is not self._waited_for:
                wait([reading], PATIENCE_SECONDS)
                self._waited_for = reading  # the next caller need not
        return self._known

    def get_anew(self) -> T | None:
        """Read again and wait for it, unless that was done a moment ago."""
        if not self._pauses() and not 0 <= self._clock() - self._tried_at <= self._refresh_seconds:
            wait([self._refresh()])
        return self._known

    def _pauses(self) -> bool:
        """A pause that seems longer is of a clock that was set back, or of a process that was frozen."""
        return 0 < self._pause_until - self._clock() <= STALE_SECONDS

    def _refresh(self) -> Future[None]:
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = self._begin()
            return self._reading

    def _begin(self) -> Future[None]:
        """In a thread of its own where the executor takes no more: closed, or the main thread has ended.

        Other threads can go on for as long as they like after that, and need routes.
        """
        with suppress(RuntimeError):
            return self._executor.submit(self._read_unless_it_ends)
        reading: Future[None] = Future()

        def read() -> None:
            try:
                self._read()
            finally:
                reading.set_result(None)

        try:
            threading.Thread(target=read, name="kms-failover-late-routes", daemon=True).start()
        except RuntimeError:  # the interpreter itself ends: its last callers read for themselves
            read()
        return reading

    def _read_unless_it_ends(self) -> None:
        """A process that ends waits for the executor's threads, not for the other kind."""
        if threading.main_thread().is_alive():
            self._read()

    def _read(self) -> None:
        began_at = self._clock()
        try:
            self._known, self.error = self._read_it(), None
        except (BotoCoreError, ClientError, UnreadableItemError, StateUnavailableError) as error:
            logger.warning("%s cannot be read, what is known stays: %s", self._what, error)
            self.error = error
        except Exception as error:  # the entry point of its thread: what is known stays here too
            logger.exception("defect in reading %s", self._what)
            self.error = error
        now = self._clock()
        if self._known is not None:  # where nothing is known yet, a caller tries again soon
            self._tried_at = now
        self._pause_until = now + (now - began_at) if self.error is not None else now
