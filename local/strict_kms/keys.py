# ruff: noqa: FBT001 - the parameters are those of moto's Key, in its order
"""A KMS key with materials, and the states that follow from them (facts 1.3, 1.5, 1.8)."""

import os
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, cast

from moto.kms.models import Key, kms_backends
from moto.kms.utils import generate_private_key
from moto.utilities.utils import get_partition

from . import states
from .errors import InvalidKeyUsageException
from .key_specs import (
    ENCRYPT_DECRYPT,
    HMAC_BYTES,
    SIGN_VERIFY,
    SYMMETRIC,
    SYMMETRIC_BYTES,
    private_key_of,
)
from .materials import DOES_NOT_EXPIRE, EXPIRES, Material, MaterialSet, MaterialState, material_id_of
from .signing import SigningKey
from .states import DOOMED, KeyState

EXTERNAL = "EXTERNAL"
# moto makes a key pair for every key, RSA_2048 for a symmetric one; this is the cheapest it can be asked for
CHEAP_PAIR = "ECC_NIST_P256"
ROTATION_PERIOD_DAYS = 365  # unless said otherwise; botocore kms:EnableKeyRotation


@dataclass(frozen=True, slots=True)
class RotationSchedule:
    """Of automatic rotation."""

    period_days: int
    next_date: datetime


class StrictKey(Key):
    """moto's key, with `materials` in the place of the one key material that moto's has for good.

    `key_state` is what DescribeKey shows; `settled_state` is what it will be once a transient state is over.
    """

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
        is_one_secret = key_spec in (SYMMETRIC, *HMAC_BYTES)
        pair = CHEAP_PAIR if is_one_secret or origin == EXTERNAL else key_spec
        super().__init__(policy, key_usage, pair, description, account_id, region, multi_region, origin)
        if multi_region:  # moto's has hyphens; AWS's is as recorded: test_get_key_does_not_exist, 2025-09-08
            self.id = "mrk-" + self.id.removeprefix("mrk-").replace("-", "")
            self.arn = self.arn_in(region)
        self.key_spec = key_spec
        self.creation_date = now.timestamp()
        self.materials = MaterialSet()
        self.primary_region = region
        self.settled_state = KeyState.ENABLED
        self.transient_until: datetime | None = None
        self.pending_window_days: int | None = None
        self.rotation_schedule: RotationSchedule | None = None
        self.hides_material_id = False  # of a replica before its first import; see Installation
        if is_one_secret and origin != EXTERNAL:
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

    @property
    def signing_key(self) -> SigningKey:
        return cast("SigningKey", self.private_key.private_key)  # type: ignore[attr-defined]  # both of moto's kinds

    def new_material(self, state: MaterialState = MaterialState.CURRENT) -> Material:
        secret = os.urandom(HMAC_BYTES.get(self.key_spec, SYMMETRIC_BYTES))
        return Material(material_id_of(self.id, secret), state, secret)

    # --- related multi-Region keys ------------------------------------------------------------------------------

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

    @property
    def has_replicas(self) -> bool:
        return self.is_primary and len(self.family()) > 1

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
        replica.transient_until = None
        replica.enter(KeyState.ENABLED)
        replica.follow_materials()
        return replica

    # --- states -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> KeyState:
        return KeyState(self.key_state)

    def enter(self, state: KeyState) -> None:
        """To stay until something else happens; it shows once a transient state is over."""
        self.settled_state = state
        if state is KeyState.PENDING_IMPORT and self.state is KeyState.UPDATING:
            self.transient_until = None  # an update lets cryptography go on; a missing material does not (facts 1.5)
        if self.transient_until is None:
            self._show(state)

    def pass_through(self, transient: KeyState, until: datetime) -> None:
        """Creating or Updating, for as long as AWS needs behind the answer."""
        self.transient_until = until
        self._show(transient)

    def end_transient(self, now: datetime) -> None:
        if self.transient_until is not None and self.transient_until <= now:
            self.transient_until = None
            self._show(self.settled_state)

    def _show(self, state: KeyState) -> None:
        self.key_state, self.enabled = state.value, state is KeyState.ENABLED  # botocore kms:KeyMetadata

    @property
    def deletes_at(self) -> datetime | None:
        """When its waiting period ends; moto keeps the moment without a zone, in UTC."""
        return None if self.deletion_date is None else self.deletion_date.replace(tzinfo=timezone.utc)

    @deletes_at.setter
    def deletes_at(self, moment: datetime | None) -> None:
        self.deletion_date = None if moment is None else moment.astimezone(timezone.utc).replace(tzinfo=None)

    @property
    def next_change(self) -> datetime | None:
        """When time changes it for the next time, if at all."""
        moments = (self.materials.earliest_expiry, self.deletes_at, self.transient_until)
        return min((moment for moment in moments if moment is not None), default=None)

    def begin_waiting_period(self, now: datetime) -> None:
        """Before its deletion; for a primary key with replicas the wait for their end (kms:ScheduleKeyDeletion)."""
        if self.has_replicas:
            self.enter(KeyState.PENDING_REPLICA_DELETION)
            return
        self.enter(KeyState.PENDING_DELETION)
        self.deletes_at = now + timedelta(days=self.pending_window_days or 0)

    def follow_materials(self) -> None:
        """Into PendingImport when a permanent material is missing, out of it when all are here."""
        if not self.is_external:
            self._use(self.materials.current)
            return
        if self.settled_state not in DOOMED:
            if not self.materials.is_usable:
                self.enter(KeyState.PENDING_IMPORT)
            elif self.settled_state is KeyState.PENDING_IMPORT:
                self.enter(KeyState.ENABLED)
        self._use(self.materials.current)

    def _use(self, current: Material | None) -> None:
        """Gives moto's own calls, Sign and GenerateMac, the key that they work with."""
        secret = None if current is None else current.secret
        # symmetric materials are used where they are kept, several at a time
        self.key_material = secret if secret is not None and self.key_spec in HMAC_BYTES else b""
        if self.is_external and self.key_spec not in (SYMMETRIC, *HMAC_BYTES):
            # moto wants some pair at all times; without material it is one that nobody was ever told of
            self.private_key = (
                generate_private_key(CHEAP_PAIR) if secret is None else private_key_of(self.key_spec, secret)
            )

    def require(self, operation: str) -> None:
        """Raises what the operation gets in the key's state."""
        if (refused := states.refusal(operation, self.arn, self.state)) is not None:
            raise refused

    def require_usage(self, usage: str, operation: str) -> None:
        """Recorded: test_error_messaging_for_invalid_keys, 2023-04-13."""
        if self.key_usage != usage:
            raise InvalidKeyUsageException(
                f"{self.arn} key usage is {self.key_usage} which is not valid for {operation}."
            )

    # --- description --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        described = super().to_dict()
        metadata: dict[str, Any] = described["KeyMetadata"]
        if self.key_spec in HMAC_BYTES:
            metadata["MacAlgorithms"] = [self.key_spec.replace("HMAC_", "HMAC_SHA_")]
        for algorithms, usage in (("EncryptionAlgorithms", ENCRYPT_DECRYPT), ("SigningAlgorithms", SIGN_VERIFY)):
            if self.key_usage != usage:
                del metadata[algorithms]
        if self.multi_region:
            metadata["MultiRegionConfiguration"] = self._multi_region_configuration()
        if self.pending_window_days is not None and self.settled_state is KeyState.PENDING_REPLICA_DELETION:
            metadata["PendingDeletionWindowInDays"] = self.pending_window_days
        if self.is_symmetric and self.materials.current is not None and not self.hides_material_id:
            metadata["CurrentKeyMaterialId"] = self.materials.current.material_id
        if self.is_external and any(material.is_present for material in self.materials):
            expiry = self.materials.earliest_permanent_expiry
            metadata["ExpirationModel"] = DOES_NOT_EXPIRE if expiry is None else EXPIRES
            if expiry is not None:
                metadata["ValidTo"] = expiry.astimezone(timezone.utc).timestamp()
        return described

    def metadata_at_birth(self) -> dict[str, Any]:
        """What ReplicateKey answers, however soon the replica is ready (recorded: test_replicate_key, 2025-11-10)."""
        metadata: dict[str, Any] = self.to_dict()["KeyMetadata"]
        metadata.pop("CurrentKeyMaterialId", None)
        return metadata | {"KeyState": KeyState.CREATING.value, "Enabled": False}

    def _multi_region_configuration(self) -> dict[str, Any]:
        replicas = sorted(key.region for key in self.family() if not key.is_primary)
        return {
            "MultiRegionKeyType": "PRIMARY" if self.is_primary else "REPLICA",
            "PrimaryKey": {"Arn": self.arn_in(self.primary_region), "Region": self.primary_region},
            "ReplicaKeys": [{"Arn": self.arn_in(region), "Region": region} for region in replicas],
        }
