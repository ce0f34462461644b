"""What keeping material needs of the world: custody, one region's member keys, and where it is written down."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kms_failover.domain.key_material.material import KeyView, MaterialLoss, MaterialRecord


@dataclass(frozen=True, repr=False)
class PlainMaterial:
    """The bytes of a key. No repr: it would show them. Made, passed on and dropped within one expression."""

    value: bytes


class Custody(Protocol):
    def fetch(self, key_set: str, secret: str) -> PlainMaterial:
        """MaterialMissingError if it holds none, or not as many bytes as a key has."""
        ...


class MemberKeys(Protocol):
    """The member keys of one region."""

    def view(self, arn: str) -> KeyView: ...

    def describe(self, arn: str) -> KeyView:
        """Without the list of materials."""
        ...

    def import_material(self, arn: str, fetch: Callable[[], PlainMaterial], valid_to: datetime, *, first: bool) -> str:
        """The key material id. `fetch` is called when all else is at hand, so that nobody holds the bytes longer.

        Raises:
            ImportRefusedError: these bytes are not this key's.
            ThrottledError: KMS is asked too much; nothing was imported.
        """
        ...

    def make_sentinel(self, arn: str, context: dict[str, str]) -> bytes:
        """KeyNotReadyError while the key cannot be used."""
        ...

    def opens_sentinel(self, arn: str, sentinel: bytes, context: dict[str, str]) -> bool:
        """KeyNotReadyError while the key cannot be used."""
        ...


class MaterialLedger(Protocol):
    """Satisfied by the state table. UnreadableItemError where what is written down cannot be read."""

    def material(self, key_set: str, region: str) -> MaterialRecord | None: ...
    def put_material(self, record: MaterialRecord) -> None: ...
    def losses(self, key_set: str, region: str) -> tuple[MaterialLoss, ...]: ...
    def put_loss(self, loss: MaterialLoss) -> None: ...


@dataclass(frozen=True)
class Ports:
    ledger: MaterialLedger
    custody: Custody
    keys: MemberKeys
    region: str
    clock: Callable[[], datetime]
