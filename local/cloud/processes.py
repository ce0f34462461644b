"""Starting processes so that they end, and knowing when they are ready."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from .child import NO_LIFELINE
from .identity import identity
from .state import Process

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = REPOSITORY / ".venv-tools" / "bin" / "python"  # only there are ministack and microburst
READY_SECONDS = 60.0  # 3 s were measured on two cores; a loaded machine needs more
END_SECONDS = 3.0  # after SIGTERM, before SIGKILL
PAUSE_SECONDS = 0.05
HEALTH_TIMEOUT_SECONDS = 1.0
LOG_LINES_SHOWN = 20


class StartError(Exception):
    """A process did not become ready. The message names it and shows the end of its log."""


@dataclass(frozen=True)
class Plan:
    """`health` is a URL that answers 200 as soon as the process can work."""

    name: str
    module: str
    arguments: tuple[str, ...]
    health: str


class ChildProcess:
    """A process of this one; `process` is what can be written down."""

    def __init__(self, plan: Plan, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.plan = plan
        self._popen = popen
        self._log = log
        # None when it ended at once: wait_until_ready says so
        self.process = Process(plan.name, popen.pid, identity(popen.pid) or "", str(log))

    def wait_until_ready(self, deadline: float) -> None:
        """`deadline` is on the monotonic clock. Raises StartError."""
        while not _answers(self.plan.health):
            if (code := self._popen.poll()) is not None:
                raise StartError(f"{self.plan.name} ended with code {code} while starting. {self._end_of_log()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.plan.name} is not ready: {self.plan.health} is silent. {self._end_of_log()}")
            time.sleep(PAUSE_SECONDS)

    def reap(self) -> None:
        self._popen.wait()

    def forget(self) -> None:
        """It lives on without this process. Keeps Popen from warning that nobody waits for it."""
        self._popen.returncode = 0

    def _end_of_log(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join([f"The end of {self._log}:", *(f"  {line}" for line in lines)])


def launch(plan: Plan, *, environment: Mapping[str, str], logs: Path, lifeline: int | None) -> ChildProcess:
    """Starts it as the leader of a group of its own: a Ctrl-C at the terminal reaches us only, and we decide."""
    log = logs / f"{plan.name}.log"
    command = [
        str(TOOLS) if TOOLS.exists() else sys.executable,
        "-m",
        f"{__package__}.child",
        NO_LIFELINE if lifeline is None else str(lifeline),
        plan.module,
        *plan.arguments,
    ]
    with log.open("wb") as output:
        popen = subprocess.Popen(  # noqa: S603 - our own modules
            command,
            cwd=REPOSITORY,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if lifeline is None else (lifeline,),
        )
    return ChildProcess(plan, popen, log)


def end(processes: Sequence[Process], *, is_running: Callable[[Process], bool] = Process.is_running) -> list[Process]:
    """Ends them and all they started. Returns those that were running.

    An id that meanwhile belongs to another process is left alone.
    """
    ours = [process for process in processes if is_running(process)]
    for process in ours:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while any(is_running(process) for process in ours) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    for process in ours:
        _signal(process, signal.SIGKILL)  # the leader may be gone, and a worker of it busy
    return ours


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(process.group, number)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT_SECONDS) as response:  # noqa: S310 - ours, loopback
            return bool(response.status == 200)  # noqa: PLR2004
    except (HTTPException, OSError):  # URLError is an OSError
        return False
