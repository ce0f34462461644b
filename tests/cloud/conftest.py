"""The local cloud's own processes, started from the tools' environment: `make test` sets it up."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.cloud import LocalCloud
from local.cloud.object_store import ObjectStore
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving

REPOSITORY = Path(__file__).parents[2]
PYTHON = str(REPOSITORY / ".venv-tools" / "bin" / "python")
HERE = Path(__file__).parent
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
HOME, AWAY = "us-east-1", "us-west-2"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process of pytest has them all, so that a cloud is started once; and they talk over loopback."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("cloud"))
            item.add_marker(pytest.mark.enable_socket)


@dataclass(frozen=True)
class Stores:
    """A strict S3 and the strict KMS that it asks, without the rest of the cloud."""

    s3_url: str
    kms_url: str

    @property
    def settings(self) -> ObjectStore:
        return ObjectStore(self.s3_url)

    def kms_calls(self) -> dict[str, dict[str, Any]]:
        """Answered calls by region and operation."""
        with urllib.request.urlopen(f"{self.kms_url}/_strict_kms/calls", timeout=10) as answer:  # noqa: S310 - ours
            calls: dict[str, dict[str, Any]] = json.load(answer)["calls"]
        return calls

    def s3(self, region: str = HOME) -> Any:
        return client("s3", self.s3_url, region)

    def kms(self, region: str = HOME) -> Any:
        return client("kms", self.kms_url, region)


@cache
def client(service: str, url: str, region: str, **credentials: str) -> Any:
    chosen = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.session.Session().client(
        service,
        endpoint_url=url,
        region_name=region,
        config=ONE_ATTEMPT,
        **chosen,  # type: ignore[call-overload]
    )


@pytest.fixture(scope="session")
def running_stores() -> Iterator[Stores]:
    kms, s3 = free_ports(2)
    stores = Stores(f"http://{LOOPBACK}:{s3}", f"http://{LOOPBACK}:{kms}")
    s3_command = [PYTHON, "-m", "local.strict_s3", "--port", str(s3), "--kms-url", stores.kms_url]
    with (
        serving([PYTHON, "-m", "local.strict_kms", "--port", str(kms)], kms, folder=REPOSITORY),
        serving(s3_command, s3, folder=REPOSITORY),
    ):
        yield stores


@pytest.fixture
def stores(running_stores: Stores) -> Iterator[Stores]:
    """With the settings as they are at the start, before and after."""
    running_stores.settings.reset()
    yield running_stores
    running_stores.settings.reset()


@pytest.fixture(scope="session")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(folder=tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: LocalCloud) -> Iterator[LocalCloud]:
    yield running_cloud
    running_cloud.faults.clear()
    running_cloud.objects.reset()


@pytest.fixture
def connect(cloud: LocalCloud) -> Callable[..., Any]:
    """Clients of the local cloud: the account's root, unless credentials are given."""

    def connected(service: str, region: str = HOME, **credentials: str) -> Any:
        url = cloud.addresses.kms_front if service == "kms" else cloud.addresses.front
        return client(service, url, region, **credentials)

    return connected
