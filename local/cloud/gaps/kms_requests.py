"""What IAM asks about a KMS request: which key it is for, and under which encryption context."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from local.strict_kms.envelope import MAGIC

type Request = Mapping[str, Any]


def key_id_in(ciphertext: str) -> str:
    """The id of the key that made this base64 ciphertext of the strict KMS; empty when it is none of its own."""
    try:
        blob = base64.b64decode(ciphertext or "", validate=True)
    except binascii.Error:
        return ""
    if not blob.startswith(MAGIC) or len(blob) <= len(MAGIC):
        return ""
    start = len(MAGIC) + 1
    return blob[start : start + blob[len(MAGIC)]].decode(errors="replace")


def re_encrypt_checks(request: Request, region: str, account: str) -> Iterator[tuple[str, str]]:
    """ReEncrypt is allowed by two actions of its own, one on each key [AWS docs: kms-api-permissions-reference]."""
    source = request.get("SourceKeyId") or key_id_in(request.get("CiphertextBlob", ""))
    for action, key in (("kms:ReEncryptFrom", source), ("kms:ReEncryptTo", request.get("DestinationKeyId", ""))):
        yield action, key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"


def condition_keys(request: Request) -> dict[str, str | list[str]]:
    """kms:EncryptionContext:<key> for each pair, and kms:EncryptionContextKeys, as IAM conditions see them."""
    context = request.get("EncryptionContext")
    if not isinstance(context, dict) or not context:
        return {}
    pairs = {f"kms:EncryptionContext:{key}": str(value) for key, value in context.items()}
    return {**pairs, "kms:EncryptionContextKeys": list(context)}
