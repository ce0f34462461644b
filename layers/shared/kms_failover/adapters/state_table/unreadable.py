"""Says in the log which items of the state table cannot be read."""

import logging
from collections.abc import Sequence

from kms_failover.errors import UnreadableItemError

MAX_REMEMBERED = 1000  # items that have been logged; beyond them they are logged again
MAX_LOGGED = 10  # of one reading

logger = logging.getLogger(__name__)


class UnreadableLog:
    """Logs each item once in the life of a process: they are read again every few seconds."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def __call__(self, unreadable: Sequence[UnreadableItemError]) -> None:
        new = [error for error in unreadable if error.item not in self._logged]
        if not new:
            return
        if len(self._logged) + len(new) > MAX_REMEMBERED:
            self._logged.clear()
        self._logged |= {error.item for error in new[:MAX_REMEMBERED]}
        first = "; ".join(f"{error.item}: {error.reason}" for error in new[:MAX_LOGGED])
        logger.error("%s items of the state table cannot be read, the others are: %s", len(new), first)
