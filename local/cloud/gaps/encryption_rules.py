"""What S3 says about the encryption of an object, apart from where ministack keeps it. Facts 5.1 and 5.3."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

SSE = "x-amz-server-side-encryption"
SSE_KEY = f"{SSE}-aws-kms-key-id"
SSE_BUCKET_KEY = f"{SSE}-bucket-key-enabled"
SSE_CUSTOMER = f"{SSE}-customer-algorithm"
DUAL_LAYER = "aws:kms:dsse"
UPDATABLE = ("AES256", "aws:kms")
KMS = ("aws:kms", DUAL_LAYER)
KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):key/[A-Za-z0-9-]+")

type Headers = Mapping[str, str]


class RefusedError(Exception):
    """S3's refusal: its code, its message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def updated_encryption(present: Headers, body: bytes, *, region: str, is_locked: bool) -> dict[str, str]:
    """The object's headers after UpdateObjectEncryption with this body, in a bucket of `region`.

    Raises RefusedError. An object without any encryption is older than January 2023, and refused.
    """
    wanted = _wanted(body, region)
    if SSE_CUSTOMER in present or present.get(SSE) not in UPDATABLE:
        raise RefusedError("InvalidRequest", "Only objects under SSE-S3 or SSE-KMS can be updated.")
    if is_locked:
        raise RefusedError("AccessDenied", "Access Denied because object protected by object lock.", 403)
    return {name: value for name, value in present.items() if not name.startswith(SSE)} | wanted


def _wanted(body: bytes, region: str) -> dict[str, str]:
    try:
        root = ET.fromstring(body)  # noqa: S314 - from our own clients, on loopback
    except ET.ParseError as error:
        raise RefusedError("MalformedXML", "The XML you provided was not well-formed.") from error
    named = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
    arn = KEY_ARN.fullmatch(named.get("KMSKeyArn", ""))
    if "SSE-KMS" not in named or arn is None:
        raise RefusedError("InvalidRequest", "ObjectEncryption needs SSE-KMS with the full ARN of a key.")
    if arn["region"] != region:
        raise RefusedError("InvalidRequest", f"The key is in {arn['region']}, the bucket in {region}.")
    bucket_key = {SSE_BUCKET_KEY: "true"} if named.get("BucketKeyEnabled") == "true" else {}
    return {SSE: "aws:kms", SSE_KEY: arn.group(), **bucket_key}


def is_replicated(stored: Headers, rule: Mapping[str, Any]) -> bool:
    criteria = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    return stored.get(SSE) not in KMS or criteria.get("Status") == "Enabled"


def replica_encryption(stored: Headers, destination: Mapping[str, Any]) -> dict[str, str]:
    """The replica's headers: the same kind of encryption, under the rule's key, which is in the replica's region."""
    key = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    return {**stored, SSE_KEY: key} if stored.get(SSE) in KMS and key else dict(stored)
