"""The handlers of imported key material and of rotation."""

import json
from typing import Any

from . import importing, rotation
from .errors import InvalidMarkerException, UnsupportedOperationException
from .handling import StrictHandling, json_answer
from .keys import ROTATION_PERIOD_DAYS, StrictKey
from .materials import ON_DEMAND, Material

ROTATIONS_PER_PAGE = 100  # botocore kms:ListKeyRotations


class MaterialHandling(StrictHandling):
    def get_parameters_for_import(self) -> str:
        key_id = self.arguments["KeyId"]
        algorithm, spec = self.arguments["WrappingAlgorithm"], self.arguments["WrappingKeySpec"]
        installation = self.kms_backend.installation
        with installation.lock:
            importing.importable_key(self.kms_backend, key_id, algorithm, spec)
        private_key = installation.key_pairs(spec)  # may take seconds: not under the lock
        with installation.lock:
            key = importing.importable_key(self.kms_backend, key_id, algorithm, spec)
            parameters = importing.import_parameters(self.kms_backend, key, algorithm, private_key)
        return json_answer(
            KeyId=key.arn,
            ImportToken=parameters.token,
            PublicKey=parameters.public_key,
            ParametersValidTo=parameters.valid_to.timestamp(),
        )

    def import_key_material(self) -> str:
        key, material_id = importing.import_material(self.kms_backend, self.arguments)
        return json_answer(KeyId=key.arn, **_identified(key, material_id))

    def delete_imported_key_material(self) -> str:
        material_id = self.arguments.get("KeyMaterialId")
        key, deleted = rotation.delete_material(self.kms_backend, self.arguments["KeyId"], material_id)
        return json_answer(KeyId=key.arn, **_identified(key, deleted))

    def rotate_key_on_demand(self) -> str:
        """The ARN; recorded: test_rotate_on_demand_returns_arn_for_key_id, 2025-11-06."""
        return json_answer(KeyId=rotation.rotate(self.kms_backend, self.arguments["KeyId"]).arn)

    def list_key_rotations(self) -> str:
        key = self.kms_backend.resolve(self.arguments["KeyId"], alias_allowed=False)
        if not key.is_symmetric:
            raise UnsupportedOperationException(f"{key.arn} is not a symmetric encryption key.")
        # facts 1.5: by default the first material is left out, it was never rotated to
        with_all = self.arguments.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
        entries = [_rotation(key, item) for item in (key.materials if with_all else key.materials.rotations)]
        start = _page_start(self.arguments.get("Marker"))
        end = start + self.arguments.get("Limit", ROTATIONS_PER_PAGE)
        more = {"NextMarker": str(end)} if end < len(entries) else {}
        return json.dumps({"Rotations": entries[start:end], "Truncated": bool(more)} | more)

    # --- automatic rotation -------------------------------------------------------------------------------------

    def enable_key_rotation(self) -> str:
        period = self.arguments.get("RotationPeriodInDays", ROTATION_PERIOD_DAYS)
        self.kms_backend.enable_key_rotation(self.arguments["KeyId"], period)
        return json_answer()

    def get_key_rotation_status(self) -> str:
        """With dates as recorded: test_key_enable_rotation_status, 2025-03-02."""
        key, schedule = self.kms_backend.rotation_schedule(self.arguments["KeyId"])
        if schedule is None:
            return json_answer(KeyId=key.arn, KeyRotationEnabled=False)
        return json_answer(
            KeyId=key.arn,
            KeyRotationEnabled=True,
            RotationPeriodInDays=schedule.period_days,
            NextRotationDate=schedule.next_date.timestamp(),
        )


def _identified(key: StrictKey, material_id: str | None) -> dict[str, str]:
    """Only materials of symmetric encryption keys have ids (botocore kms:ImportKeyMaterial)."""
    return {"KeyMaterialId": material_id} if key.is_symmetric and material_id is not None else {}


def _rotation(key: StrictKey, material: Material) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "KeyId": key.arn,
        "KeyMaterialId": material.material_id,
        "KeyMaterialState": material.state.value,
    }
    if material.rotated_at is not None:
        entry |= {"RotationDate": material.rotated_at.timestamp(), "RotationType": ON_DEMAND}
    if key.is_external:
        entry["ImportState"] = "IMPORTED" if material.is_present else "PENDING_IMPORT"
        entry |= {"KeyMaterialDescription": material.description} if material.description else {}
        entry |= {"ExpirationModel": material.expiration_model} if material.expiration_model else {}
        entry |= {"ValidTo": material.valid_to.timestamp()} if material.valid_to else {}
    return entry


def _page_start(marker: str | None) -> int:
    if marker is not None and not marker.isdecimal():
        raise InvalidMarkerException("Marker is not one that was returned.")
    return int(marker or 0)
