"""What rewrapping asks of KMS."""

from collections.abc import Mapping
from typing import Protocol


class Keys(Protocol):
    """What rewrapping asks of KMS, for one key set, seen from one region."""

    region: str

    def open_locally(self, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        """The plaintext data key; None if this blob, or no wrap of this bundle, is under the local member key.

        Raises:
            BundleError: this bundle's wrap for the local key opens with none, and another wrap does.
            WrapRefusedError: so it is with each wrap of this bundle.
            CommitmentError: its wrap for the local key opens to another key than the bundle's.
        """
        ...

    def open_anywhere(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """With any member key.

        Raises:
            WrapUnavailableError: those that might open it could not be asked.
            WrapRefusedError: every member key of this key set was asked, and none opens it.
        """
        ...

    def wrap_locally(self, data_key: bytes, context: Mapping[str, str]) -> bytes: ...

    def complete(self, bundle: bytes, context: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
        """The bundle with the wraps it lacked, and the regions that still cannot open it. Raises as `open_anywhere`."""
        ...
