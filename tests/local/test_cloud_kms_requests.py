"""What IAM is asked about a KMS request."""

import base64

import pytest

from local.cloud.gaps.kms_requests import condition_keys, key_id_in, re_encrypt_checks
from local.strict_kms.envelope import encrypt

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:us-east-1:111122223333:key/{KEY}"


def ciphertext() -> str:
    blob = encrypt(
        b"x", key_id=KEY, scope=ARN, material_id="00" * 32, secret=bytes(32), context={}, seal=b"seal of a test"
    )
    return base64.b64encode(blob).decode()


def test_the_key_is_read_from_the_ciphertext() -> None:
    assert key_id_in(ciphertext()) == KEY


@pytest.mark.parametrize("foreign", ["", "?", "AAAA", base64.b64encode(b"sKMS\x01").decode()])
def test_a_foreign_ciphertext_names_no_key(foreign: str) -> None:
    assert key_id_in(foreign) == ""


def test_re_encrypt_asks_for_both_keys() -> None:
    request = {"CiphertextBlob": ciphertext(), "DestinationKeyId": "arn:aws:kms:us-east-1:111122223333:key/other"}

    checks = list(re_encrypt_checks(request, "us-east-1", "111122223333"))

    assert checks == [("kms:ReEncryptFrom", ARN), ("kms:ReEncryptTo", request["DestinationKeyId"])]


def test_conditions_see_the_encryption_context() -> None:
    keys = condition_keys({"EncryptionContext": {"purpose": "orders"}})

    assert keys == {"kms:EncryptionContext:purpose": "orders", "kms:EncryptionContextKeys": ["purpose"]}


@pytest.mark.parametrize("request_", [{}, {"EncryptionContext": {}}, {"EncryptionContext": "orders"}])
def test_without_a_context_there_are_no_conditions(request_: dict[str, object]) -> None:
    assert condition_keys(request_) == {}
