"""What is known of one execution while it runs and after: what GetAutomationExecution shows."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .document import Runbook, Step

RUNNING = frozenset({"Pending", "InProgress", "Waiting", "Cancelling"})


@dataclass
class StepExecution:
    step: Step
    execution_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    started: datetime | None = None
    ended: datetime | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    failure_message: str = ""


@dataclass
class AutomationExecution:
    """Written by the thread that runs it, read by those that answer for it: both hold `lock`.

    `outputs` has parameters, system variables and what steps have made, by the names that a document refers to them by.
    """

    runbook: Runbook
    started: datetime
    outputs: dict[str, Any] = field(default_factory=dict)
    status: str = "Pending"
    ended: datetime | None = None
    failure_message: str = ""
    current: StepExecution | None = None
    steps: list[StepExecution] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.steps = [StepExecution(step) for step in self.runbook.steps]

    @property
    def failed_step(self) -> str:
        return next((one.step.name for one in self.steps if one.status in {"Failed", "TimedOut"}), "")

    def begin(self, step: Step, now: datetime) -> StepExecution:
        """A step that a jump leads to again is shown as it ran last."""
        with self.lock:
            shown = next(one for one in self.steps if one.step is step)
            shown.status, shown.started, shown.ended, shown.failure_message = "InProgress", now, None, ""
            self.current = shown
            self.show("InProgress")
            return shown

    def wait(self) -> None:
        with self.lock:
            if self.current is not None:
                self.current.status = "Waiting"
            self.show("Waiting")

    def show(self, status: str) -> None:
        """One that is being cancelled stays so until it has ended."""
        with self.lock:
            if self.status != "Cancelling":
                self.status = status

    def cancel(self) -> bool:
        """False where it has ended."""
        with self.lock:
            if self.status not in RUNNING:
                return False
            self.status = "Cancelling"
            return True

    def end_step(self, shown: StepExecution, status: str, now: datetime, outputs: Mapping[str, Any]) -> None:
        with self.lock:
            shown.status, shown.ended, shown.outputs = status, now, dict(outputs)
            self.outputs |= {f"{shown.step.name}.{name}": value for name, value in outputs.items()}

    def end(self, status: str, now: datetime) -> None:
        with self.lock:
            self.status, self.ended, self.current = status, now, None
