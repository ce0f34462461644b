# ruff: noqa: FBT001 - the parameters are those of moto's Key, in its order
"""A KMS key with materials, and the states that follow from them (facts 1.3, 1.5, 1.8)."""

import os
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from typing import Any

from moto.kms.models import Key, kms_backends
from moto.utilities.utils import get_partition

from .errors import DisabledException, InvalidKeyUsageException, KMSInvalidStateException
from .materials import DOES_NOT_EXPIRE, EXPIRES, Material, MaterialSet, MaterialState, material_id_of

MATERIAL_BYTES = 32  # facts 1.2
SYMMETRIC = "SYMMETRIC_DEFAULT"
EXTERNAL = "EXTERNAL"
# moto makes a key pair for every key, RSA_2048 for a symmetric one; this is the cheapest it can be asked for
CHEAP_PAIR = "ECC_NIST_P256"


class StrictKey(Key):
    """moto's key; `materials` takes the place of its one `key_material`, which stays empty for symmetric keys."""

    def __init__(
        self,
        policy: str | None,
        key_usage: str,
        key_spec: str,
        description: str,
        account_id: str,
        region: str,
        multi_region: bool,
        origin: str,
        now: datetime,
    ) -> None:
        pair = CHEAP_PAIR if key_spec == SYMMETRIC or key_spec.startswith("HMAC") else key_spec
        super().__init__(policy, key_usage, pair, description, account_id, region, multi_region, origin)
        self.key_spec = key_spec
        self.creation_date = now.timestamp()
        self.materials = MaterialSet()
        self.primary_region = region
        if self.is_symmetric:
            self.key_material = b""
        if self.is_symmetric and not self.is_external:
            self.materials.put(self.new_material())
        self.follow_materials()

    @property
    def is_symmetric(self) -> bool:
        return self.key_spec == SYMMETRIC

    @property
    def is_external(self) -> bool:
        return self.origin == EXTERNAL

    @property
    def is_primary(self) -> bool:
        return self.region == self.primary_region

    @property
    def scope(self) -> str:
        """What its ciphertexts are bound to: related multi-Region keys share the id, all others nothing (facts 2.1)."""
        return self.id if self.multi_region else self.arn

    def new_material(self, state: MaterialState = MaterialState.CURRENT) -> Material:
        secret = os.urandom(MATERIAL_BYTES)
        return Material(material_id_of(self.id, secret), state, secret)

    def arn_in(self, region: str) -> str:
        return f"arn:{get_partition(region)}:kms:{region}:{self.account_id}:key/{self.id}"

    def family(self) -> list["StrictKey"]:
        """All related multi-Region keys, this one included; just this one if it is single-Region."""
        return list(self._family()) if self.multi_region else [self]

    def _family(self) -> Iterator["StrictKey"]:
        for backend in list(kms_backends[self.account_id].values()):
            key = backend.keys.get(self.id)
            if isinstance(key, StrictKey):
                yield key

    def replica_in(self, region: str, now: datetime) -> "StrictKey":
        """A related key: same id and material ids; policy, grants, aliases and state its own (facts 2.1)."""
        replica = copy(self)
        replica.region = region
        replica.arn = self.arn_in(region)
        replica.creation_date = now.timestamp()
        replica.grants, replica.aliases, replica.rotations = {}, {}, []
        replica.policy = replica.generate_default_policy()
        # the bytes of imported material never travel (facts 1.6)
        replica.materials = MaterialSet(
            tuple(material.without_bytes() if self.is_external else material for material in self.materials)
        )
        replica.enabled, replica.key_state = True, "Enabled"
        replica.follow_materials()
        return replica

    def follow_materials(self) -> None:
        """Into PendingImport when a permanent material is missing, out of it when all are here."""
        if not self.is_external or self.key_state == "PendingDeletion":
            return
        if not self.materials.is_usable:
            self.key_state, self.enabled = "PendingImport", False
        elif self.key_state == "PendingImport":
            self.key_state, self.enabled = "Enabled", True

    def require_state(self, *allowed: str) -> None:
        """Raises what a call in any other state gets."""
        if self.key_state in allowed:
            return
        if self.key_state == "Disabled":
            raise DisabledException(f"{self.arn} is disabled.")
        reason = {"PendingImport": "pending import", "PendingDeletion": "pending deletion"}[self.key_state]
        raise KMSInvalidStateException(f"{self.arn} is {reason}.")

    def require_usable(self, usage: str) -> None:
        """Facts 1.8: Disabled, PendingDeletion and PendingImport keys do no cryptography."""
        self.require_state("Enabled")
        if self.key_usage != usage:
            raise InvalidKeyUsageException(
                f"{self.arn} key usage is {self.key_usage} which is not valid for this call."
            )

    def to_dict(self) -> dict[str, Any]:
        described = super().to_dict()
        metadata: dict[str, Any] = described["KeyMetadata"]
        if self.multi_region:
            metadata["MultiRegionConfiguration"] = self._multi_region_configuration()
        if self.materials.current is not None:
            metadata["CurrentKeyMaterialId"] = self.materials.current.material_id
        if self.is_external and any(material.is_present for material in self.materials):
            expiry = self.materials.earliest_expiry
            metadata["ExpirationModel"] = DOES_NOT_EXPIRE if expiry is None else EXPIRES
            if expiry is not None:
                metadata["ValidTo"] = expiry.astimezone(UTC).timestamp()
        return described

    def _multi_region_configuration(self) -> dict[str, Any]:
        replicas = sorted(key.region for key in self.family() if not key.is_primary)
        return {
            "MultiRegionKeyType": "PRIMARY" if self.is_primary else "REPLICA",
            "PrimaryKey": {"Arn": self.arn_in(self.primary_region), "Region": self.primary_region},
            "ReplicaKeys": [{"Arn": self.arn_in(region), "Region": region} for region in replicas],
        }
