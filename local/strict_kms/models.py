# ruff: noqa: FBT001, FBT002 - moto calls these methods by position
"""The strict backend of one Region: moto's, with keys found strictly, states enforced and ciphertexts bound.

moto finds the handlers of a backend through the name of its module, see `urls`.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.utils import KeySpec

from . import envelope, events
from .errors import (
    AlreadyExistsException,
    IncorrectKeyException,
    KMSInvalidStateException,
    NotFoundException,
    UnsupportedOperationException,
    ValidationException,
    cannot_read_ciphertext,
)
from .installation import Installation
from .keys import EXTERNAL, SYMMETRIC, StrictKey
from .materials import Material

ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
ARN = re.compile(r"arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(key/(?P<id>.+)|(?P<alias>alias/.+))")
DELETION_WINDOW_DAYS = range(7, 31)  # the guide; the API model's own bounds are wider


@dataclass(frozen=True, slots=True)
class Opened:
    """A decrypted ciphertext and what it was under."""

    plaintext: bytes = field(repr=False)
    key_arn: str
    material_id: str


@dataclass(frozen=True, slots=True)
class Sealed:
    blob: bytes = field(repr=False)
    key_arn: str
    material_id: str


class StrictKmsBackend(KmsBackend):
    def __init__(self, region_name: str, account_id: str, installation: Installation) -> None:
        super().__init__(region_name, account_id)
        self.installation = installation
        self.next_expiry: datetime | None = None
        self.last_import_parameters: datetime | None = None

    def reset(self) -> None:
        """The inherited one would call __init__ without the installation."""
        self.__init__(self.region_name, self.account_id, self.installation)  # type: ignore[misc]  # as moto does

    # --- finding keys -------------------------------------------------------------------------------------------

    def resolve(self, identifier: str | None, *, alias_allowed: bool = True) -> StrictKey:
        """By id, ARN or alias. An ARN of another Region or account is not found here (facts 2.2)."""
        if not identifier:
            raise NotFoundException("No key is named.")
        name = self._local_name(identifier)
        if name.startswith("alias/"):
            if not alias_allowed:
                raise NotFoundException(f"Invalid keyId {identifier}")
            name = self.get_key_id_from_alias(name) or name
        key = self.keys.get(name)
        if not isinstance(key, StrictKey):
            kind = "Alias" if name.startswith("alias/") else "Key"
            raise NotFoundException(f"{kind} '{identifier}' does not exist")
        return key

    def _local_name(self, identifier: str) -> str:
        if not identifier.startswith("arn:"):
            return identifier
        arn = ARN.fullmatch(identifier)
        if arn is None or arn["region"] != self.region_name or arn["account"] != self.account_id:
            raise NotFoundException(f"Invalid arn {identifier}")
        return arn["id"] or arn["alias"]

    def any_id_to_key_id(self, key_id: str) -> str:
        return self.resolve(key_id).id

    # --- life of a key ------------------------------------------------------------------------------------------

    def create_key(
        self,
        policy: str | None,
        key_usage: str,
        key_spec: str,
        description: str,
        tags: list[dict[str, str]] | None,
        multi_region: bool = False,
        origin: str = "AWS_KMS",
    ) -> Key:
        """Thread safe without the caller holding the lock: making an RSA pair may take seconds."""
        spec = key_spec or SYMMETRIC
        if spec not in KeySpec.key_specs() or (origin == EXTERNAL and spec != SYMMETRIC):
            raise UnsupportedOperationException(f"the strict KMS has no {origin} keys of spec {spec}")
        if origin not in ("AWS_KMS", EXTERNAL):
            raise UnsupportedOperationException(f"the strict KMS has no keys of origin {origin}")
        key = StrictKey(  # type: ignore[abstract]  # moto's own Key leaves CloudFormation's methods open
            policy,
            key_usage or ENCRYPT_DECRYPT,
            spec,
            description,
            self.account_id,
            self.region_name,
            bool(multi_region),
            origin,
            self.installation.now(),
        )
        with self.installation.lock:
            self.keys[key.id] = key
            if tags:
                self.tagger.tag_resource(key.id, tags)
        return key

    def replicate_key(self, key_id: str, replica_region: str) -> StrictKey:
        primary = self.resolve(key_id, alias_allowed=False)
        if not primary.multi_region or not primary.is_primary:
            raise UnsupportedOperationException(f"{primary.arn} is not a multi-Region primary key.")
        # whether AWS replicates a key whose material was never imported is UNCONFIRMED; it is allowed here
        primary.require_state("Enabled", "PendingImport")
        target = kms_backends[self.account_id][replica_region]
        if primary.id in target.keys:
            raise AlreadyExistsException(f"{primary.arn_in(replica_region)} already exists.")
        replica = primary.replica_in(replica_region, self.installation.now())
        target.keys[replica.id] = replica
        return replica

    def enable_key(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require_state("Enabled", "Disabled")  # facts 1.8: refused in PendingImport
        key.key_state, key.enabled = "Enabled", True

    def disable_key(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require_state("Enabled", "Disabled")
        key.key_state, key.enabled = "Disabled", False
        self.announce("DisableKey", key, {"keyId": key_id}, {"keyId": key.arn})

    def cancel_key_deletion(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        if key.key_state != "PendingDeletion":
            raise KMSInvalidStateException(f"{key.arn} is not pending deletion.")
        key.key_state, key.enabled, key.deletion_date = "Disabled", False, None
        key.follow_materials()

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float:
        key = self.resolve(key_id, alias_allowed=False)
        if pending_window_in_days not in DELETION_WINDOW_DAYS:
            raise ValidationException("PendingWindowInDays must be between 7 and 30 days.")
        key.require_state("Enabled", "Disabled", "PendingImport")
        key.key_state, key.enabled = "PendingDeletion", False
        key.deletion_date = self.installation.now() + timedelta(days=pending_window_in_days)
        request = {"keyId": key_id, "pendingWindowInDays": pending_window_in_days}
        response = {"keyId": key.arn, "keyState": key.key_state, "deletionDate": key.deletion_date.isoformat()}
        self.announce("ScheduleKeyDeletion", key, request, response)
        return key.deletion_date.timestamp()

    # --- expiry and events --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Expires what is due. Called before every answer and by the server's ticker; cheap when nothing is due."""
        with self.installation.lock:
            now = self.installation.now()
            if self.next_expiry is None or now < self.next_expiry:
                return
            for key in self.keys.values():
                if isinstance(key, StrictKey):
                    self._expire(key, now)
            self.plan_expiry()

    def plan_expiry(self) -> None:
        """To be called after every change of materials in this Region."""
        expiries = (key.materials.earliest_expiry for key in self.keys.values() if isinstance(key, StrictKey))
        self.next_expiry = min((expiry for expiry in expiries if expiry is not None), default=None)

    def _expire(self, key: StrictKey, now: datetime) -> None:
        expired = key.materials.expire(now)
        key.follow_materials()
        for material_id in expired:  # facts 1.9: one event per material, after it is gone
            self.installation.sink.publish(
                events.material_expired(
                    key_arn=key.arn, material_id=material_id, region=self.region_name, account=self.account_id, now=now
                )
            )

    def announce(self, operation: str, key: StrictKey, request: dict[str, Any], response: dict[str, Any]) -> None:
        self.installation.sink.publish(
            events.api_called(
                operation,
                key_arn=key.arn,
                request=request,
                response=response,
                region=self.region_name,
                account=self.account_id,
                now=self.installation.now(),
            )
        )

    # --- cryptography -------------------------------------------------------------------------------------------

    def seal(self, key_id: str, plaintext: bytes, context: dict[str, str]) -> Sealed:
        key, material, secret = self._encryption_material(key_id)
        blob = envelope.encrypt(
            plaintext,
            key_id=key.id,
            scope=key.scope,
            material_id=material.material_id,
            secret=secret,
            context=context,
            seal=self.installation.seal,
        )
        return Sealed(blob, key.arn, material.material_id)

    def require_encryption(self, key_id: str) -> None:
        self._encryption_material(key_id)

    def _encryption_material(self, key_id: str) -> tuple[StrictKey, Material, bytes]:
        with self.installation.lock:
            key = self.resolve(key_id)
            key.require_usable(ENCRYPT_DECRYPT)
            current = key.materials.current
            if current is None or current.secret is None:
                raise UnsupportedOperationException("the strict KMS encrypts under symmetric keys only")
            return key, current, current.secret

    def open(self, blob: bytes, context: dict[str, str], key_id: str | None = None) -> Opened:
        """AccessDenied for a key that is not in this Region, IncorrectKey for another than named (facts 2.2)."""
        sealed = envelope.parse(blob, self.installation.seal)
        with self.installation.lock:
            if key_id is not None and self.resolve(key_id).id != sealed.key_id:
                raise IncorrectKeyException(
                    "The key ID in the request does not identify a CMK that can perform this operation."
                )
            key = self.keys.get(sealed.key_id)
            if not isinstance(key, StrictKey):
                raise cannot_read_ciphertext()
            key.require_usable(ENCRYPT_DECRYPT)
            material = key.materials.get(sealed.material_id)
            secret = None if material is None else material.secret
        if secret is None:
            raise envelope.invalid_ciphertext()
        plaintext = envelope.decrypt(sealed, scope=key.scope, secret=secret, context=context)
        return Opened(plaintext, key.arn, sealed.material_id)

    def encrypt(self, key_id: str, plaintext: bytes, encryption_context: dict[str, str]) -> tuple[bytes, str]:
        sealed = self.seal(key_id, plaintext, encryption_context)
        return sealed.blob, sealed.key_arn

    def decrypt(
        self, ciphertext_blob: bytes, encryption_context: dict[str, str], key_id: str | None = None
    ) -> tuple[bytes, str]:
        opened = self.open(ciphertext_blob, encryption_context, key_id)
        return opened.plaintext, opened.key_arn

    def sign(self, key_id: str, message: bytes, signing_algorithm: str) -> tuple[str, bytes, str]:
        self.resolve(key_id).require_state("Enabled")
        return super().sign(key_id, message, signing_algorithm)

    def verify(self, key_id: str, message: bytes, signature: bytes, signing_algorithm: str) -> tuple[str, bool, str]:
        self.resolve(key_id).require_state("Enabled")
        return super().verify(key_id, message, signature, signing_algorithm)

    def generate_mac(
        self, message: bytes, key_id: str, mac_algorithm: str, grant_tokens: list[str], dry_run: bool
    ) -> tuple[str, str, str]:
        self.resolve(key_id).require_state("Enabled")
        return super().generate_mac(message, key_id, mac_algorithm, grant_tokens, dry_run)
