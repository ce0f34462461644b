"""The strict KMS as the contestants' endpoint, and a region that is silent."""

import os
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving

REPOSITORY = Path(__file__).resolve().parents[1]
EAST, WEST = "us-east-1", "us-west-2"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": ""}


@dataclass(frozen=True)
class Endpoint:
    url: str

    def client(self, region: str) -> Any:
        """As any application makes it: boto3's own settings."""
        return boto3.client(
            "kms",
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - no secret
        )

    def new_key(self, region: str) -> str:
        arn: str = self.client(region).create_key()["KeyMetadata"]["Arn"]
        return arn

    def related_keys(self) -> tuple[str, str]:
        east = self.client(EAST)
        arn: str = east.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
        east.replicate_key(KeyId=arn, ReplicaRegion=WEST)
        return arn, arn.replace(EAST, WEST)

    @property
    def environment(self) -> dict[str, str]:
        """For a contestant: this endpoint for KMS, and nothing else of AWS that this machine may have set."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | CREDENTIALS | {"AWS_ENDPOINT_URL_KMS": self.url, "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def strict_kms(*options: str) -> Iterator[Endpoint]:
    (port,) = free_ports(1)
    with serving([sys.executable, "-m", "local.strict_kms", "--port", str(port), *options], port, folder=REPOSITORY):
        yield Endpoint(f"http://{LOOPBACK}:{port}")


@contextmanager
def silence() -> Iterator[str]:
    """The URL of a server that takes every connection and never says a word."""
    with socket.create_server((LOOPBACK, 0), backlog=128) as server:
        yield f"http://{LOOPBACK}:{server.getsockname()[1]}"


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes on to the endpoint behind it until it is `silent`; then it takes them and says nothing."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # a burst of connections must not wait for TCP to try again

    def __init__(self, behind: tuple[str, int]) -> None:
        super().__init__((LOOPBACK, 0), _RelayHandler)
        self.behind = behind
        self.silent = False

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"


class _RelayHandler(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.behind) as behind:
            back = threading.Thread(target=self._pass_on, args=(behind, self.request), daemon=True)
            back.start()
            self._pass_on(self.request, behind)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # either side has gone
            while data := source.recv(65536):
                if not self.server.silent:
                    target.sendall(data)


@contextmanager
def falling_silent(url: str) -> Iterator[Relay]:
    """A region that works, through a relay, until it is told to be silent."""
    host, port = url.removeprefix("http://").split(":")
    with Relay((host, int(port))) as relay:
        thread = threading.Thread(target=relay.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()
