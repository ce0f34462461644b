"""The key sets as a warm function works with them: read again after a few seconds; where that fails, the last stay."""

import logging
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import StateUnavailableError

KEY_SETS_SECONDS = 5.0  # how long a warm function works with the key sets it has read

logger = logging.getLogger(__name__)


class RecentKeySets:
    def __init__(
        self, state: StateTable, permitted: Callable[[tuple[KeySet, ...]], tuple[KeySet, ...]] = lambda all_: all_
    ) -> None:
        """`permitted` takes out, at each reading, what may not be used."""
        self._state = state
        self._permitted = permitted
        self._read_at = float("-inf")
        self._known: tuple[KeySet, ...] = ()

    def __call__(self) -> tuple[KeySet, ...]:
        if time.monotonic() - self._read_at > KEY_SETS_SECONDS:
            try:
                self._read()
            except (BotoCoreError, ClientError):
                if not self._known:
                    raise
                logger.warning("the state table cannot be read, the last key sets stay", exc_info=True)
        return self._known

    def anew(self) -> tuple[KeySet, ...]:
        """As they are in force now. StateUnavailableError where the table cannot be read."""
        try:
            self._read()
        except (BotoCoreError, ClientError) as error:
            raise StateUnavailableError(f"the state table cannot be read ({type(error).__name__})") from error
        return self._known

    def _read(self) -> None:
        self._known, self._read_at = self._permitted(self._state.key_sets()), time.monotonic()
