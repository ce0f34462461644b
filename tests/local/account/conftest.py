"""One local cloud for all tests of what only an account refuses. Without its tools they are skipped."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_socket import enable_socket

from local.cloud import LocalCloud
from local.cloud.processes import TOOLS
from tests.local.account.clients import Account


@pytest.fixture(scope="session")
def shared_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    if not TOOLS.exists():
        pytest.skip("the local cloud's tools are not set up: make cloud does it")
    enable_socket()
    with LocalCloud(folder=tmp_path_factory.mktemp("cloud")) as cloud, closing(Account(cloud)) as account:
        yield account


@pytest.fixture
def account(shared_account: Account) -> Iterator[Account]:
    enable_socket()
    yield shared_account
    shared_account.cloud.limits.clear()
