"""Data-plane reports: a process whose breaker opens tells its region's controller, a bounded number of times."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.health import Observation, Outcome, Source
from kms_failover.domain.key_set import KeySet

REPORT_SECONDS = 5.0  # at most one report a region in this time, whatever the traffic

logger = logging.getLogger(__name__)


class FaultReporter:
    """Called from the failing region's own threads, so that no caller waits for the report."""

    def __init__(
        self,
        region: str,
        state: StateTable,
        key_sets: Callable[[], tuple[KeySet, ...]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._region = region
        self._state = state
        self._key_sets = key_sets
        self._clock = clock
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, region: str, code: str) -> None:
        """Report one region fault. A report that cannot be written is logged: the probe sees the region as well."""
        with self._lock:
            now = self._clock()
            if now - self._last.get(region, float("-inf")) < REPORT_SECONDS:
                return
            self._last[region] = now
        try:
            for key_set in self._key_sets():
                if key_set.member_in(region) is not None:
                    self._state.add_observation(self._observation(key_set.name, region, code))
        except (BotoCoreError, ClientError) as error:
            logger.warning("a region fault of %s could not be reported: %s", region, error)

    def _observation(self, key_set: str, region: str, code: str) -> Observation:
        return Observation(
            key_set=key_set,
            observer=self._region,
            region=region,
            source=Source.DATA_PLANE,
            outcome=Outcome.REGION_FAULT,
            at=datetime.now(UTC),
            id=uuid.uuid4().hex,
            code=code,
        )
