"""The gateway of the local cloud in a process of its own, without the KMS and the fronts: for tests of what it adds."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from botocore.config import Config

from local.cloud.environment import ACCESS_KEY, HOME_REGION, server_environment
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving
from local.cloud.state import Addresses

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-tools" / "bin" / "python"
DEADLINE_SECONDS = 60.0  # what is awaited comes within a few; a loaded machine needs more
PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Gateway:
    addresses: Addresses

    def client(self, service: str, region: str = HOME_REGION) -> Any:
        made: Any = boto3.client(  # type: ignore[call-overload]  # any service
            service,
            region_name=region,
            endpoint_url=self.addresses.gateway,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        )
        return made

    def page(self, query: str = "", accept: str = "text/html") -> tuple[str, str]:
        """The content type and the content of the page of messages."""
        request = urllib.request.Request(f"{self.addresses.messages}{query}", headers={"Accept": accept})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:  # noqa: S310 - loopback
            return answer.headers["content-type"], answer.read().decode()

    def messages(self, **wanted: str) -> list[dict[str, Any]]:
        """Those with these values, the newest first."""
        found: list[dict[str, Any]] = json.loads(self.page("?format=json")[1])["messages"]
        return [one for one in found if wanted.items() <= one.items()]


@contextmanager
def gateway(*options: str) -> Iterator[Gateway]:
    port, nobody = free_ports(2)
    url, kms = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{nobody}"
    addresses = Addresses(front=url, kms_front=kms, gateway=url, kms=kms, s3=kms)
    command = [str(PYTHON), "-m", "local.cloud.gateway", "--port", str(port), "--kms", kms, "--s3", kms, *options]
    with TemporaryDirectory() as name:
        (Path(name) / "tmp").mkdir()
        environment = server_environment(addresses, os.environ, Path(name))
        with serving(command, port, folder=REPOSITORY, environment=environment):
            yield Gateway(addresses)
