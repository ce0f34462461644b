"""Properties of ciphertexts, over bytes and contexts of every kind; single behaviours are conformance cases."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.strict_kms import mock_strict_kms

from .direct import RefusedError, call

EAST = "us-east-1"
contexts = st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=4)


@pytest.fixture
def key() -> Iterator[str]:
    with mock_strict_kms():
        yield call(EAST, "CreateKey")["KeyMetadata"]["KeyId"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), change=st.integers(min_value=1, max_value=255))
def test_a_blob_with_any_byte_changed_does_not_open(key: str, place: int, change: int) -> None:
    blob = bytearray(call(EAST, "Encrypt", KeyId=key, Plaintext=b"secret")["CiphertextBlob"])

    blob[place % len(blob)] ^= change

    with pytest.raises(RefusedError, match="InvalidCiphertextException"):
        call(EAST, "Decrypt", CiphertextBlob=bytes(blob))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plaintext=st.binary(min_size=1, max_size=4096), context=contexts)
def test_every_plaintext_comes_back_under_every_context(key: str, plaintext: bytes, context: dict[str, str]) -> None:
    blob = call(EAST, "Encrypt", KeyId=key, Plaintext=plaintext, EncryptionContext=context)["CiphertextBlob"]

    assert call(EAST, "Decrypt", CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == plaintext


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(context=contexts, other=contexts)
def test_no_other_context_opens(key: str, context: dict[str, str], other: dict[str, str]) -> None:
    blob = call(EAST, "Encrypt", KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]

    if other == context:
        assert call(EAST, "Decrypt", CiphertextBlob=blob, EncryptionContext=other)["Plaintext"] == b"x"
    else:
        with pytest.raises(RefusedError, match="InvalidCiphertextException"):
            call(EAST, "Decrypt", CiphertextBlob=blob, EncryptionContext=other)
