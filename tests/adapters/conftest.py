"""State tables in moto: one a test, or one a module where a test empties it."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.adapters.tables import create_state_table
from tests.domain.strategies import WEST


@pytest.fixture
def table() -> Iterator[Any]:
    with mock_aws():
        yield create_state_table(WEST)


@pytest.fixture(scope="module")
def module_table() -> Iterator[Any]:
    with mock_aws():
        yield create_state_table(WEST)
