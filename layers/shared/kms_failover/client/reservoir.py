"""Data keys made ahead, each given out once. See ReservoirLimits for the price."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.domain.data_keys.cache import DEGRADED_SECONDS, SWEEP_SECONDS
from kms_failover.domain.data_keys.settings import ReservoirLimits
from kms_failover.errors import KmsFailoverError

REQUESTS_BEFORE_STOCK = 2

logger = logging.getLogger(__name__)

Response: TypeAlias = dict[str, Any]


@dataclass(repr=False)
class _Shelf:
    """Of one identity, for one route epoch; a changed route begins a new one, and what lay on the old is dropped."""

    epoch: int
    keys: deque[tuple[float, Response]] = field(default_factory=deque)  # when it expires, oldest first
    asked: int = 0
    makers: int = 0


class Reservoir:
    """Safe for threads. `clock` is the wall clock, in seconds: a key ages while its process is frozen."""

    def __init__(self, limits: ReservoirLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._shelves: OrderedDict[Hashable, _Shelf] = OrderedDict()
        self._swept_at = float("-inf")
        self._lock = threading.Lock()
        self._makers = ThreadPoolExecutor(limits.makers, thread_name_prefix="kms-failover-reservoir")

    def take(self, identity: Hashable, epoch: int, make: Callable[[], Response]) -> Response | None:
        """A key that nobody else was given, or None if there is none yet. More are made with `make`.

        From the second request on: what is asked for once, with a context of its own, is not stocked.
        """
        with self._lock:
            self._drop_expired()
            shelf = self._shelf(identity, epoch)
            key = self._fresh_key(shelf)
            shelf.asked += 1
            lacking = self._limits.keys - len(shelf.keys)
            hired = min(lacking, self._limits.makers) - shelf.makers if shelf.asked >= REQUESTS_BEFORE_STOCK else 0
            shelf.makers += max(0, hired)
        for _ in range(hired):
            with suppress(RuntimeError):  # closed meanwhile
                self._makers.submit(copy_context().run, self._stock, identity, shelf, make)
        return key

    def close(self) -> None:
        self._makers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._shelves.clear()

    def _shelf(self, identity: Hashable, epoch: int) -> _Shelf:
        shelf = self._shelves.get(identity)
        if shelf is None or shelf.epoch != epoch:
            asked = 0 if shelf is None else shelf.asked
            shelf = self._shelves[identity] = _Shelf(epoch, asked=asked)
        self._shelves.move_to_end(identity)
        while len(self._shelves) > self._limits.max_entries:
            self._shelves.popitem(last=False)
        return shelf

    def _fresh_key(self, shelf: _Shelf) -> Response | None:
        now = self._clock()
        while shelf.keys:
            expires_at, key = shelf.keys.popleft()
            if self._is_fresh(expires_at, now):
                return key
        return None

    def _is_fresh(self, expires_at: float, now: float) -> bool:
        """A clock that runs backwards ages a key at once: how old it is cannot be told any more."""
        return now < expires_at <= now + self._limits.max_age_seconds

    def _drop_expired(self) -> None:
        """Now and then: a key that nobody asks for any more must not lie here until the process ends."""
        now = self._clock()
        if 0 <= now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        for shelf in self._shelves.values():
            shelf.keys = deque(one for one in shelf.keys if self._is_fresh(one[0], now))

    def _stock(self, identity: Hashable, shelf: _Shelf, make: Callable[[], Response]) -> None:
        """Until the shelf is full or no longer in use. A failure is the next caller's to see, who makes its own."""
        try:
            while self._is_wanted(identity, shelf):
                key = make()
                with self._lock:
                    if len(shelf.keys) < self._limits.keys:  # else another maker was faster
                        shelf.keys.append((self._clock() + self._age(key), key))
        except (ClientError, BotoCoreError, KmsFailoverError) as error:
            logger.warning("no data key could be made ahead: %s", error)
        except Exception:  # the entry point of its thread
            logger.exception("defect in making a data key ahead")
        finally:
            with self._lock:
                shelf.makers -= 1

    def _is_wanted(self, identity: Hashable, shelf: _Shelf) -> bool:
        with self._lock:
            in_use = self._shelves.get(identity) is shelf and threading.main_thread().is_alive()
            return in_use and len(shelf.keys) < self._limits.keys

    def _age(self, key: Response) -> float:
        longest = self._limits.max_age_seconds
        return min(longest, DEGRADED_SECONDS) if key["KmsFailover"]["Degraded"] else longest
