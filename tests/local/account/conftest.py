"""One local cloud for all tests of what only an account refuses. Without its tools they are skipped."""

from collections.abc import Iterator

import pytest
from pytest_socket import enable_socket

from local.cloud import LocalCloud
from local.cloud.processes import TOOLS
from tests.local.account.clients import Account


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    if not TOOLS.exists():
        pytest.skip("the local cloud's tools are not set up: make cloud does it")
    enable_socket()
    with LocalCloud(folder=tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def account(shared_cloud: LocalCloud) -> Account:
    enable_socket()
    return Account(shared_cloud)
