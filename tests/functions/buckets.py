"""A bucket of the key set "orders" in moto, with objects as the stock client writes them."""

import base64
import json
from typing import Any

import boto3

from kms_failover.domain.key_set import Bucket
from kms_failover.domain.objects.s3_envelope import envelope_commitment
from tests.domain.strategies import EAST, WEST
from tests.functions.lambdas import Stack

BUCKET = "bucket"  # as the samples of the ledger's models name it
CONTEXT = {"aws:x-amz-cek-alg": "115"}
MESSAGE_ID = bytes(28)


def envelope(made: Any) -> dict[str, str]:
    """What the S3 Encryption Client keeps beside an object, of a data key as KMS answers it."""
    return {
        "x-amz-c": "115",
        "x-amz-w": "12",
        "x-amz-3": base64.b64encode(made["CiphertextBlob"]).decode(),
        "x-amz-d": base64.b64encode(envelope_commitment(made["Plaintext"], MESSAGE_ID)).decode(),
        "x-amz-i": base64.b64encode(MESSAGE_ID).decode(),
        "x-amz-t": json.dumps(CONTEXT),
    }


class Objects:
    def __init__(self, prod: Stack) -> None:
        self._prod = prod
        self._s3: Any = boto3.client("s3", region_name=WEST)
        here: Any = {"LocationConstraint": WEST}
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=here)
        prod.key_set = prod.key_set.but(buckets=(Bucket(name=BUCKET, region=WEST),))
        prod.state.put_key_set(prod.key_set)

    def put(self, *keys: str, region: str = EAST) -> None:
        """Each opens with that region's key alone."""
        made = self._prod.kms[region].generate_data_key(
            KeyId=self._prod.arns[region], KeySpec="AES_256", EncryptionContext=CONTEXT
        )
        for key in keys:
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=b"sealed", Metadata=envelope(made))

    def opens_here(self, key: str) -> bool:
        blob = base64.b64decode(self._s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]["x-amz-3"])
        here = self._prod.arns[WEST]
        try:
            self._prod.kms[WEST].decrypt(KeyId=here, CiphertextBlob=blob, EncryptionContext=CONTEXT)
        except self._prod.kms[WEST].exceptions.ClientError:
            return False
        return True
