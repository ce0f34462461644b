"""Runs an Automation document with services of a test's own, on a clock that waits for nobody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.cloud.automation import (
    ActionCancelledError,
    AutomationExecution,
    Interpreter,
    Invocation,
    Latitude,
    Signal,
    parse_runbook,
    typed_parameters,
)

STARTED = datetime(2026, 11, 29, 12, tzinfo=UTC)


def _no_function(_inputs: Mapping[str, Any]) -> Invocation:
    raise AssertionError("no function was meant to be invoked")


def _no_service(_service: str, _operation: str, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    raise AssertionError("no service was meant to be called")


@dataclass
class ServicesStandIn:
    invoke_function: Callable[[Mapping[str, Any]], Invocation] = _no_function
    call_service: Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]] = _no_service
    script_environment: Mapping[str, str] = field(default_factory=dict)

    def invoke(self, inputs: Mapping[str, Any], seconds: float) -> Invocation:
        return self.invoke_function(inputs)

    def call(self, service: str, operation: str, parameters: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        return self.call_service(service, operation, parameters)


@dataclass
class VirtualControl:
    """Time passes by waiting alone. `cancel_at` stops the execution, `due` are the signals with their times."""

    time: datetime = STARTED
    cancel_at: datetime | None = None
    due: Sequence[tuple[datetime, Signal]] = ()

    def now(self) -> datetime:
        return self.time

    def pause(self, seconds: float) -> None:
        until = self.time + timedelta(seconds=seconds)
        if self.cancel_at is not None and self.cancel_at <= until:
            self.time = self.cancel_at
            raise ActionCancelledError
        self.time = until

    def is_cancelled(self) -> bool:
        return self.cancel_at is not None and self.cancel_at <= self.time

    def accept_cancellation(self) -> None:
        self.cancel_at = None

    def signals(self) -> tuple[Signal, ...]:
        return tuple(signal for at, signal in self.due if at <= self.time)


def run_document(
    document: Mapping[str, Any],
    parameters: Mapping[str, Sequence[str]] | None = None,
    services: ServicesStandIn | None = None,
    latitude: Latitude | None = None,
    control: VirtualControl | None = None,
) -> AutomationExecution:
    """As it has ended. DocumentError or ParameterError for what cannot be run."""
    runbook = parse_runbook(document)
    execution = AutomationExecution(runbook, STARTED, typed_parameters(runbook.parameters, parameters or {}))
    Interpreter(services or ServicesStandIn(), control or VirtualControl(), latitude or Latitude()).run(execution)
    return execution
