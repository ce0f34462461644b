"""When a member key is checked: a data key made and opened with it, for its own key sets' sake.

- In its turn, once in OWN_KEYS_SECONDS (here). A key that is new or has not answered stays due.
- In every round for WATCH_PERIOD after a key fault of its key set (`probe_memory.Attention.watched`).
- At once, when an event says that it may be gone (`SignalService`), and when the controller asks for it: its region
  answers, and the key has not been checked since the route moved or the region came back
  (`health.RegionHealth.needs_key_check`).
"""

import zlib
from collections.abc import Set as AbstractSet
from datetime import datetime

from kms_failover.domain.timing import SECONDS_A_ROUND

OWN_KEYS_SECONDS = 2400  # so that KMS costs below 10 dollars a month for 100 key sets (docs/probe.md; a test holds it)
OWN_KEY_SLOTS = OWN_KEYS_SECONDS // SECONDS_A_ROUND
FIRST_SLOTS = 60 // SECONDS_A_ROUND  # a process's first round covers the minute before it


class KeyCheckSchedule:
    """When each key is asked for its own key sets' sake: once in OWN_KEYS_SECONDS, in the slot that its ARN gives it.

    A round covers all slots since the previous one, so that what is late or skipped loses no key; a process's first
    round covers the minute before it, which another process may have left undone.
    """

    def __init__(self) -> None:
        self._slot: int | None = None
        self._taken: AbstractSet[str] = frozenset()

    def due(self, arns: AbstractSet[str], at: datetime) -> AbstractSet[str]:
        """Also a key that is new, or has not answered when it was its turn."""
        slot = _slot(at)
        covered = FIRST_SLOTS if self._slot is None else slot - self._slot
        owed = arns - self._taken if self._slot is not None else frozenset()
        return {arn for arn in arns if (slot - zlib.crc32(arn.encode())) % OWN_KEY_SLOTS < covered} | owed

    def taken(self, arns: AbstractSet[str], at: datetime) -> None:
        """These need not be asked before their next slot."""
        self._slot, self._taken = _slot(at), arns


def _slot(at: datetime) -> int:
    return int(at.timestamp()) // SECONDS_A_ROUND
