"""Is this process id still the process that was started?"""

import os
import subprocess
from pathlib import Path

PS_TIMEOUT_SECONDS = 5.0
STATE_FIELD = 0  # of /proc/<pid>/stat, counted after the name, which may contain spaces; man 5 proc
START_FIELD = 19
ZOMBIE = "Z"


def identity(pid: int) -> str | None:
    """A text that no other process with this id will ever have; None when there is none, or only its exit code."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _identity_from_ps(pid)
    except ProcessLookupError:  # it ended between open and read
        return None
    return identity_from_stat(stat)


def identity_from_stat(stat: str) -> str | None:
    """`12 (a name) S 1 … 4711 …` gives the start time in clock ticks since boot, the 22nd field."""
    fields = stat.rpartition(")")[2].split()
    return None if fields[STATE_FIELD] == ZOMBIE else fields[START_FIELD]


def is_running(pid: int, expected: str) -> bool:
    return identity(pid) == expected


def _identity_from_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS): the start time to the second, and the command."""
    done = subprocess.run(  # noqa: S603 - a fixed command
        ["ps", "-o", "stat=,lstart=,command=", "-p", str(pid)],  # noqa: S607 - its place differs between systems
        capture_output=True,
        text=True,
        timeout=PS_TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    stat, _, rest = done.stdout.strip().partition(" ")
    return None if not rest or stat.startswith(ZOMBIE) else rest.strip()
