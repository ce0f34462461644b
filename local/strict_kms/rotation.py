"""Deleting and rotating key material (facts 1.4, 1.5). The caller holds the lock."""

from . import events, families
from .errors import KMSInvalidStateException, LimitExceededException, NotFoundException, UnsupportedOperationException
from .importing import external_key
from .keys import StrictKey
from .materials import Material, MaterialState
from .models import StrictKmsBackend

ON_DEMAND_ROTATIONS = 25  # facts 1.5: per key, for good


def delete_material(backend: StrictKmsBackend, key_id: str, material_id: str | None) -> tuple[StrictKey, str | None]:
    """Without a material id, the CURRENT one (facts 1.4). None was deleted where none was ever imported."""
    key = external_key(backend, key_id)
    material = key.materials.current if material_id is None else key.materials.get(material_id)
    if material is None:
        if material_id is not None:
            raise NotFoundException(f"Key material {material_id} is not associated with {key.arn}.")
        return key, None  # the guide's table of key states: no effect in PendingImport
    key.materials.remove_bytes(material.material_id)
    families.align(key)  # facts 1.4: what is pending goes from the replicas with the primary
    key.follow_materials()
    backend.plan()
    return key, material.material_id


def rotate(backend: StrictKmsBackend, key_id: str) -> StrictKey:
    """The state counts before the kind of key: a disabled RSA key is DisabledException.

    Recorded: test_rotate_key_on_demand_raises_error_given_key_is_disabled and _given_non_symmetric_key, 2025-03-08.
    """
    key = backend.resolve(key_id, alias_allowed=False)
    if not key.is_primary:
        raise UnsupportedOperationException(f"{key.arn} is not a multi-region primary key.")
    key.require("RotateKeyOnDemand")
    if not key.is_symmetric:
        raise UnsupportedOperationException
    if len(key.materials.rotations) >= ON_DEMAND_ROTATIONS:  # recorded: test_key_rotations_limits, 2025-04-03
        raise LimitExceededException(
            "The on-demand rotations limit has been reached for the given keyId. "
            f"No more on-demand rotations can be performed for this key: {key.arn}"
        )
    successor = _successor(key)
    for related in key.family():
        _rotate_one(backend, related, successor)
    return key


def _successor(key: StrictKey) -> Material:
    if not key.is_external:
        return key.new_material(MaterialState.PENDING_ROTATION)
    pending = key.materials.pending
    if pending is None or not pending.is_present or pending.state is not MaterialState.PENDING_ROTATION:
        # recorded: test_rotate_key_on_demand_raises_for_no_pending_key_material, 2025-11-19
        raise KMSInvalidStateException(f"No available key material pending rotation for the key: {key.arn}.")
    return pending


def _rotate_one(backend: StrictKmsBackend, key: StrictKey, successor: Material) -> None:
    previous = key.materials.current
    if key.materials.get(successor.material_id) is None:
        key.materials.put(successor)
    key.materials.rotate_to(successor.material_id, backend.installation.now())
    key.follow_materials()
    backend.sibling(key.region).publish(
        events.key_rotated,
        key,
        origin=key.origin,
        previous_id=previous.material_id if previous is not None else "",
        current_id=successor.material_id,
    )
