"""Imported key material: what is written down of it, what KMS shows of it, and what was said of its loss."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from kms_failover.domain.model import Arn, Code, KeySetName, Model, Reason, Region

MATERIAL_BYTES = 32  # a symmetric encryption key outside China Regions (facts 1.2)
ENABLED, DISABLED, PENDING_IMPORT = "Enabled", "Disabled", "PendingImport"
PRESENT = frozenset({ENABLED, DISABLED})  # states in which no permanent material is missing (facts 1.4, 1.5)
PERMANENT = frozenset({"CURRENT", "NON_CURRENT"})  # facts 1.5: one of these missing makes the whole key unusable


class Concern(StrEnum):
    """Why people must act: the service does not keep this material by itself. NONE: it does."""

    NONE = ""
    SEVERAL_MATERIALS = "several materials"
    DELETED = "deleted"
    DISABLED = "disabled"
    FAILING = "failing"
    UNREAD = "unread"  # what is known of it: nobody can say what people did to the key

    @classmethod
    def _missing_(cls, _value: object) -> "Concern":
        """One of a later version: people must act, and no other key has to wait for it."""
        return cls.FAILING


class MaterialRecord(Model):
    """What was imported last into one member key, and what KMS showed of that key at the last look.

    `sentinel` is a ciphertext that only the right material opens. `valid_to` is what was imported. `present_at` is when
    the material was last seen in place, `present_state` and `shown_valid_to` (the earliest expiry over all materials of
    the key) are what KMS showed then. `absent_since` is the first look since then that did not find it in place.
    """

    key_set: KeySetName
    region: Region
    key_arn: Arn
    key_material_id: Annotated[str, Field(max_length=200)] = ""
    sentinel: Annotated[str, Field(max_length=10_000)] = ""
    imported_at: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    reason: Reason = ""
    seen_at: AwareDatetime | None = None
    state: Code = ""
    shown_valid_to: AwareDatetime | None = None
    present_at: AwareDatetime | None = None
    present_state: Code = ""
    absent_since: AwareDatetime | None = None
    tried_at: AwareDatetime | None = None
    failure: Reason = ""
    failed_at: AwareDatetime | None = None
    failures: int = 0  # in a row
    concern: Code = ""
    published_concern: Code = ""  # that people know of

    @property
    def was_present_at(self) -> datetime | None:
        """Records of older versions know of their own imports only."""
        return self.present_at or self.imported_at


class LossKind(StrEnum):
    DELETED = "deleted"  # by DeleteImportedKeyMaterial: somebody's call
    EXPIRED = "expired"  # by KMS, at its time


class MaterialLoss(Model):
    """What an event said of lost material; of each kind the newest is kept."""

    key_set: KeySetName
    region: Region
    key_arn: Arn
    kind: LossKind
    at: AwareDatetime
    principal: Code = ""
    key_material_id: Code = ""


@dataclass(frozen=True)
class KeyMaterial:
    """One entry of ListKeyRotations."""

    id: str
    state: str
    valid_to: datetime | None
    imported: bool = field(kw_only=True)


@dataclass(frozen=True)
class KeyView:
    """What DescribeKey and ListKeyRotations show. `valid_to` is the earliest expiry over all materials (facts 1.5).

    `materials` is None where KMS does not list them: another kind of key, or a role that may not ask.
    """

    state: str
    valid_to: datetime | None
    material_id: str
    is_replica: bool = False
    materials: tuple[KeyMaterial, ...] | None = None

    @property
    def permanent(self) -> tuple[KeyMaterial, ...]:
        return tuple(one for one in self.materials or () if one.state in PERMANENT)

    @property
    def has_had_material(self) -> bool:
        """Somewhere: a replica shows the id of its primary's."""
        return bool(self.material_id or self.permanent)

    def several(self, known_id: str) -> str:
        """In words, if the key has more materials than the one that custody holds; empty if not.

        Where KMS does not list them, another current material than the known one is a second one (facts 1.5).
        """
        if len(self.permanent) > 1:
            return f"the key has {len(self.permanent)} key materials, the service keeps one"
        if self.materials is None and known_id and self.material_id and self.material_id != known_id:
            return "the key has been rotated to another key material than the one that the service keeps"
        return ""

    def own(self, known_id: str) -> KeyMaterial | None:
        """The entry of the material that custody holds, where it is known which one that is."""
        return next((one for one in self.permanent if one.id == known_id), None)
