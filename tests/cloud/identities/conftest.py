"""Who may do what, in the cloud that all tests share: Automation's switches are as they were after each."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from local.cloud import LocalCloud
from tests.cloud.identities.principals import Principals


@pytest.fixture(scope="session")
def shared_principals(running_cloud: LocalCloud) -> Iterator[Principals]:
    with closing(Principals(running_cloud)) as principals:
        yield principals


@pytest.fixture
def principals(shared_principals: Principals) -> Iterator[Principals]:
    yield shared_principals
    shared_principals.switch_automation(function_error_fails=False, payload_is_text=False, absent_output_fails=False)
