"""Data-plane reports: a process whose breaker opens tells its region's controller, a bounded number of times."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.state_table.observations import REPORT_ID, report_time
from kms_failover.domain.routing.observation import Observation, Outcome, Source

logger = logging.getLogger(__name__)


class FaultReporter:
    """Writes in a thread of its own, so that no caller waits for the report.

    All processes of a region that report in the same five seconds write the same item: a fleet must not bury the probe.
    """

    def __init__(
        self,
        region: str,
        state: StateTable,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._region = region
        self._state = state
        self._clock = clock
        self._last: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kms-failover-reports")

    def __call__(self, region: str, code: str) -> None:
        """Report one region fault. A report that cannot be written is logged: the probe sees the region as well."""
        now = self._clock()
        at = report_time(now)
        with self._lock:
            if self._last.get(region) == at:
                return
            self._last[region] = at
        with suppress(RuntimeError):  # closed: a call of this process's last moments failed
            self._thread.submit(self._report, region, code, at)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _report(self, region: str, code: str, at: datetime) -> None:
        try:
            self._state.add_observation(self._observation(region, code, at))
        except (BotoCoreError, ClientError) as error:
            logger.warning("a region fault of %s could not be reported: %s", region, error)
        except Exception:  # the entry point of its thread: the probe sees the region as well
            logger.exception("defect in reporting a region fault of %s", region)

    def _observation(self, region: str, code: str, at: datetime) -> Observation:
        return Observation(
            observer=self._region,
            region=region,
            source=Source.DATA_PLANE,
            outcome=Outcome.REGION_FAULT,
            at=at,
            id=REPORT_ID,
            code=code,
        )
