"""Custody of key material in this region's Secrets Manager (the port `domain.key_material.ports.Custody`)."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from kms_failover.adapters.classify import code_of
from kms_failover.domain.key_material.material import MATERIAL_BYTES
from kms_failover.domain.key_material.ports import PlainMaterial
from kms_failover.errors import MaterialMissingError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# no such secret or version; a secret that is scheduled for deletion
_MISSING = frozenset({"ResourceNotFoundException", "InvalidRequestException"})


class SecretsManagerCustody:
    def __init__(self, client: "SecretsManagerClient", region: str) -> None:
        self._client = client
        self._region = region

    def fetch(self, key_set: str, secret: str) -> PlainMaterial:
        """From SecretBinary: material is bytes, and text would have an encoding."""
        where = f"secret {secret!r} in {self._region}, for key set {key_set!r}"
        try:
            material = PlainMaterial(self._client.get_secret_value(SecretId=secret).get("SecretBinary", b""))
        except ClientError as error:
            if code_of(error) in _MISSING:
                raise MaterialMissingError(f"there is no {where}: {code_of(error)}") from error
            raise
        if len(material.value) != MATERIAL_BYTES:
            del material  # an error carries its frames along
            raise MaterialMissingError(f"no {MATERIAL_BYTES} bytes of SecretBinary in {where}")
        return material
