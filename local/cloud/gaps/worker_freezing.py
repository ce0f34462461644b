"""A worker is frozen as soon as it has answered, and finds its connections forgotten when it is thawed after long.

[AWS docs: lambda-runtime-environment] The workers of ministack 1.5.33 run on: a background thread works between two
invocations as well, and no connection is ever stale. Here real processes are stopped, and real sockets reset.

What it cannot imitate: the clocks move by the time that really passes, and never by an idle hour. Connections that do
not go through a front are kept. Where there is no /proc (macOS), a worker is frozen and keeps all its connections.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ministack.core import lambda_runtime

from local.cloud.account_limits import REGISTER
from local.cloud.dead_connections import kill_connections

FRONTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS")  # where a worker's clients go, of its and our environment
LOCAL_ADDRESS, INODE = 1, 9  # columns of /proc/<pid>/net/tcp; man 5 proc

_frozen_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


def freeze_worker(worker: Any) -> None:
    if worker._proc is not None and worker._proc.poll() is None:
        worker._proc.send_signal(signal.SIGSTOP)
        _frozen_at[worker] = time.monotonic()


def thaw_worker(worker: Any) -> None:
    """Does nothing to a worker that runs."""
    since, limit = _frozen_at.pop(worker, None), REGISTER.now.connection_idle_seconds
    if since is None or worker._proc is None:
        return
    try:
        if limit is not None and time.monotonic() - since >= limit:
            _kill_connections_of(worker._proc.pid)
    finally:
        worker._proc.send_signal(signal.SIGCONT)


def _kill_connections_of(pid: int) -> None:
    if ports := list(client_ports(pid)):
        for front in FRONTS:
            kill_connections(os.environ[front], ports)


def client_ports(pid: int) -> Iterator[int]:
    """The local ports of its TCP sockets."""
    folder = Path(f"/proc/{pid}")
    with suppress(FileNotFoundError, ProcessLookupError):
        inodes = set(_socket_inodes(folder / "fd"))
        for line in (folder / "net" / "tcp").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[INODE] in inodes:
                yield int(columns[LOCAL_ADDRESS].rpartition(":")[2], 16)


def _socket_inodes(descriptors: Path) -> Iterator[str]:
    for descriptor in descriptors.iterdir():
        with suppress(FileNotFoundError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target.removeprefix("socket:[").removesuffix("]")


def _freezing(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_thawed(worker: Any, *arguments: Any, **named: Any) -> Any:
        thaw_worker(worker)
        try:
            return invoke(worker, *arguments, **named)
        finally:
            if REGISTER.now.connection_idle_seconds is not None:
                freeze_worker(worker)

    return invoke_thawed


def _continuing(end: Callable[..., Any]) -> Callable[..., Any]:
    """A stopped process would not hear SIGTERM."""

    def end_thawed(process: Any) -> None:
        if process is not None:
            process.send_signal(signal.SIGCONT)
        end(process)

    return end_thawed


def install() -> None:
    """Two functions are replaced, for ministack has no register. A worker is leased while it is thawed and frozen."""
    lambda_runtime.Worker.invoke = _freezing(lambda_runtime.Worker.invoke)
    lambda_runtime._signal = _continuing(lambda_runtime._signal)
