"""A KMS that refuses what AWS says KMS refuses: moto's, with imported key material and bound ciphertexts.

In a test: `with mock_strict_kms(clock=...) as kms:`. As a server: `python -m local.strict_kms --port 4599`.
As a patch for moto: `make moto-patch`. What is proved of it, and how: docs/fidelity.md.
It is a stand-in for tests and drills. Keys live in memory and are gone with the process.
"""

from .installation import Installation
from .mock import install, mock_strict_kms, settle_all
from .owner import SettableClock, import_material
from .quotas import aws_rate
from .wrapping import ReusedPairs

__all__ = [
    "Installation",
    "ReusedPairs",
    "SettableClock",
    "aws_rate",
    "import_material",
    "install",
    "mock_strict_kms",
    "settle_all",
]
