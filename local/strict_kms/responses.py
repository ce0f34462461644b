"""The handlers that moto lacks, or has too loosely; all others are moto's."""

import json
import os
from typing import cast

from .errors import (
    InvalidGrantTokenException,
    InvalidKeyUsageException,
    NotFoundException,
    UnsupportedOperationException,
    ValidationException,
)
from .handling import json_answer, would_have_succeeded
from .keys import StrictKey
from .material_handling import MaterialHandling
from .models import Sealed
from .tags import require_tags

SYMMETRIC_ALGORITHM = "SYMMETRIC_DEFAULT"
DATA_KEY_BYTES = {"AES_128": 16, "AES_256": 32}


class StrictKmsResponse(MaterialHandling):
    # --- cryptography -------------------------------------------------------------------------------------------

    def encrypt(self) -> str:
        self._require_algorithms("EncryptionAlgorithm")
        sealed = self._seal("Encrypt", self.arguments["KeyId"], self.arguments["Plaintext"])
        return json_answer(CiphertextBlob=sealed.blob, KeyId=sealed.key_arn, EncryptionAlgorithm=SYMMETRIC_ALGORITHM)

    def decrypt(self) -> str:
        self._require_algorithms("EncryptionAlgorithm")
        if self._ignores_ciphertext("Decrypt", "KeyId"):
            return json_answer()
        opened = self.kms_backend.open("Decrypt", self._ciphertext(), self._context(), self.arguments.get("KeyId"))
        return json_answer(
            Plaintext=opened.plaintext,
            KeyId=opened.key_arn,
            EncryptionAlgorithm=SYMMETRIC_ALGORITHM,
            KeyMaterialId=opened.material_id,
        )

    def re_encrypt(self) -> str:
        self._require_algorithms("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm")
        destination, source = self.arguments["DestinationKeyId"], self.arguments.get("SourceKeyId")
        if self._ignores_ciphertext("ReEncrypt", "SourceKeyId"):
            self.kms_backend.require_encryption("ReEncrypt", destination)
            return json_answer()
        # the source first (recorded: test_re_encrypt_incorrect_source_key, 2025-06-09)
        opened = self.kms_backend.open("ReEncrypt", self._ciphertext(), self._context("Source"), source)
        sealed = self._seal("ReEncrypt", destination, opened.plaintext, "Destination")
        return json_answer(
            CiphertextBlob=sealed.blob,
            SourceKeyId=opened.key_arn,
            KeyId=sealed.key_arn,
            SourceEncryptionAlgorithm=SYMMETRIC_ALGORITHM,
            DestinationEncryptionAlgorithm=SYMMETRIC_ALGORITHM,
            SourceKeyMaterialId=opened.material_id,
            DestinationKeyMaterialId=sealed.material_id,
        )

    def generate_data_key(self) -> str:
        return json_answer(**self._data_key("GenerateDataKey"))

    def generate_data_key_without_plaintext(self) -> str:
        answer = self._data_key("GenerateDataKeyWithoutPlaintext")
        del answer["Plaintext"]
        return json_answer(**answer)

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
            raise ValidationException("NumberOfBytes is required.")  # recorded: 2023-04-13
        return json_answer(Plaintext=os.urandom(self.arguments["NumberOfBytes"]))

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

    # --- what moto lacks or answers too loosely -----------------------------------------------------------------

    def create_key(self) -> str:
        if "CustomKeyStoreId" in self.arguments:
            raise UnsupportedOperationException("the strict KMS has no custom key stores")
        require_tags(self._new_tags())
        return super().create_key()

    def tag_resource(self) -> str:
        present = self.kms_backend.tagger.get_tag_dict_for_resource(self._key().id)
        require_tags(self._new_tags(), present)
        return super().tag_resource()

    def _new_tags(self) -> list[str]:
        return [tag["TagKey"] for tag in self.arguments.get("Tags", [])]

    def create_alias(self) -> str:
        self._require_prefix()
        return super().create_alias()

    def update_alias(self) -> str:
        self._require_prefix()
        return super().update_alias()

    def delete_alias(self) -> str:
        self._require_prefix()
        return super().delete_alias()

    def _require_prefix(self) -> None:
        if not self.arguments["AliasName"].startswith("alias/"):  # recorded: test_create_alias, 2023-04-13
            raise ValidationException(
                'Alias must start with the prefix "alias/". '
                "Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
            )

    def replicate_key(self) -> str:
        require_tags(self._new_tags())
        replica = self.kms_backend.replicate_key(self.arguments["KeyId"], self.arguments["ReplicaRegion"])
        replica.policy = self.arguments.get("Policy") or replica.policy
        replica.description = self.arguments.get("Description", "")
        tags = self.arguments.get("Tags", [])
        self.kms_backend.sibling(replica.region).tagger.tag_resource(replica.id, tags)
        described = {"ReplicaKeyMetadata": replica.metadata_at_birth(), "ReplicaPolicy": replica.policy}
        return json.dumps(described | ({"ReplicaTags": tags} if tags else {}))

    def update_primary_region(self) -> str:
        self.kms_backend.update_primary_region(self.arguments["KeyId"], self.arguments["PrimaryRegion"])
        return json_answer()

    def cancel_key_deletion(self) -> str:
        self.kms_backend.cancel_key_deletion(self.arguments["KeyId"])
        return json_answer(KeyId=self.kms_backend.resolve(self.arguments["KeyId"]).arn)

    def schedule_key_deletion(self) -> str:
        days = self.arguments.get("PendingWindowInDays", 30)
        deletion_date = self.kms_backend.schedule_key_deletion(self.arguments["KeyId"], days)
        key = self.kms_backend.resolve(self.arguments["KeyId"])
        dated = {} if deletion_date is None else {"DeletionDate": deletion_date}
        return json_answer(KeyId=key.arn, KeyState=key.key_state, PendingWindowInDays=days, **dated)

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
        algorithm = self.arguments["SigningAlgorithm"]
        arn, signature = self.kms_backend.signature(
            self.arguments["KeyId"], algorithm, self.arguments["Message"], is_digest=self._is_digest()
        )
        return json_answer(KeyId=arn, Signature=signature, SigningAlgorithm=algorithm)

    def verify(self) -> str:
        algorithm = self.arguments["SigningAlgorithm"]
        message, signature = self.arguments["Message"], self.arguments["Signature"]
        arn = self.kms_backend.require_signature(
            self.arguments["KeyId"], algorithm, message, signature, is_digest=self._is_digest()
        )
        return json_answer(KeyId=arn, SignatureValid=True, SigningAlgorithm=algorithm)

    def _is_digest(self) -> bool:
        kind = self.arguments.get("MessageType", "RAW")
        if kind not in ("RAW", "DIGEST"):
            raise UnsupportedOperationException("the strict KMS signs messages and digests only")
        return bool(kind == "DIGEST")

    def get_public_key(self) -> str:
        key, public_key = self.kms_backend.get_public_key(self.arguments["KeyId"])
        members = {"SIGN_VERIFY": "SigningAlgorithms", "ENCRYPT_DECRYPT": "EncryptionAlgorithms"}
        described = key.to_dict()["KeyMetadata"]
        algorithms = members[key.key_usage]
        return json_answer(
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
