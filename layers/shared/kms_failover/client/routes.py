"""Key sets and routes as the data plane reads them: this region's own copy, seconds old at most, fail-static."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.state_table import StateTable
from kms_failover.client.account_filter import AccountFilter
from kms_failover.client.key_set_memory import KeySetMemory
from kms_failover.client.stale_while_revalidate import StaleWhileRevalidate
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.routing.route import Route, first_route
from kms_failover.errors import StateUnavailableError, UnknownKeySetError, UnreadableItemError

REFRESH_SECONDS = 2.0  # where no settings say otherwise
NOTHING_REMEMBERED = KeySetMemory(None, "", "")
WHAT_TO_DO = (
    "give key sets to FailoverKms.connect(..., key_sets=read_key_sets(path).key_sets), "
    "or have them remembered with Settings(memory_folder=...)"
)
NOT_APPLIED = (
    "this region's state table has none of its name to read, so its route stays. `kms-failover apply` applies it"
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class LastKnown:
    """What a reader has read last: key sets, all of them permitted, and routes by key set."""

    key_sets: tuple[KeySet, ...] = ()
    routes: Mapping[str, Route] = field(default_factory=dict)


NOTHING_KNOWN = LastKnown()


class RouteReader:
    """Answers from memory. Reads the routes of those key sets only that somebody uses.

    Where the table cannot be read the last good routes stay; where it never could, `memory` serves, which an earlier
    process has left. Each of `configured` serves while neither has a key set of its name. All of them pass `permitted`.
    A forked child begins with what its parent had read: `last_known`.
    """

    def __init__(
        self,
        region: str,
        state: StateTable | None,
        permitted: AccountFilter,
        configured: tuple[KeySet, ...] = (),
        clock: Callable[[], float] = time.time,
        refresh_seconds: float = REFRESH_SECONDS,
        memory: KeySetMemory = NOTHING_REMEMBERED,
        last_known: LastKnown = NOTHING_KNOWN,
    ) -> None:
        self._region = region
        self._state = state
        self._permitted = permitted
        self._configured = configured
        self._memory = memory
        self._has_read = False
        self._warned: set[str] = set()  # names
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kms-failover-routes")
        self._begins_with = last_known
        given = permitted(configured)
        self._key_sets = self._remembered("the key sets", self._read_key_sets, last_known.key_sets or given or None)
        self._routes: dict[str, StaleWhileRevalidate[Route]] = {}
        self._index: tuple[tuple[KeySet, ...], dict[str, KeySet]] = ((), {})
        self._lock = threading.Lock()

    def find(self, key_id: str) -> tuple[KeySet, Route]:
        """The key set that `key_id` names (name, alias or member ARN) and its route.

        Raises:
            UnknownKeySetError: there is none of this name.
            UnreadableItemError: its item cannot be read, and no readable version of it is known.
            StateUnavailableError: none is known, and the table cannot be read.
            ConfigurationError: all its member keys are in accounts that are not allowed.
        """
        found = self._indexed(self.key_sets()).get(key_id)
        if found is None:
            found = self._indexed(self._key_sets.get_anew() or ()).get(key_id)  # it may have been applied a moment ago
        if found is None:
            self._permitted.expect_some_of(key_id)
            if self._key_sets.error is not None:
                raise self._unread("this one is not among the key sets that are known") from self._key_sets.error
            raise next((one for one in self._unknown() if one.may_be(key_id)), self._unknown_key_set(key_id))
        return found, self._route(found)

    def named(self, key_id: str) -> KeySet | None:
        """The key set that is known to have this name, without a second look; None also where none can be known."""
        try:
            return self._indexed(self.key_sets()).get(key_id)
        except StateUnavailableError:
            return None

    def key_sets(self) -> tuple[KeySet, ...]:
        """StateUnavailableError where none are known and the table cannot be read."""
        known = self._key_sets.get()
        if not known and self._key_sets.error is not None:
            raise self._unread("no key set is known") from self._key_sets.error
        return known or ()

    @property
    def last_known(self) -> LastKnown:
        """Without a lock, which may be held for ever by a thread that a forked child does not have."""
        routes = {name: route.known for name, route in tuple(self._routes.items())}
        known = {name: route for name, route in routes.items() if route is not None}
        return LastKnown(self._key_sets.known or (), {**self._begins_with.routes, **known})

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _route(self, key_set: KeySet) -> Route:
        route = self._routes.get(key_set.name)
        if route is None:
            with self._lock:
                route = self._routes.setdefault(key_set.name, self._new_route(key_set))
        known = route.get()
        assert known is not None  # noqa: S101  # it began with the key set's own order
        return known

    def _new_route(self, key_set: KeySet) -> StaleWhileRevalidate[Route]:
        own_order = first_route(key_set, self._region, datetime.now(UTC))

        def read() -> Route:
            route = self._state.route(key_set.name) if self._state is not None else None
            return route or own_order

        known = self._begins_with.routes.get(key_set.name, own_order)
        return self._remembered(f"the route of {key_set.name}", read, known)

    def _indexed(self, key_sets: tuple[KeySet, ...]) -> dict[str, KeySet]:
        """By everything that names a key set; made anew only when the key sets have been read anew."""
        indexed, index = self._index
        if indexed is not key_sets:
            index = {name: key_set for key_set in reversed(key_sets) for name in key_set.names}
            self._index = key_sets, index
        return index

    def _read_key_sets(self) -> tuple[KeySet, ...]:
        """Each that was configured stands in where the table, or the memory of it, has none of its name to read."""
        if self._state is None:
            return self._permitted(self._configured)
        try:
            known = self._state.key_sets()
        except (BotoCoreError, ClientError):
            remembered = () if self._has_read else self._memory.recall()
            if not remembered:
                raise
            return self._permitted((*remembered, *self._lacking_in(remembered)))
        self._memory.keep(known)
        lacking = self._lacking_in(known)
        self._warn_of(lacking)
        permitted = self._permitted((*known, *lacking))
        self._has_read = True  # and knows what it may use: until then the memory is the best there is
        return permitted

    def _lacking_in(self, known: tuple[KeySet, ...]) -> tuple[KeySet, ...]:
        """Of those that were configured. An ARN that both name is the other key set's, which somebody has applied."""
        names = {key_set.name for key_set in known}
        return tuple(one for one in self._configured if one.name not in names)

    def _warn_of(self, lacking: tuple[KeySet, ...]) -> None:
        """Once each: nobody moves its route, nor repays what is owed."""
        for key_set in lacking:
            if key_set.name not in self._warned:
                self._warned.add(key_set.name)
                logger.warning("key set %s serves as it was given: %s", key_set.name, NOT_APPLIED)

    def _unknown_key_set(self, key_id: str) -> UnknownKeySetError:
        names = tuple(one.name for one in self._key_sets.known or ())
        if self._state is None:
            return UnknownKeySetError(key_id, names, "give key sets to FailoverKms.connect(..., key_sets=...)")
        return UnknownKeySetError(key_id, names)

    def _unknown(self) -> tuple[UnreadableItemError, ...]:
        return self._state.unknown_key_sets if self._state is not None else ()

    def _remembered(self, what: str, read: Callable[[], T], known: T | None) -> StaleWhileRevalidate[T]:
        what = f"{what} in {self._region}'s state table"
        return StaleWhileRevalidate(what, read, self._thread, self._clock, self._refresh_seconds, known)

    def _unread(self, consequence: str) -> StateUnavailableError:
        error = self._key_sets.error
        if isinstance(error, StateUnavailableError):
            return error
        why = f"the state table in {self._region} cannot be read ({type(error).__name__})"
        return StateUnavailableError(f"{why}, and {consequence}: {WHAT_TO_DO}")
