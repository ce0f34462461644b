"""The handlers that moto lacks, or has too loosely; all others are moto's."""

import base64
import json
import os
from typing import Any, cast

from moto.kms.models import kms_backends

from . import importing, rotation
from .errors import (
    InvalidGrantTokenException,
    InvalidKeyUsageException,
    InvalidMarkerException,
    NotFoundException,
    UnsupportedOperationException,
    ValidationException,
)
from .handling import StrictHandling, would_have_succeeded
from .keys import StrictKey
from .materials import ON_DEMAND, Material
from .models import Sealed

SYMMETRIC_ALGORITHM = "SYMMETRIC_DEFAULT"
DATA_KEY_BYTES = {"AES_128": 16, "AES_256": 32}
ROTATIONS_PER_PAGE = 100  # botocore kms:ListKeyRotations


class StrictKmsResponse(StrictHandling):
    # --- cryptography -------------------------------------------------------------------------------------------

    def encrypt(self) -> str:
        self._require_algorithms("EncryptionAlgorithm")
        sealed = self._seal("Encrypt", self.arguments["KeyId"], self.arguments["Plaintext"])
        return _answer(CiphertextBlob=sealed.blob, KeyId=sealed.key_arn, EncryptionAlgorithm=SYMMETRIC_ALGORITHM)

    def decrypt(self) -> str:
        self._require_algorithms("EncryptionAlgorithm")
        if self._ignores_ciphertext("Decrypt", "KeyId"):
            return _answer()
        opened = self.kms_backend.open("Decrypt", self._ciphertext(), self._context(), self.arguments.get("KeyId"))
        return _answer(
            Plaintext=opened.plaintext,
            KeyId=opened.key_arn,
            EncryptionAlgorithm=SYMMETRIC_ALGORITHM,
            KeyMaterialId=opened.material_id,
        )

    def re_encrypt(self) -> str:
        self._require_algorithms("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm")
        destination, source = self.arguments["DestinationKeyId"], self.arguments.get("SourceKeyId")
        self.kms_backend.require_encryption("ReEncrypt", destination)
        if self._ignores_ciphertext("ReEncrypt", "SourceKeyId"):
            return _answer()
        opened = self.kms_backend.open("ReEncrypt", self._ciphertext(), self._context("Source"), source)
        sealed = self._seal("ReEncrypt", destination, opened.plaintext, "Destination")
        return _answer(
            CiphertextBlob=sealed.blob,
            SourceKeyId=opened.key_arn,
            KeyId=sealed.key_arn,
            SourceEncryptionAlgorithm=SYMMETRIC_ALGORITHM,
            DestinationEncryptionAlgorithm=SYMMETRIC_ALGORITHM,
            SourceKeyMaterialId=opened.material_id,
            DestinationKeyMaterialId=sealed.material_id,
        )

    def generate_data_key(self) -> str:
        return _answer(**self._data_key("GenerateDataKey"))

    def generate_data_key_without_plaintext(self) -> str:
        answer = self._data_key("GenerateDataKeyWithoutPlaintext")
        del answer["Plaintext"]
        return _answer(**answer)

    def _data_key(self, operation: str) -> dict[str, str | bytes]:
        if ("KeySpec" in self.arguments) == ("NumberOfBytes" in self.arguments):
            raise ValidationException("Please specify either number of bytes or key spec.")
        spec = self.arguments.get("KeySpec")
        plaintext = os.urandom(DATA_KEY_BYTES[spec] if spec else self.arguments["NumberOfBytes"])
        sealed = self._seal(operation, self.arguments["KeyId"], plaintext)
        return {
            "CiphertextBlob": sealed.blob,
            "Plaintext": plaintext,
            "KeyId": sealed.key_arn,
            "KeyMaterialId": sealed.material_id,
        }

    def generate_random(self) -> str:
        if "NumberOfBytes" not in self.arguments:
            raise ValidationException("NumberOfBytes must not be null.")
        return _answer(Plaintext=os.urandom(self.arguments["NumberOfBytes"]))

    def _seal(self, operation: str, key_id: str, plaintext: bytes, role: str = "") -> Sealed:
        return self.kms_backend.seal(operation, key_id, plaintext, self._context(role))

    def _require_algorithms(self, *members: str) -> None:
        """Only symmetric keys encrypt here, and they know one algorithm (botocore kms:Encrypt)."""
        for member in members:
            if self.arguments.get(member, SYMMETRIC_ALGORITHM) != SYMMETRIC_ALGORITHM:
                raise InvalidKeyUsageException(f"{member} is not valid for a symmetric encryption key.")

    def _context(self, role: str = "") -> dict[str, str]:
        return cast("dict[str, str]", self.arguments.get(f"{role}EncryptionContext", {}))

    def _ciphertext(self) -> bytes:
        if "CiphertextBlob" not in self.arguments:
            raise ValidationException("CiphertextBlob must not be null.")
        return cast("bytes", self.arguments["CiphertextBlob"])

    def _ignores_ciphertext(self, operation: str, key_member: str) -> bool:
        """Facts 2.3: a dry run without a ciphertext tests the key only."""
        if "IGNORE_CIPHERTEXT" not in self.arguments.get("DryRunModifiers", []):
            return False
        if not self.arguments.get("DryRun") or key_member not in self.arguments:
            raise ValidationException(f"IGNORE_CIPHERTEXT needs DryRun and {key_member}.")
        self.kms_backend.require_decryption(operation, self.arguments[key_member])
        return True

    # --- imported key material ----------------------------------------------------------------------------------

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
        return _answer(
            KeyId=key.arn,
            ImportToken=parameters.token,
            PublicKey=parameters.public_key,
            ParametersValidTo=parameters.valid_to.timestamp(),
        )

    def import_key_material(self) -> str:
        key, material_id = importing.import_material(self.kms_backend, self.arguments)
        return _answer(KeyId=key.arn, **_identified(key, material_id))

    def delete_imported_key_material(self) -> str:
        material_id = self.arguments.get("KeyMaterialId")
        key, deleted = rotation.delete_material(self.kms_backend, self.arguments["KeyId"], material_id)
        return _answer(KeyId=key.arn, **_identified(key, deleted))

    def rotate_key_on_demand(self) -> str:
        return _answer(KeyId=rotation.rotate(self.kms_backend, self.arguments["KeyId"]).id)

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

    # --- what moto lacks or answers too loosely -----------------------------------------------------------------

    def create_key(self) -> str:
        if "CustomKeyStoreId" in self.arguments:
            raise UnsupportedOperationException("the strict KMS has no custom key stores")
        return super().create_key()

    def replicate_key(self) -> str:
        replica = self.kms_backend.replicate_key(self.arguments["KeyId"], self._replica_region())
        replica.policy = self.arguments.get("Policy") or replica.policy
        replica.description = self.arguments.get("Description", "")
        tags = self.arguments.get("Tags", [])
        self.kms_backend.sibling(replica.region).tagger.tag_resource(replica.id, tags)
        metadata = replica.to_dict()["KeyMetadata"]
        return json.dumps({"ReplicaKeyMetadata": metadata, "ReplicaPolicy": replica.policy, "ReplicaTags": tags})

    def _replica_region(self) -> str:
        region = cast("str", self.arguments["ReplicaRegion"])
        if region == self.region or region not in kms_backends[self.current_account]:
            raise ValidationException("ReplicaRegion must be another Region.")
        return region

    def update_primary_region(self) -> str:
        self.kms_backend.update_primary_region(self.arguments["KeyId"], self.arguments["PrimaryRegion"])
        return _answer()

    def cancel_key_deletion(self) -> str:
        self.kms_backend.cancel_key_deletion(self.arguments["KeyId"])
        return _answer(KeyId=self.kms_backend.resolve(self.arguments["KeyId"]).arn)

    def schedule_key_deletion(self) -> str:
        days = self.arguments.get("PendingWindowInDays", 30)
        deletion_date = self.kms_backend.schedule_key_deletion(self.arguments["KeyId"], days)
        key = self.kms_backend.resolve(self.arguments["KeyId"])
        dated = {} if deletion_date is None else {"DeletionDate": deletion_date}
        return _answer(KeyId=key.arn, KeyState=key.key_state, PendingWindowInDays=days, **dated)

    def create_grant(self) -> str:
        self._end_of_dry_run()
        return super().create_grant()

    def list_grants(self) -> str:
        self._key()
        return super().list_grants()

    def revoke_grant(self) -> str:
        self._require_grant(self._key(), self.arguments["GrantId"])
        self._end_of_dry_run()
        return super().revoke_grant()

    def retire_grant(self) -> str:
        """By token, or by key and grant id (botocore kms:RetireGrant)."""
        token = self.arguments.get("GrantToken")
        if token is None:
            if not {"KeyId", "GrantId"} <= set(self.arguments):
                raise ValidationException("RetireGrant needs a GrantToken, or a KeyId and a GrantId.")
            self._require_grant(self._key(), self.arguments["GrantId"])
        elif all(token != grant.token for key in self.kms_backend.strict_keys() for grant in key.grants.values()):
            raise InvalidGrantTokenException("The grant token is not one of this Region's.")
        self._end_of_dry_run()
        return super().retire_grant()

    def _key(self) -> StrictKey:
        return self.kms_backend.resolve(self.arguments["KeyId"], alias_allowed=False)

    def _require_grant(self, key: StrictKey, grant_id: str) -> None:
        if grant_id not in key.grants:
            raise NotFoundException(f"Grant ID {grant_id} not found")

    def _end_of_dry_run(self) -> None:
        """Where the call would change something next."""
        if self.arguments.get("DryRun"):
            raise would_have_succeeded()

    def sign(self) -> str:
        self._require_raw_message()
        return super().sign()

    def verify(self) -> str:
        self._require_raw_message()
        return super().verify()

    def _require_raw_message(self) -> None:
        """Moto hashes whatever it is given, so a digest would get a signature that AWS never makes."""
        if self.arguments.get("MessageType", "RAW") != "RAW":
            raise UnsupportedOperationException("the strict KMS signs raw messages only")

    def get_public_key(self) -> str:
        key, public_key = self.kms_backend.get_public_key(self.arguments["KeyId"])
        members = {"SIGN_VERIFY": "SigningAlgorithms", "ENCRYPT_DECRYPT": "EncryptionAlgorithms"}
        described = key.to_dict()["KeyMetadata"]
        algorithms = members[key.key_usage]
        return _answer(
            KeyId=key.arn,
            PublicKey=public_key,
            KeySpec=key.key_spec,
            CustomerMasterKeySpec=key.key_spec,
            KeyUsage=key.key_usage,
            **{algorithms: described[algorithms]},
        )

    def verify_mac(self) -> str:
        answer = json.loads(super().verify_mac())
        return json.dumps(answer | {"KeyId": self.kms_backend.resolve(self.arguments["KeyId"]).arn})


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


def _answer(**members: object) -> str:
    """awsJson1.1: blobs in base64, timestamps in epoch seconds."""
    return json.dumps(
        {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in members.items()
        }
    )
