"""GetParametersForImport and ImportKeyMaterial (facts 1.1 to 1.3). The caller holds the lock."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from . import families
from .errors import (
    ExpiredImportTokenException,
    IncorrectKeyMaterialException,
    InvalidImportTokenException,
    KMSInvalidStateException,
    UnsupportedOperationException,
    ValidationException,
)
from .key_specs import require_material, require_wrapping
from .keys import StrictKey
from .materials import DOES_NOT_EXPIRE, EXPIRES, Material, MaterialState, material_id_of
from .models import StrictKmsBackend
from .wrapping import ImportToken, public_key_of, unwrap

NEW = "NEW_KEY_MATERIAL"
EXISTING = "EXISTING_KEY_MATERIAL"
TOKEN_LIFETIME = timedelta(hours=24)  # facts 1.1
LONGEST_VALIDITY = timedelta(days=365)  # facts 1.2
FOR_SYMMETRIC_ONLY = ("ImportType", "KeyMaterialId", "KeyMaterialDescription")  # facts 1.2


@dataclass(frozen=True, slots=True)
class ImportParameters:
    token: bytes = field(repr=False)
    public_key: bytes
    valid_to: datetime


def external_key(backend: StrictKmsBackend, key_id: str) -> StrictKey:
    key = backend.resolve(key_id, alias_allowed=False)  # facts 1.1: aliases are rejected
    if not key.is_external:
        raise UnsupportedOperationException(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
    return key


def importable_key(backend: StrictKmsBackend, key_id: str, algorithm: str, wrapping_spec: str) -> StrictKey:
    key = external_key(backend, key_id)
    require_wrapping(key.key_spec, algorithm, wrapping_spec)
    key.require("GetParametersForImport")
    return key


def import_parameters(
    backend: StrictKmsBackend, key: StrictKey, algorithm: str, private_key: rsa.RSAPrivateKey
) -> ImportParameters:
    token = ImportToken(key.arn, algorithm, private_key, backend.installation.now() + TOKEN_LIFETIME)
    return ImportParameters(backend.installation.tokens.close(token), public_key_of(private_key), token.valid_to)


def import_material(backend: StrictKmsBackend, arguments: dict[str, Any]) -> tuple[StrictKey, str]:
    """Returns the key and the id of the material now here. A repeat with the same bytes only changes the expiry."""
    key = external_key(backend, arguments["KeyId"])
    key.require("ImportKeyMaterial")  # facts 1.3: works while Enabled too, that is renewal
    _require_options(key, arguments)
    now = backend.installation.now()
    valid_to = _valid_to(arguments, now)
    secret = _unwrap(backend, key, arguments, now)
    known = _known_material(key, secret, arguments)
    key.materials.put(
        replace(
            known,
            secret=secret,
            expiration_model=DOES_NOT_EXPIRE if valid_to is None else EXPIRES,
            valid_to=valid_to,
            description=arguments.get("KeyMaterialDescription", known.description),
        )
    )
    key.hides_material_id = False
    families.align(key)
    key.follow_materials()
    backend.plan()
    return key, known.material_id


def _require_options(key: StrictKey, arguments: dict[str, Any]) -> None:
    """Which errors AWS gives here is UNCONFIRMED."""
    unwanted = [name for name in FOR_SYMMETRIC_ONLY if name in arguments]
    if unwanted and not key.is_symmetric:
        raise UnsupportedOperationException(f"{unwanted[0]} is for symmetric encryption keys only.")
    if "KeyMaterialDescription" in arguments and not key.is_primary:
        raise UnsupportedOperationException("A description is given to the primary key only.")
    if arguments.get("ImportType") == NEW and "KeyMaterialId" in arguments:
        raise ValidationException("KeyMaterialId cannot be specified with NEW_KEY_MATERIAL.")


def _valid_to(arguments: dict[str, Any], now: datetime) -> datetime | None:
    """Facts 1.2. The error code is UNCONFIRMED."""
    valid_to: datetime | None = arguments.get("ValidTo")
    if arguments.get("ExpirationModel", EXPIRES) == DOES_NOT_EXPIRE:
        if valid_to is not None:
            raise ValidationException("ValidTo cannot be specified when the key material does not expire.")
        return None
    if valid_to is None:
        raise ValidationException(  # recorded: test_import_key_symmetric, 2025-11-10
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
        )
    if not now < valid_to <= now + LONGEST_VALIDITY:
        raise ValidationException("ValidTo must be in the future and at most 365 days from now.")
    return valid_to


def _unwrap(backend: StrictKmsBackend, key: StrictKey, arguments: dict[str, Any], now: datetime) -> bytes:
    token = backend.installation.tokens.open(arguments["ImportToken"])
    if token.key_arn != key.arn:  # facts 1.1: for one key, and so for one Region
        raise InvalidImportTokenException(f"The import token is not for {key.arn}.")
    if now >= token.valid_to:
        raise ExpiredImportTokenException("The import token is expired.")
    secret = unwrap(token.private_key, token.algorithm, arguments["EncryptedKeyMaterial"])
    require_material(key.key_spec, secret)
    return secret


def _known_material(key: StrictKey, secret: bytes, arguments: dict[str, Any]) -> Material:
    """The record that these bytes belong to: the existing one, or a new one if that is what is asked for."""
    material_id = material_id_of(key.id, secret)
    if arguments.get("ImportType", EXISTING if len(key.materials) else NEW) == NEW:
        return _new_material(key, material_id)
    known = key.materials.get(material_id)
    if known is None or arguments.get("KeyMaterialId", material_id) != material_id:
        raise IncorrectKeyMaterialException(f"The key material is not the one that {key.arn} requires.")
    return known


def _new_material(key: StrictKey, material_id: str) -> Material:
    if key.multi_region and not key.is_primary:
        # facts 1.5: the primary first; which error AWS gives here is UNCONFIRMED
        raise UnsupportedOperationException("New key material is imported into the primary key first.")
    if key.materials.get(material_id) is not None:
        raise IncorrectKeyMaterialException(f"The key material is already associated with {key.arn}.")
    if not len(key.materials):
        return Material(material_id, MaterialState.CURRENT)
    if (pending := key.materials.pending) is not None:
        copies = [related.materials.get(pending.material_id) for related in key.family()]
        if any(copy is not None and copy.is_present for copy in copies):  # facts 1.5: at most one
            # recorded: test_import_key_material_raises_if_there_is_already_key_material_pending, 2025-11-10
            raise KMSInvalidStateException(
                f"New key material (id: {material_id}) cannot be imported into KMS key {key.arn}, "
                f"because another key material (id: {pending.material_id}) is pending rotation."
            )
        key.materials.discard(pending.material_id)
    return Material(material_id, MaterialState.PENDING_ROTATION)
