"""The calls that moto lacks: import, delete and rotate key material (facts 1.1 to 1.6). The caller holds the lock."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .errors import (
    ExpiredImportTokenException,
    IncorrectKeyMaterialException,
    InvalidImportTokenException,
    KMSInvalidStateException,
    LimitExceededException,
    NotFoundException,
    ThrottlingException,
    UnsupportedOperationException,
    ValidationException,
)
from .keys import MATERIAL_BYTES, StrictKey
from .materials import DOES_NOT_EXPIRE, EXPIRES, Material, MaterialState, material_id_of
from .models import StrictKmsBackend
from .wrapping import MODULUS_BITS, WRAPPING_ALGORITHMS, ImportToken, unwrap

NEW = "NEW_KEY_MATERIAL"
EXISTING = "EXISTING_KEY_MATERIAL"
TOKEN_LIFETIME = timedelta(hours=24)  # facts 1.1
LONGEST_VALIDITY = timedelta(days=365)  # facts 1.2
PARAMETERS_INTERVAL = timedelta(seconds=1)  # facts 1.1: the quota
ON_DEMAND_ROTATIONS = 25  # facts 1.5: per key, for good


@dataclass(frozen=True, slots=True)
class ImportParameters:
    token: bytes
    public_key: bytes
    valid_to: datetime


def external_key(backend: StrictKmsBackend, key_id: str) -> StrictKey:
    key = backend.resolve(key_id, alias_allowed=False)  # facts 1.1: aliases are rejected
    if not key.is_external:
        raise UnsupportedOperationException(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
    return key


def import_parameters(
    backend: StrictKmsBackend, key: StrictKey, algorithm: str, spec: str, pair: int
) -> ImportParameters:
    key.require_state("Enabled", "Disabled", "PendingImport")  # facts 1.3
    installation = backend.installation
    now = installation.now()
    _throttle(backend, now)
    token = ImportToken(key.arn, backend.region_name, algorithm, spec, pair, now + TOKEN_LIFETIME)
    public_key = installation.key_pairs.public_key(backend.region_name, spec, pair)
    return ImportParameters(installation.tokens.close(token), public_key, token.valid_to)


def require_wrapping(algorithm: str, spec: str) -> None:
    if algorithm not in WRAPPING_ALGORITHMS or spec not in MODULUS_BITS:
        raise UnsupportedOperationException(f"{algorithm} with {spec} is not supported.")


def _throttle(backend: StrictKmsBackend, now: datetime) -> None:
    if not backend.installation.throttle_import_parameters:
        return
    last = backend.last_import_parameters
    if last is not None and now - last < PARAMETERS_INTERVAL:
        raise ThrottlingException(
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
        )
    backend.last_import_parameters = now


def import_material(backend: StrictKmsBackend, arguments: dict[str, Any]) -> tuple[StrictKey, str]:
    """Returns the key and the id of the material now here. A repeat with the same bytes only changes the expiry."""
    key = external_key(backend, arguments["KeyId"])
    key.require_state("Enabled", "Disabled", "PendingImport")  # facts 1.3: Enabled too, that is renewal
    now = backend.installation.now()
    valid_to = _valid_to(arguments, now)
    if arguments.get("ImportType") == NEW and "KeyMaterialId" in arguments:
        raise ValidationException("KeyMaterialId cannot be specified with NEW_KEY_MATERIAL.")
    secret = _unwrap(backend, key, arguments, now)
    known = _known_material(key, secret, arguments)
    described = arguments.get("KeyMaterialDescription", known.description)
    key.materials.put(
        replace(
            known,
            secret=secret,
            expiration_model=DOES_NOT_EXPIRE if valid_to is None else EXPIRES,
            valid_to=valid_to,
            description=described,
        )
    )
    _tell_family(key, known.material_id)
    key.follow_materials()
    backend.plan_expiry()
    return key, known.material_id


def _valid_to(arguments: dict[str, Any], now: datetime) -> datetime | None:
    valid_to: datetime | None = arguments.get("ValidTo")
    if arguments.get("ExpirationModel", EXPIRES) == DOES_NOT_EXPIRE:
        if valid_to is not None:
            raise ValidationException("ValidTo cannot be specified when the key material does not expire.")
        return None
    if valid_to is None:
        raise ValidationException("ValidTo is required when the key material expires.")
    if not now < valid_to <= now + LONGEST_VALIDITY:
        raise ValidationException("ValidTo must be in the future and at most 365 days from now.")
    return valid_to


def _unwrap(backend: StrictKmsBackend, key: StrictKey, arguments: dict[str, Any], now: datetime) -> bytes:
    installation = backend.installation
    token = installation.tokens.open(arguments["ImportToken"])
    if (token.key_arn, token.region) != (key.arn, backend.region_name):  # facts 1.1: one key, so one Region
        raise InvalidImportTokenException(f"The import token is not for {key.arn}.")
    if now >= token.valid_to:
        raise ExpiredImportTokenException("The import token is expired.")
    private_key = installation.key_pairs.private_key(token.region, token.spec, token.pair)
    secret = unwrap(private_key, token.algorithm, arguments["EncryptedKeyMaterial"])
    if len(secret) != MATERIAL_BYTES:
        raise IncorrectKeyMaterialException(f"The key material must be {MATERIAL_BYTES} bytes long.")
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
        if pending.is_present:
            raise KMSInvalidStateException(f"{key.arn} already has key material pending rotation.")
        for related in key.family():
            _forget(related, pending.material_id)
    return Material(material_id, MaterialState.PENDING_ROTATION)


def _forget(key: StrictKey, material_id: str) -> None:
    if key.materials.get(material_id) is not None:
        key.materials.remove_bytes(material_id)


def _tell_family(key: StrictKey, material_id: str) -> None:
    """Replicas learn the id and the description, not the bytes; the primary learns when all have them (facts 1.5)."""
    family = key.family()
    primary = next((related for related in family if related.is_primary), None)
    if primary is None or (record := primary.materials.get(material_id)) is None:
        return
    for related in family:
        if related.materials.get(material_id) is None:
            related.materials.put(record.without_bytes())
    if record.is_permanent:
        return
    everywhere = all(_has_bytes(related, material_id) for related in family)
    state = MaterialState.PENDING_ROTATION if everywhere else MaterialState.PENDING_REPLICAS
    for related in family:
        if (copy := related.materials.get(material_id)) is not None:
            related.materials.put(replace(copy, state=state))


def _has_bytes(key: StrictKey, material_id: str) -> bool:
    material = key.materials.get(material_id)
    return material is not None and material.is_present


def delete_material(backend: StrictKmsBackend, key_id: str, material_id: str | None) -> tuple[StrictKey, str]:
    """Without a material id, the CURRENT one (facts 1.4)."""
    key = external_key(backend, key_id)
    material = key.materials.current if material_id is None else key.materials.get(material_id)
    if material is None and material_id is not None:
        raise NotFoundException(f"Key material {material_id} is not associated with {key.arn}.")
    if material is None:
        raise KMSInvalidStateException(f"{key.arn} is pending import.")
    everywhere = not material.is_permanent and key.is_primary
    for related in key.family() if everywhere else [key]:
        _forget(related, material.material_id)
        related.follow_materials()
    backend.plan_expiry()
    request = {"keyId": key_id} | ({} if material_id is None else {"keyMaterialId": material_id})
    response = {"keyId": key.arn, "keyMaterialId": material.material_id}
    backend.announce("DeleteImportedKeyMaterial", key, request, response)
    return key, material.material_id


def rotate(backend: StrictKmsBackend, key_id: str) -> StrictKey:
    key = backend.resolve(key_id, alias_allowed=False)
    if not key.is_symmetric or (key.multi_region and not key.is_primary):
        raise UnsupportedOperationException(f"{key.arn} cannot be rotated on demand.")
    key.require_state("Enabled")
    if len(key.materials.rotations) >= ON_DEMAND_ROTATIONS:
        raise LimitExceededException(f"{key.arn} has been rotated on demand {ON_DEMAND_ROTATIONS} times.")
    successor = _successor(key)
    for related in key.family():
        if related.materials.get(successor.material_id) is None:
            related.materials.put(successor)
        related.materials.rotate_to(successor.material_id, backend.installation.now())
        related.follow_materials()
    return key


def _successor(key: StrictKey) -> Material:
    if not key.is_external:
        return key.new_material(MaterialState.PENDING_ROTATION)
    pending = key.materials.pending
    if pending is None or not pending.is_present or pending.state is not MaterialState.PENDING_ROTATION:
        raise KMSInvalidStateException(f"{key.arn} has no key material pending rotation.")
    return pending
