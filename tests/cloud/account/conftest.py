"""What only an account refuses, in the cloud that all tests share: its limits are taken back after each."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from local.cloud import LocalCloud
from tests.cloud.account.clients import Account


@pytest.fixture(scope="session")
def shared_account(running_cloud: LocalCloud) -> Iterator[Account]:
    with closing(Account(running_cloud)) as account:
        yield account


@pytest.fixture
def account(shared_account: Account) -> Iterator[Account]:
    yield shared_account
    shared_account.cloud.limits.clear()
