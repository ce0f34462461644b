"""Systems Manager Automation: documents of schema 0.3, run as AWS documents it (facts 8.5).

    runbook = parse_runbook(document)
    execution = AutomationExecution(runbook, started, typed_parameters(runbook.parameters, {"Action": ["status"]}))
    Interpreter(services, control, Latitude(payload_is_text=True)).run(execution)

The tests run a document with services and a clock of their own; the local cloud's gateway runs it in the background.
"""

from .actions import Latitude
from .document import DocumentError, Runbook, parse_runbook
from .execution import AutomationExecution
from .interpreter import Interpreter
from .parameters import ParameterError, typed_parameters
from .surroundings import (
    ActionCancelledError,
    ActionFailedError,
    ActionTimeoutError,
    Control,
    Invocation,
    Services,
    Signal,
)

__all__ = [
    "ActionCancelledError",
    "ActionFailedError",
    "ActionTimeoutError",
    "AutomationExecution",
    "Control",
    "DocumentError",
    "Interpreter",
    "Invocation",
    "Latitude",
    "ParameterError",
    "Runbook",
    "Services",
    "Signal",
    "parse_runbook",
    "typed_parameters",
]
