"""Data keys made ahead, each given out once. See ReservoirLimits for the price."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.domain.data_key_cache import DEGRADED_SECONDS
from kms_failover.domain.settings import ReservoirLimits
from kms_failover.errors import KmsFailoverError

logger = logging.getLogger(__name__)

type Answer = dict[str, Any]


@dataclass(repr=False)
class _Shelf:
    """Of one identity, for one route epoch; a changed route begins a new one, and what lay on the old is dropped."""

    epoch: int
    keys: deque[tuple[float, Answer]] = field(default_factory=deque)  # when it expires, oldest first
    being_made: int = 0


class Reservoir:
    """Safe for threads. `clock` is the wall clock, in seconds: a key ages while its process is frozen."""

    def __init__(self, limits: ReservoirLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._shelves: OrderedDict[Hashable, _Shelf] = OrderedDict()
        self._lock = threading.Lock()
        self._makers = ThreadPoolExecutor(limits.makers, thread_name_prefix="kms-failover-reservoir")

    def take(self, identity: Hashable, epoch: int, make: Callable[[], Answer]) -> Answer | None:
        """A key that nobody else was given, or None if there is none yet; either way more are made with `make`."""
        with self._lock:
            shelf = self._shelf(identity, epoch)
            key = self._fresh_key(shelf)
            wanted = self._limits.keys - len(shelf.keys) - shelf.being_made
            shelf.being_made += wanted
        for _ in range(wanted):
            with suppress(RuntimeError):  # closed meanwhile
                self._makers.submit(self._stock, shelf, make)
        return key

    def close(self) -> None:
        self._makers.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._shelves.clear()

    def _shelf(self, identity: Hashable, epoch: int) -> _Shelf:
        shelf = self._shelves.get(identity)
        if shelf is None or shelf.epoch != epoch:
            shelf = self._shelves[identity] = _Shelf(epoch)
        self._shelves.move_to_end(identity)
        while len(self._shelves) > self._limits.max_entries:
            self._shelves.popitem(last=False)
        return shelf

    def _fresh_key(self, shelf: _Shelf) -> Answer | None:
        """A clock that runs backwards ages a key at once: how old it is cannot be told any more."""
        now = self._clock()
        while shelf.keys:
            expires_at, key = shelf.keys.popleft()
            if now < expires_at <= now + self._limits.max_age_seconds:
                return key
        return None

    def _stock(self, shelf: _Shelf, make: Callable[[], Answer]) -> None:
        """A failure is the next caller's to see: that one makes its key itself, and the stock is tried again then."""
        made: Answer | None = None
        try:
            made = make()
        except (ClientError, BotoCoreError, KmsFailoverError) as error:
            logger.warning("no data key could be made ahead: %s", error)
        except Exception:  # the entry point of its thread
            logger.exception("defect in making a data key ahead")
        finally:
            with self._lock:
                shelf.being_made -= 1
                if made is not None:
                    shelf.keys.append((self._clock() + self._age(made), made))

    def _age(self, key: Answer) -> float:
        longest = self._limits.max_age_seconds
        return min(longest, DEGRADED_SECONDS) if key["KmsFailover"]["Degraded"] else longest
