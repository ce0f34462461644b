"""ministack as it comes, on a free port, without what local/cloud adds to it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from local.cloud.environment import server_environment
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.state import Addresses

from .targets import Target, fake_client

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = REPOSITORY / ".venv-tools" / "bin" / "ministack"
# the one that local/requirements.txt installs
MINISTACK_VERSION = next(
    line.partition("==")[2].partition(" ")[0]
    for line in (REPOSITORY / "local" / "requirements.txt").read_text().splitlines()
    if line.startswith("ministack==")
)
READY_SECONDS, END_SECONDS, PAUSE_SECONDS = 60.0, 5.0, 0.1


@contextmanager
def ministack() -> Iterator[Target]:
    """Raises FileNotFoundError where `make` has not set up the local cloud's tools."""
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    with TemporaryDirectory() as folder, closing(_launch(url, Path(folder))) as running:
        running.wait_until_ready()
        yield Target(lambda region: fake_client(region, endpoint_url=url))


class _Running:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process, self._port = process, port

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((LOOPBACK, self._port), timeout=1.0):
                return
            time.sleep(PAUSE_SECONDS)
        raise RuntimeError(f"ministack does not listen on port {self._port}")

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _launch(url: str, folder: Path) -> _Running:
    addresses = Addresses(front=url, kms_front=url, gateway=url, kms=url)
    environment = server_environment(addresses, os.environ, folder) | {"AUTH": "false"}
    (folder / "tmp").mkdir()
    process = subprocess.Popen(  # noqa: S603 - our own tools' command
        [str(COMMAND)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return _Running(process, int(url.rpartition(":")[2]))
