"""The S3 endpoints that the cases run against, each with a KMS that its server-side encryption asks."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from local.cloud.environment import without_aws
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving
from local.strict_kms import Installation, ReusedPairs
from local.strict_kms.server import StrictKmsServer
from tests.conformance.ministack import MINISTACK_VERSION, ministack_url
from tests.conformance.suite import REPOSITORY
from tests.conformance.targets import AWAY, AWS_PATIENCE_SECONDS, CONNECT_SECONDS, HOME, READ_SECONDS, Opener

TOOLS_PYTHON = REPOSITORY / ".venv-tools" / "bin" / "python"
MAKING_KEYS = "CreateKey"

# one attempt, so that a refusal shows at once; a bucket in the path, so that no name has to be looked up
LOCAL = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    s3={"addressing_style": "path"},
)
PATIENT = Config(retries={"total_max_attempts": 10, "mode": "standard"})


@dataclass
class RequestCount:
    """What was sent, for the price; keys apart, for they cost by themselves."""

    keys: int = 0
    requests: int = 0

    def watch(self, client: Any) -> Any:
        client.meta.events.register("before-send.*", self._count)
        return client

    def _count(self, event_name: str, **_: Any) -> None:
        self.requests += 1
        self.keys += event_name.endswith(f".{MAKING_KEYS}")


@dataclass(frozen=True)
class S3Target:
    """A running endpoint. `connect` takes a service, "s3" or "kms", and a Region; `client` keeps what it made."""

    connect: Callable[[str, str], Any]
    home: str = HOME
    away: str = AWAY
    keeps_buckets: bool = False  # they outlive the run, so they are removed, and nothing is locked for good
    patience_seconds: float = 0.0
    count: RequestCount = field(default_factory=RequestCount)
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str) -> Any:
        if (service, region) not in self.clients:
            self.clients[service, region] = self.count.watch(self.connect(service, region))
        return self.clients[service, region]

    def close(self) -> None:
        for one in self.clients.values():
            one.close()


def fake_s3_client(service: str, region: str, url: str) -> Any:
    session: Any = boto3.session.Session()
    return session.client(
        service,
        region_name=region,
        endpoint_url=url,
        config=LOCAL,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@contextmanager
def strict_s3() -> Iterator[S3Target]:
    """A process of the tools' environment; its KMS is a strict one in this process.

    Raises FileNotFoundError where `make` has not set up the local cloud's tools.
    """
    kms = StrictKmsServer(Installation(key_pairs=ReusedPairs()))
    kms.start()
    try:
        with strict_s3_server(kms.url) as url:
            urls = {"s3": url, "kms": kms.url}
            yield S3Target(lambda service, region: fake_s3_client(service, region, urls[service]))
    finally:
        kms.stop()


@contextmanager
def strict_s3_server(kms_url: str) -> Iterator[str]:
    (port,) = free_ports(1)
    command = [str(TOOLS_PYTHON), "-m", "local.strict_s3", "--port", str(port), "--kms-url", kms_url]
    environment = without_aws(os.environ) | {"PYTHONPATH": str(REPOSITORY)}
    with TemporaryDirectory() as folder:
        command += ["--folder", folder]
        with serving(command, port, folder=Path(folder), environment=environment):
            yield f"http://{LOOPBACK}:{port}"


@contextmanager
def moto_s3() -> Iterator[S3Target]:
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Target(lambda service, region: fake_s3_client(service, region, f"http://{host}:{port}"))
    finally:
        server.stop()


@contextmanager
def ministack_s3() -> Iterator[S3Target]:
    with ministack_url() as url:
        yield S3Target(lambda service, region: fake_s3_client(service, region, url))


def s3_endpoint(url: str, regions: tuple[str, str] = (HOME, AWAY)) -> Callable[[], AbstractContextManager[S3Target]]:
    """Any S3 endpoint that takes both Regions at one URL. Its KMS is there too, or where AWS_ENDPOINT_URL_KMS says."""
    credentials = {} if "AWS_ACCESS_KEY_ID" in os.environ else dict.fromkeys(("aws_access_key_id",), "test")
    if credentials:
        credentials["aws_secret_access_key"] = "test"
    urls = {"s3": url, "kms": os.environ.get("AWS_ENDPOINT_URL_KMS", url)}

    @contextmanager
    def opened() -> Iterator[S3Target]:
        session: Any = boto3.session.Session()
        yield S3Target(
            lambda service, region: session.client(
                service, region_name=region, endpoint_url=urls[service], config=LOCAL, **credentials
            ),
            *regions,
            keeps_buckets=True,
        )

    return opened


def s3_account(profile: str, regions: tuple[str, str] = (HOME, AWAY)) -> Callable[[], AbstractContextManager[S3Target]]:
    """A real account. Throttles are waited out, and what is eventually consistent is waited for."""

    @contextmanager
    def opened() -> Iterator[S3Target]:
        session: Any = boto3.session.Session(profile_name=profile)
        yield S3Target(
            lambda service, region: session.client(service, region_name=region, config=PATIENT),
            *regions,
            keeps_buckets=True,
            patience_seconds=AWS_PATIENCE_SECONDS,
        )

    return opened


STRICT_S3 = Opener("strict", "strict S3", strict_s3, is_remote=True)
MOTO_S3 = Opener("moto", f"moto's server {version('moto')}", moto_s3, is_remote=True)
MINISTACK_S3 = Opener("ministack", f"ministack {MINISTACK_VERSION}", ministack_s3, is_remote=True)
