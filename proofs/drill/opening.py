"""Opening objects with one region's KMS and nothing else, by the stock S3 Encryption Client."""

import hashlib
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from s3_encryption import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # no types; in the tools only
    S3EncryptionClient,
    S3EncryptionClientConfig,
)
from s3_encryption.materials.kms_keyring import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    KmsKeyring,
)

from kms_failover.domain.data_keys.bundle import Bundle, is_bundle
from kms_failover.domain.objects.s3_envelope import Envelope
from kms_failover.errors import KmsFailoverError
from proofs.drill.aws import Aws
from proofs.drill.context import DrillObject
from proofs.drill.places import BUCKETS, CONTEXT


class OneRegionKms:
    """A KMS client that has one key in one region: of a bundle it opens that key's wrap, and knows no way around.

    It opens plain KMS ciphertexts as the stock client does: pinned to its key.
    """

    def __init__(self, client: Any, key_arn: str) -> None:
        self.meta = client.meta
        self._client = client
        self._key_arn = key_arn

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Mapping[str, str]) -> dict[str, Any]:  # noqa: N803 - boto3's own names; the key is fixed
        if not is_bundle(CiphertextBlob):
            return self._decrypt(CiphertextBlob, EncryptionContext)
        bundle = Bundle.parse(CiphertextBlob)
        wrap = next((wrap for wrap in bundle.wraps if wrap.key_arn == self._key_arn), None)
        if wrap is None:
            raise LookupError(f"the bundle has no wrap under {self._key_arn}")
        answer = self._decrypt(wrap.blob, EncryptionContext)
        bundle.verify(answer["Plaintext"], EncryptionContext)
        return answer

    def _decrypt(self, blob: bytes, context: Mapping[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.decrypt(
            KeyId=self._key_arn, CiphertextBlob=blob, EncryptionContext=dict(context)
        )
        return answer


def encryption_client(aws: Aws, region: str, kms: Any, key_id: str) -> Any:
    """The stock client; it hooks itself into the S3 client it is given, so each has one of its own."""
    return S3EncryptionClient(aws.new_client("s3", region), S3EncryptionClientConfig(keyring=KmsKeyring(kms, key_id)))


class Opener:
    """Opens what lies in one region with that region's key alone."""

    def __init__(self, aws: Aws, region: str, key_arn: str) -> None:
        self.region = region
        self._aws = aws
        self._kms = OneRegionKms(aws.client("kms", region), key_arn)
        self._stock = encryption_client(aws, region, aws.client("kms", region), key_arn)
        self._own = encryption_client(aws, region, self._kms, key_arn)

    def envelope_opens(self, bucket: str, key: str) -> bool:
        """Whether the data key in the object's metadata comes out of this region's KMS; no body is read."""
        try:
            s3 = self._aws.client("s3", BUCKETS[bucket])
            envelope = Envelope.read(s3.head_object(Bucket=bucket, Key=key)["Metadata"])
            answer = self._kms.decrypt(
                KeyId="", CiphertextBlob=envelope.wrapped_key, EncryptionContext=envelope.context
            )
            envelope.verify(answer["Plaintext"])
        except (ClientError, KmsFailoverError, LookupError):
            return False
        return True

    def opens(self, stored: DrillObject) -> bool:
        return self.envelope_opens(stored.bucket_in(self.region), stored.key)

    def problem(self, stored: DrillObject) -> str | None:
        """Read the whole file from this region and compare; None if it is the same, else what was wrong."""
        client = self._own if stored.drop_in else self._stock
        return compare(client, stored.bucket_in(self.region), stored)


def compare(client: Any, bucket: str, stored: DrillObject) -> str | None:
    try:
        body = client.get_object(Bucket=bucket, Key=stored.key, EncryptionContext=CONTEXT)["Body"].read()
    except Exception as error:  # noqa: BLE001 - whatever keeps a file from being read is what the report is about
        return f"{stored.key}: {type(error).__name__}: {error}"[:300]
    digest = hashlib.sha256(body).hexdigest()
    return None if digest == stored.sha256 else f"{stored.key}: SHA-256 is {digest}, not {stored.sha256}"
