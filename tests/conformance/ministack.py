"""ministack as it comes, on a free port, without what local/cloud adds to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from local.cloud.environment import server_environment
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving
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


@contextmanager
def ministack() -> Iterator[Target]:
    with ministack_url() as url:
        yield Target(lambda region: fake_client(region, endpoint_url=url))


@contextmanager
def ministack_url() -> Iterator[str]:
    """Raises FileNotFoundError where `make` has not set up the local cloud's tools."""
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    addresses = Addresses(front=url, kms_front=url, gateway=url, kms=url, s3=url)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        environment = server_environment(addresses, os.environ, folder) | {"AUTH": "false"}
        with serving([str(COMMAND)], port, folder=folder, environment=environment):
            yield url
