"""One local cloud for all tests of who may do what. Without its tools they are skipped."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_socket import enable_socket

from local.cloud import LocalCloud
from local.cloud.processes import TOOLS
from tests.local.identities.principals import Principals


@pytest.fixture(scope="session")
def shared_principals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Principals]:
    if not TOOLS.exists():
        pytest.skip("the local cloud's tools are not set up: make cloud does it")
    enable_socket()
    with LocalCloud(folder=tmp_path_factory.mktemp("cloud")) as cloud, closing(Principals(cloud)) as principals:
        yield principals


@pytest.fixture
def principals(shared_principals: Principals) -> Iterator[Principals]:
    enable_socket()
    yield shared_principals
    shared_principals.switch_automation(function_error_fails=False, payload_is_text=False, absent_output_fails=False)
