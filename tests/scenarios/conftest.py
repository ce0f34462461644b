import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving
from proofs.fault_matrix.matrix import Kms

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def kms() -> Iterator[Kms]:
    """A healthy KMS in a process of its own."""
    (port,) = free_ports(1)
    with serving([sys.executable, "-m", "local.strict_kms", "--port", str(port)], port, folder=REPOSITORY):
        yield Kms(f"http://{LOOPBACK}:{port}")
