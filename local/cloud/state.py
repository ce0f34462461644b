"""The file that lets a later command find, and end, the processes of an earlier one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .identity import is_running

FORMAT = 2
MESSAGES_PATH = "/_local/messages"


@dataclass(frozen=True)
class Process:
    """`group` is the process group it leads; everything it starts is in there."""

    name: str
    pid: int
    identity: str
    log: str

    @property
    def group(self) -> int:
        return self.pid

    def is_running(self) -> bool:
        return is_running(self.pid, self.identity)


@dataclass(frozen=True)
class Addresses:
    """Base URLs. Clients use the fronts, where faults are injected; what stands behind is for the launcher."""

    front: str
    kms_front: str
    gateway: str
    kms: str
    s3: str

    @property
    def messages(self) -> str:
        """The page of what topics have sent. Behind the front: a fault in there would silence what tells of it."""
        return f"{self.gateway}{MESSAGES_PATH}"


@dataclass(frozen=True)
class CloudState:
    addresses: Addresses
    processes: tuple[Process, ...]

    def running(self) -> tuple[Process, ...]:
        return tuple(process for process in self.processes if process.is_running())


def write_state(path: Path, state: CloudState) -> None:
    """Replaces the file in one step: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"format": FORMAT, **asdict(state)}, indent=2) + "\n")
    unfinished.replace(path)


def read_state(path: Path) -> CloudState | None:
    """None when there is no file, or one that this version did not write: then nothing is known to be running."""
    try:
        content: Any = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    processes = tuple(Process(**process) for process in content["processes"])
    return CloudState(addresses=Addresses(**content["addresses"]), processes=processes)
