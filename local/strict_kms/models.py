# ruff: noqa: FBT001, FBT002 - moto calls these methods by position
"""The strict backend of one Region: moto's, with keys found strictly, states enforced and ciphertexts bound.

moto finds the handlers of a backend through the name of its module, see `urls`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from moto.kms.models import KmsBackend, kms_backends

from . import envelope, events, families, lifecycle
from .errors import (
    AlreadyExistsException,
    IncorrectKeyException,
    InvalidKeyUsageException,
    KMSInvalidSignatureException,
    NotFoundException,
    UnsupportedOperationException,
    ValidationException,
    cannot_read_ciphertext,
)
from .event_log import Event
from .installation import Installation
from .key_specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, IMPORTABLE, SIGN_VERIFY, SYMMETRIC, usage_of
from .keys import EXTERNAL, StrictKey
from .materials import Material
from .policies import require_policy
from .states import DOOMED, KeyState

if TYPE_CHECKING:
    from datetime import datetime

ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):kms:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(key/(?P<id>[^/]+)|(?P<alias>alias/.+))"
)
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
        self.next_change: datetime | None = None

    def reset(self) -> None:
        """The inherited one would call __init__ without the installation."""
        self.__init__(self.region_name, self.account_id, self.installation)  # type: ignore[misc]  # as moto does

    def sibling(self, region: str) -> "StrictKmsBackend":
        """The same account's backend in another Region."""
        return cast("StrictKmsBackend", kms_backends[self.account_id][region])

    # --- finding keys -------------------------------------------------------------------------------------------

    def strict_keys(self) -> list[StrictKey]:
        return [key for key in self.keys.values() if isinstance(key, StrictKey)]

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
        here = (self.partition, self.region_name, self.account_id)
        if arn is None or (arn["partition"], arn["region"], arn["account"]) != here:
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
    ) -> StrictKey:
        """Thread safe without the caller holding the lock: making an RSA pair may take seconds."""
        if policy:
            require_policy(policy)
        spec = key_spec or SYMMETRIC
        usage = usage_of(spec, key_usage)
        if origin not in ("AWS_KMS", EXTERNAL):
            raise UnsupportedOperationException(f"the strict KMS has no keys of origin {origin}")
        if origin == EXTERNAL and spec not in IMPORTABLE:
            raise UnsupportedOperationException(f"the strict KMS imports no keys of spec {spec}")
        key = StrictKey(  # type: ignore[abstract]  # moto's own Key leaves CloudFormation's methods open
            policy,
            usage,
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
        primary = self._primary(key_id)
        primary.require("ReplicateKey")
        target = self.sibling(replica_region)
        if primary.id in target.keys:
            raise AlreadyExistsException(f"{primary.arn_in(replica_region)} already exists.")
        replica = primary.replica_in(replica_region, self.installation.now())
        target.keys[replica.id] = replica
        families.align(replica)
        target.pass_through(replica, KeyState.CREATING)
        return replica

    def _primary(self, key_id: str) -> StrictKey:
        key = self.resolve(key_id, alias_allowed=False)
        if not key.multi_region or not key.is_primary:
            raise UnsupportedOperationException(f"{key.arn} is not a multi-Region primary key.")
        return key

    def update_primary_region(self, key_id: str, region: str) -> None:
        """The key here becomes a replica of the one there (kms:UpdatePrimaryRegion)."""
        former = self._primary(key_id)
        former.require("UpdatePrimaryRegion")
        family = former.family()
        successor = next((key for key in family if key.region == region and key is not former), None)
        if successor is None:
            raise NotFoundException(f"{former.arn_in(region)} does not exist.")
        successor.require("UpdatePrimaryRegion")
        for key in family:
            key.primary_region = region
        families.align(former)
        for key in (former, successor):
            self.sibling(key.region).pass_through(key, KeyState.UPDATING)

    def pass_through(self, key: StrictKey, transient: KeyState) -> None:
        if self.installation.propagation:
            key.pass_through(transient, self.installation.now() + self.installation.propagation)
        self.plan()

    def put_key_policy(self, key_id: str, policy: str) -> None:
        """Moto reads the policy at each DescribeKey, and fails there if it is none."""
        require_policy(policy)
        super().put_key_policy(self.resolve(key_id, alias_allowed=False).id, policy)

    def enable_key(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require("EnableKey")
        key.enter(KeyState.ENABLED)

    def disable_key(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require("DisableKey")
        key.enter(KeyState.DISABLED)

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float | None:  # type: ignore[override]
        """The deletion date, unless replicas are waited for."""
        key = self.resolve(key_id, alias_allowed=False)
        if pending_window_in_days not in DELETION_WINDOW_DAYS:
            raise ValidationException("PendingWindowInDays must be between 7 and 30 days.")
        key.require("ScheduleKeyDeletion")
        key.pending_window_days = pending_window_in_days
        lifecycle.doom(key, self.installation.now())
        self.plan()
        return None if key.deletes_at is None else key.deletes_at.timestamp()

    def cancel_key_deletion(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require("CancelKeyDeletion")
        key.enter(KeyState.DISABLED)
        key.deletes_at = key.pending_window_days = None
        key.follow_materials()
        self.plan()

    def enable_key_rotation(self, key_id: str) -> None:
        self._set_rotation(key_id, "EnableKeyRotation", status=True)

    def disable_key_rotation(self, key_id: str) -> None:
        self._set_rotation(key_id, "DisableKeyRotation", status=False)

    def _set_rotation(self, key_id: str, operation: str, *, status: bool) -> None:
        """Related multi-Region keys share the setting; it is made at the primary (facts 2.1, kms:EnableKeyRotation)."""
        key = self.resolve(key_id, alias_allowed=False)
        if not key.is_symmetric or key.is_external or not key.is_primary:  # facts 1.5
            raise UnsupportedOperationException(f"{key.arn} has no automatic rotation of its own.")
        key.require(operation)
        for related in key.family():
            related.key_rotation_status = status

    def get_key_rotation_status(self, key_id: str) -> bool:
        key = self.resolve(key_id, alias_allowed=False)
        if not key.is_symmetric:
            raise UnsupportedOperationException(f"{key.arn} is not a symmetric encryption key.")
        return key.key_rotation_status and key.settled_state not in DOOMED  # kms:GetKeyRotationStatus

    # --- time and events ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Does what is due. Called before every answer and by the server's ticker; cheap when nothing is due."""
        with self.installation.lock:
            now = self.installation.now()
            if self.next_change is not None and self.next_change <= now:
                lifecycle.settle(self, now)
                self.plan()

    def plan(self) -> None:
        """To be called after every change of what time will do to keys in this Region."""
        moments = [moment for key in self.strict_keys() if (moment := lifecycle.next_change(key)) is not None]
        self.next_change = min(moments, default=None)

    def publish(self, make: Callable[..., Event], key: StrictKey, **details: Any) -> None:
        """`make` is one of `events`; who, where and when are added."""
        place = events.Place(key.region, self.account_id, self.installation.now())
        self.installation.sink.publish(make(place, key_arn=key.arn, **details))

    # --- cryptography -------------------------------------------------------------------------------------------

    def seal(self, operation: str, key_id: str, plaintext: bytes, context: dict[str, str]) -> Sealed:
        key, material, secret = self._encryption_material(operation, key_id)
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

    def require_encryption(self, operation: str, key_id: str) -> None:
        self._encryption_material(operation, key_id)

    def _encryption_material(self, operation: str, key_id: str) -> tuple[StrictKey, Material, bytes]:
        with self.installation.lock:
            key = self._usable(operation, key_id)
            current = key.materials.current
            if not key.is_symmetric or current is None or current.secret is None:
                raise UnsupportedOperationException("the strict KMS encrypts under symmetric keys only")
            return key, current, current.secret

    def _usable(self, operation: str, key_id: str, usage: str = ENCRYPT_DECRYPT) -> StrictKey:
        key = self.resolve(key_id)
        key.require(operation)
        key.require_usage(usage)
        return key

    def require_decryption(self, operation: str, key_id: str) -> None:
        with self.installation.lock:
            self._usable(operation, key_id)

    def open(self, operation: str, blob: bytes, context: dict[str, str], key_id: str | None = None) -> Opened:
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
            key.require(operation)
            material = key.materials.get(sealed.material_id)
            secret = None if material is None else material.secret
        if secret is None:
            raise envelope.invalid_ciphertext()
        plaintext = envelope.decrypt(sealed, scope=key.scope, secret=secret, context=context)
        return Opened(plaintext, key.arn, sealed.material_id)

    def encrypt(self, key_id: str, plaintext: bytes, encryption_context: dict[str, str]) -> tuple[bytes, str]:
        sealed = self.seal("Encrypt", key_id, plaintext, encryption_context)
        return sealed.blob, sealed.key_arn

    def decrypt(
        self, ciphertext_blob: bytes, encryption_context: dict[str, str], key_id: str | None = None
    ) -> tuple[bytes, str]:
        opened = self.open("Decrypt", ciphertext_blob, encryption_context, key_id)
        return opened.plaintext, opened.key_arn

    def sign(self, key_id: str, message: bytes, signing_algorithm: str) -> tuple[str, bytes, str]:
        self._signing_key("Sign", key_id, signing_algorithm)
        return super().sign(key_id, message, signing_algorithm)

    def verify(self, key_id: str, message: bytes, signature: bytes, signing_algorithm: str) -> tuple[str, bool, str]:
        """Raises KMSInvalidSignatureException where moto answers that it is not valid (botocore kms:Verify)."""
        self._signing_key("Verify", key_id, signing_algorithm)
        answer = super().verify(key_id, message, signature, signing_algorithm)
        if not answer[1]:
            raise KMSInvalidSignatureException("The signature is not valid for this message and key.")
        return answer

    def _signing_key(self, operation: str, key_id: str, algorithm: str) -> None:
        key = self._usable(operation, key_id, SIGN_VERIFY)
        if algorithm not in key.signing_algorithms:  # botocore kms:Sign
            raise InvalidKeyUsageException(f"{algorithm} is not valid for a key of spec {key.key_spec}.")

    def get_public_key(self, key_id: str) -> tuple[StrictKey, bytes]:
        key = self.resolve(key_id)
        key.require("GetPublicKey")
        if key.key_usage == GENERATE_VERIFY_MAC or key.is_symmetric:
            raise UnsupportedOperationException(f"{key.arn} is not an asymmetric key.")
        return key, key.private_key.public_key()

    def generate_mac(
        self, message: bytes, key_id: str, mac_algorithm: str, grant_tokens: list[str], dry_run: bool
    ) -> tuple[str, str, str]:
        """Called by moto's verify_mac, too, for which the same states are good."""
        key = self._usable("GenerateMac", key_id, GENERATE_VERIFY_MAC)
        if mac_algorithm.replace("HMAC_SHA_", "HMAC_") != key.key_spec:
            raise InvalidKeyUsageException(f"{mac_algorithm} is not valid for a key of spec {key.key_spec}.")
        mac, algorithm, _ = super().generate_mac(message, key.id, mac_algorithm, grant_tokens, dry_run)
        return mac, algorithm, key.arn


def settle_account(account_id: str) -> None:
    """Does in every Region of the account what is due."""
    for backend in list(kms_backends[account_id].values()):
        if isinstance(backend, StrictKmsBackend):
            backend.settle()
