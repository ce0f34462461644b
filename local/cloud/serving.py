"""A server process for as long as a `with` block."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .ports import LOOPBACK

READY_SECONDS, END_SECONDS, PAUSE_SECONDS = 60.0, 5.0, 0.05


@contextmanager
def serving(
    command: Sequence[str], port: int, *, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """From when it listens on the port. Raises RuntimeError if it never does, OSError if it cannot be started."""
    process = subprocess.Popen(  # noqa: S603 - the caller's own command
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_listening(process, port)
        yield
    finally:
        _end(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1.0):
            return
        time.sleep(PAUSE_SECONDS)
    raise RuntimeError(f"nothing listens on port {port}: {process.args!r}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
