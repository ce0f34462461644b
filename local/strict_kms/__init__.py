"""A KMS that refuses what AWS KMS refuses: moto's, extended with imported key material and bound ciphertexts.

In a test: `with mock_strict_kms(clock=...) as kms:`. As a server: `python -m local.strict_kms --port 4599`.
It is a stand-in for tests and drills. Keys live in memory and are gone with the process.
"""

from .installation import Installation
from .mock import install, mock_strict_kms, settle_all
from .owner import SettableClock, import_material

__all__ = ["Installation", "SettableClock", "import_material", "install", "mock_strict_kms", "settle_all"]
