"""Key sets and routes as the data plane reads them: this region's own copy, seconds old at most, fail-static."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Route, first_route
from kms_failover.errors import StateUnavailableError, UnknownKeySetError

REFRESH_SECONDS = 2.0  # well below a probe round, so a changed route is used before the next one ends

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Routes:
    """What was read at one moment."""

    key_sets: tuple[KeySet, ...]
    routes: dict[str, Route]
    read_at: float


class RouteReader:
    """Answers from memory; refreshes beside the caller's work, never before it, except for the very first time.

    Where the table cannot be read the last good routes stay; where it never could, `configured` key sets serve.
    """

    def __init__(
        self,
        region: str,
        state: StateTable | None,
        configured: tuple[KeySet, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._region = region
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kms-failover-routes")
        self._refreshing = False
        self._error: Exception | None = None
        self._routes = Routes(configured, {}, float("-inf"))

    def find(self, key_id: str) -> tuple[KeySet, Route]:
        """The key set that `key_id` names (name, alias or member ARN) and its route; UnknownKeySetError if none."""
        routes = self._current()
        found = next((key_set for key_set in routes.key_sets if key_set.answers_to(key_id)), None)
        if found is None and self._clock() - routes.read_at > REFRESH_SECONDS:
            self._read()  # it may have been applied a moment ago
            routes = self._routes
            found = next((key_set for key_set in routes.key_sets if key_set.answers_to(key_id)), None)
        if found is None:
            if self._error is not None:
                raise StateUnavailableError(f"the state table in {self._region} cannot be read") from self._error
            raise UnknownKeySetError(key_id)
        return found, routes.routes.get(found.name) or first_route(found, self._region, datetime.now(UTC))

    def key_sets(self) -> tuple[KeySet, ...]:
        """StateUnavailableError where none are known and the table cannot be read."""
        known = self._current().key_sets
        if not known and self._error is not None:
            raise StateUnavailableError(f"the state table in {self._region} cannot be read") from self._error
        return known

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _current(self) -> Routes:
        if self._state is None:
            return self._routes
        if self._routes.read_at == float("-inf"):
            with self._lock:
                if self._routes.read_at == float("-inf"):
                    self._read()
        elif self._clock() - self._routes.read_at > REFRESH_SECONDS:
            self._refresh()
        return self._routes

    def _refresh(self) -> None:
        with self._lock:
            if self._refreshing:
                return
            self._refreshing = True
        self._thread.submit(self._read)

    def _read(self) -> None:
        state = self._state
        try:
            if state is not None:
                key_sets = state.key_sets()
                routes = {key_set.name: state.route(key_set.name) for key_set in key_sets}
                known = {name: route for name, route in routes.items() if route is not None}
                self._routes = Routes(key_sets, known, self._clock())
                self._error = None
        except (BotoCoreError, ClientError, ValidationError) as error:  # the last: written by another version of us
            logger.warning("the state table in %s cannot be read, the last routes stay: %s", self._region, error)
            self._error = error
            # where nothing is known yet the next caller tries again; else the next refresh does
            read_at = self._clock() if self._routes.key_sets else float("-inf")
            self._routes = Routes(self._routes.key_sets, self._routes.routes, read_at)
        finally:
            self._refreshing = False
