"""Real clients live in an environment of their own: `make clients`. Elsewhere there is nothing here to collect."""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from proofs.fault_matrix.matrix import Kms
from tests.clients.world import World
from tests.scenarios.conftest import kms

__all__ = ["kms"]

collect_ignore_glob = [] if importlib.util.find_spec("aws_encryption_sdk") else ["test_*.py"]


@pytest.fixture
def world(kms: Kms) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(kms, stack)
