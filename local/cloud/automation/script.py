"""aws:executeScript: the document's own Python, in a process of its own, so that it can be stopped.

It sees no packages but those of the interpreter's environment, boto3 among them, as on AWS.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from .surroundings import ActionCancelledError, ActionFailedError, ActionTimeoutError, Control

PHASE = "Poll action status for completion"  # as recorded in 2021 by aws-solutions' test of check_ssm_execution
LOOK_SECONDS = 0.02
LARGEST_BYTES = 100_000  # "Up to 100KB is returned" [AWS docs: automation-action-executeScript]
# Its source is the argument, its input and output are the payload; what it prints does not come between them.
RUNNER = """
import json, sys, traceback
answer, sys.stdout = sys.stdout, sys.stderr
try:
    given = json.load(sys.stdin)
    names = {"__name__": "customer_script"}
    exec(compile(given["Script"], "customer_script.py", "exec"), names)
    made = {"Payload": names[given["Handler"]](given["InputPayload"], {})}
    text = json.dumps(made)
except Exception as error:
    where = traceback.extract_tb(error.__traceback__)[-1]
    text = json.dumps({"Failed": "Traceback (most recent call last):\\n  File \\"customer_script.py\\", line %s, in %s"
        "\\n\\n%s - %s" % (where.lineno, where.name, type(error).__name__, error)})
answer.write(text)
"""


def run_script(
    inputs: Mapping[str, Any], environment: Mapping[str, str], control: Control, seconds: float
) -> dict[str, Any]:
    """Raises ActionFailedError for what the script raises, in the form that AWS shows it in."""
    given = {name: inputs[name] for name in ("Script", "Handler")} | {"InputPayload": inputs.get("InputPayload", {})}
    with subprocess.Popen(  # noqa: S603 - the script under test
        [sys.executable, "-I", "-c", RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environment),
        text=True,
    ) as process:
        try:
            answer = _answer(process, json.dumps(given, default=str), control, time.monotonic() + seconds)
        finally:
            process.kill()
    return _made(answer)


def _answer(process: subprocess.Popen[str], given: str, control: Control, deadline: float) -> str:
    """On the real clock: the script's own time passes there, whatever clock the execution has."""
    sent: str | None = given
    while True:
        try:
            return process.communicate(sent, timeout=LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired as error:
            sent = None  # communicate remembers what is left to be sent
            if control.is_cancelled():
                raise ActionCancelledError from error
            if time.monotonic() > deadline:
                raise ActionTimeoutError("the script still runs", PHASE) from error


def _made(answer: str) -> dict[str, Any]:
    if len(answer.encode()) > LARGEST_BYTES:
        raise ActionFailedError(f"the script returned more than {LARGEST_BYTES} bytes", PHASE)
    try:
        made: dict[str, Any] = json.loads(answer)
    except ValueError as error:
        raise ActionFailedError("the script ended without an answer", PHASE) from error
    if "Failed" in made:
        raise ActionFailedError(made["Failed"], PHASE)
    return made
