"""What an execution asks of its surroundings, and how an action ends that does not succeed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol


class Invocation(NamedTuple):
    """What Lambda answers: the payload as it is on the wire, and `Unhandled` where the function raised."""

    payload: str
    function_error: str | None = None
    status_code: int = 200
    log_result: str = ""


class Services(Protocol):
    """AWS, called as the execution's identity. Each raises ActionFailedError, or ActionTimeoutError after `seconds`."""

    @property
    def script_environment(self) -> Mapping[str, str]: ...
    def invoke(self, inputs: Mapping[str, Any], seconds: float) -> Invocation: ...
    def call(
        self, service: str, operation: str, parameters: Mapping[str, Any], seconds: float
    ) -> Mapping[str, Any]: ...


class Control(Protocol):
    """Time, and what people order meanwhile. Waits raise ActionCancelledError as soon as the execution is stopped."""

    def now(self) -> datetime: ...
    def pause(self, seconds: float) -> None: ...
    def is_cancelled(self) -> bool: ...
    def accept_cancellation(self) -> None:
        """The steps that the document wants run after it are not cut short."""

    def signals(self) -> tuple["Signal", ...]: ...


class Signal(NamedTuple):
    """What SendAutomationSignal has brought: `Approve`, `Reject` or `Resume`, by whom, and with which comment."""

    kind: str
    sender: str
    comment: str = ""


class ActionFailedError(Exception):
    """`phase` is what AWS says that the step was doing; `outputs` are those of a step that failed all the same."""

    def __init__(
        self, reason: str, phase: str = "Execute/Cancelling action", outputs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(reason)
        self.phase = phase
        self.outputs = outputs or {}


class ActionTimeoutError(ActionFailedError):
    """It took longer than the step's `timeoutSeconds`."""


class ActionCancelledError(Exception):
    """StopAutomationExecution has ended it."""
