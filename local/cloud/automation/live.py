"""An execution in the background, on the real clock."""

import logging
import threading
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime

from .actions import Latitude
from .answers import Order
from .execution import AutomationExecution
from .interpreter import GUIDE, Interpreter
from .surroundings import ActionCancelledError, Services, Signal

MAX_SIGNALS = 100  # of one execution; an approval counts at most ten people [AWS docs: automation-action-approve]

MAX_RUNNING = 100  # AWS queues what is beyond that [AWS docs: ssm quotas]; here it is refused
MAX_KEPT = 1000  # of a region; those that ended first are forgotten first

logger = logging.getLogger(__name__)


class TooManyExecutionsError(Exception):
    """AWS answers AutomationExecutionLimitExceededException."""


class LiveControl:
    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._signals: tuple[Signal, ...] = ()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise ActionCancelledError

    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def accept_cancellation(self) -> None:
        self._cancelled.clear()

    def signals(self) -> tuple[Signal, ...]:
        return self._signals

    def cancel(self) -> None:
        self._cancelled.set()

    def send(self, signal: Signal) -> None:
        self._signals = (*self._signals, signal)[-MAX_SIGNALS:]


class LiveExecution:
    """Runs from when it is made. `is_over` once nothing of it runs any more."""

    def __init__(
        self,
        order: Order,
        execution: AutomationExecution,
        services: Services,
        latitude: Latitude,
        at_end: Callable[[], None],
    ) -> None:
        self.order = order
        self._at_end = at_end
        self.execution = execution
        self.control = LiveControl()
        self._interpreter = Interpreter(services, self.control, latitude)
        self._thread = threading.Thread(target=self._run, name=f"automation-{order.execution_id}", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        """Until it has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._interpreter.run(self.execution)
        except Exception:  # the thread's own boundary: an execution always ends, and never as a success
            logger.exception("automation execution %s", self.order.execution_id)
            self.execution.failure_message = f"Internal Server Error. {GUIDE}"  # [AWS docs: automation-troubleshooting]
            self.execution.end("Failed", self.control.now())
        finally:
            self._at_end()


def make_room(executions: MutableMapping[str, LiveExecution]) -> None:
    """For one more; `executions` are in the order of their start. Raises TooManyExecutionsError."""
    over = [execution_id for execution_id, live in executions.items() if live.is_over]
    if len(executions) - len(over) >= MAX_RUNNING:
        raise TooManyExecutionsError(f"{MAX_RUNNING} executions are running.")
    for execution_id in over[: max(0, len(executions) - MAX_KEPT + 1)]:
        del executions[execution_id]
