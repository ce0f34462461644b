"""What related multi-Region keys tell each other about their materials (facts 1.5, 1.6). The caller holds the lock."""

from dataclasses import replace

from .keys import StrictKey
from .materials import Material, MaterialState


def align(key: StrictKey) -> None:
    """Replicas learn the primary's ids and descriptions, never the bytes; the primary learns who has the pending one.

    To be called after every change of materials and of the family itself.
    """
    family = key.family()
    primary = next((related for related in family if related.is_primary), None)
    if primary is None or not primary.is_external:
        return
    for material in primary.materials:
        for related in family:
            copy = related.materials.get(material.material_id) or material.without_bytes()
            related.materials.put(replace(copy, description=material.description))
    for related in family:
        for material in related.materials:
            if primary.materials.get(material.material_id) is None:
                related.materials.discard(material.material_id)
    if (pending := primary.materials.pending) is not None:
        _tell_progress(family, pending)


def _tell_progress(family: list[StrictKey], pending: Material) -> None:
    copies = [related.materials.get(pending.material_id) for related in family]
    everywhere = all(copy is not None and copy.is_present for copy in copies)
    is_alone = len(family) == 1
    state = MaterialState.PENDING_ROTATION if everywhere or is_alone else MaterialState.PENDING_REPLICAS
    for related, copy in zip(family, copies, strict=True):
        if copy is not None:
            related.materials.put(replace(copy, state=state))
