"""The key materials of one key in one Region: which there are, which is current, which are present, when they expire.

Facts 1.2 to 1.5. Pure: the time is passed in, nothing is emitted, nothing is locked.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

EXPIRES = "KEY_MATERIAL_EXPIRES"
DOES_NOT_EXPIRE = "KEY_MATERIAL_DOES_NOT_EXPIRE"
ON_DEMAND = "ON_DEMAND"


class MaterialState(str, Enum):
    CURRENT = "CURRENT"
    NON_CURRENT = "NON_CURRENT"
    PENDING_ROTATION = "PENDING_ROTATION"
    PENDING_REPLICAS = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


PERMANENT = frozenset({MaterialState.CURRENT, MaterialState.NON_CURRENT})


def material_id_of(key_id: str, secret: bytes) -> str:
    """64 hex digits from key id and bytes; how AWS derives it is not documented (facts 1.2, UNCONFIRMED)."""
    return hmac.digest(secret, b"key-material-id:" + key_id.encode(), hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class Material:
    """One material. `secret` is None while its bytes are not here (never imported in this Region, deleted, expired)."""

    material_id: str
    state: MaterialState
    secret: bytes | None = field(default=None, repr=False)
    expiration_model: str | None = None
    valid_to: datetime | None = None
    description: str | None = None
    rotated_at: datetime | None = None

    @property
    def is_present(self) -> bool:
        return self.secret is not None

    @property
    def is_permanent(self) -> bool:
        return self.state in PERMANENT

    def without_bytes(self) -> "Material":
        return replace(self, secret=None, expiration_model=None, valid_to=None)


class MaterialSet:
    """The materials of one key, oldest first. At most one is CURRENT, at most one is pending."""

    def __init__(self, materials: tuple[Material, ...] = ()) -> None:
        self._by_id = {material.material_id: material for material in materials}

    def __iter__(self) -> Iterator[Material]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, material_id: str) -> Material | None:
        return self._by_id.get(material_id)

    @property
    def current(self) -> Material | None:
        return next((material for material in self if material.state is MaterialState.CURRENT), None)

    @property
    def pending(self) -> Material | None:
        return next((material for material in self if not material.is_permanent), None)

    @property
    def rotations(self) -> list[Material]:
        return [material for material in self if material.rotated_at is not None]

    @property
    def is_usable(self) -> bool:
        """One missing NON_CURRENT material makes the whole key unusable (facts 1.5); a pending one does not matter."""
        permanent = [material for material in self if material.is_permanent]
        return bool(permanent) and all(material.is_present for material in permanent)

    @property
    def earliest_expiry(self) -> datetime | None:
        return _earliest(self)

    @property
    def earliest_permanent_expiry(self) -> datetime | None:
        """What DescribeKey shows (botocore kms:KeyMetadata): a pending material stops nothing when it expires."""
        return _earliest(material for material in self if material.is_permanent)

    def put(self, material: Material) -> None:
        self._by_id[material.material_id] = material

    def discard(self, material_id: str) -> None:
        """Forgets it altogether, if it was known."""
        self._by_id.pop(material_id, None)

    def remove_bytes(self, material_id: str) -> None:
        """A permanent material keeps its place and waits for the same bytes; a pending one is forgotten altogether."""
        material = self._by_id[material_id]
        if material.is_permanent:
            self.put(material.without_bytes())
        else:
            self.discard(material_id)

    def expire(self, now: datetime) -> list[str]:
        """Drops the bytes of all that expired and says which; a repeat at the same time says none."""
        due = [item.material_id for item in self if item.valid_to is not None and item.valid_to <= now]
        for material_id in due:
            self.put(self._by_id[material_id].without_bytes())
        return due

    def rotate_to(self, material_id: str, now: datetime) -> None:
        """Makes a known material CURRENT, from `now`; the one before becomes NON_CURRENT and still decrypts."""
        if self.current is not None:
            self.put(replace(self.current, state=MaterialState.NON_CURRENT))
        self.put(replace(self._by_id[material_id], state=MaterialState.CURRENT, rotated_at=now))


def _earliest(materials: Iterable[Material]) -> datetime | None:
    return min((material.valid_to for material in materials if material.valid_to is not None), default=None)
