"""The S3 Encryption Client's envelope: what is read, what is refused, and the commitment of its specification."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.objects.s3_envelope import Envelope, Version, envelope_commitment
from kms_failover.errors import CommitmentError, ObjectFormatError
from tests.domain.objects.rewrap_world import CONTEXT, DATA_KEY, THERE, blob_under, v2, v3

# Written by the stock amazon-s3-encryption-client-python 4.0.0, with EncryptionContext={"tenant": "a"}
STOCK_V3 = {
    "mine": "1",
    "x-amz-c": "115",
    "x-amz-3": "c0tNUwEkOTAxNmY1YWUtZjU3Ni00YTgwLWE3NGUtYjkzMjQxNmFhOGU4WpZ/dMG6MovMjlfArBs16MFRNXjhH24zlH6rYqgL4oGy2"
    "/VeKqUFbXe5qViV2j8Nnytt/7Rg+iNIiENqvKnKqpwssDiigJjDvHVPiuBaznVIrNWCJwos/GTjTjKIaja+1IZpZsB7XQpAs8CS",
    "x-amz-t": '{"tenant": "a", "aws:x-amz-cek-alg": "115"}',
    "x-amz-w": "12",
    "x-amz-d": "5TqrgTTtcTqAJ2HevlHWFstWz/Pg+CraXTcHiQ==",
    "x-amz-i": "6xv8rtEPAJOoDcbqp9/eOiCmjPZr5/dxS4PMYA==",
}
STOCK_V3_DATA_KEY = bytes.fromhex("7dbdb749810c11451af1ba7a26d8c233969a3ed490f979a72bea902eec4b3e90")


def test_the_commitment_is_the_stock_clients() -> None:
    """S3EC specification, key-derivation.md#hkdf-operation; the value is from the stock client's `derive_keys`."""
    derived = envelope_commitment(bytes(range(32)), bytes(range(100, 128)))

    assert derived.hex() == "2d59a480d136f5982791c93a93d760ceade5011ccf465dbfc303c597"


def test_an_object_of_the_stock_client_is_read_and_commits_to_its_data_key() -> None:
    envelope = Envelope.read(STOCK_V3)

    envelope.verify(STOCK_V3_DATA_KEY)
    assert envelope.version is Version.V3
    assert envelope.context == {"tenant": "a", "aws:x-amz-cek-alg": "115"}


@given(st.binary(min_size=32, max_size=32).filter(lambda key: key != STOCK_V3_DATA_KEY))
def test_no_other_data_key_passes_the_commitment(data_key: bytes) -> None:
    with pytest.raises(CommitmentError):
        Envelope.read(STOCK_V3).verify(data_key)


@pytest.mark.parametrize("metadata", [v3(blob_under(THERE)), v2(blob_under(THERE))])
@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_data_key_of_another_length_never_passes(metadata: dict[str, str], size: int) -> None:
    with pytest.raises(CommitmentError):
        Envelope.read(metadata).verify(bytes(size))


@given(st.binary(min_size=1, max_size=600), st.sampled_from([v3, v2]))
def test_swapping_the_wrapped_key_changes_nothing_else(wrapped_key: bytes, form: object) -> None:
    metadata = v3(blob_under(THERE)) if form is v3 else v2(blob_under(THERE))
    name = "x-amz-3" if form is v3 else "x-amz-key-v2"

    changed = Envelope.read(metadata).with_wrapped_key(wrapped_key).applied_to(metadata)

    assert changed == metadata | {name: base64.b64encode(wrapped_key).decode()}
    assert Envelope.read(changed).wrapped_key == wrapped_key


@pytest.mark.parametrize(("form", "name"), [(v3, "x-amz-t"), (v2, "x-amz-matdesc")])
@pytest.mark.parametrize("context", [None, "{}", '{"app": "payments"}'])
def test_a_wrap_that_the_s3_encryption_client_did_not_make_is_refused(form: object, name: str, context: str) -> None:
    """Its context always names the content algorithm (facts 6.1): another application's ciphertext is not opened."""
    metadata = v3(blob_under(THERE)) if form is v3 else v2(blob_under(THERE))
    changed = {key: value for key, value in metadata.items() if key != name}

    with pytest.raises(ObjectFormatError, match="aws:x-amz-cek-alg"):
        Envelope.read(changed if context is None else changed | {name: context})


def test_v2_has_its_context_in_the_material_description() -> None:
    envelope = Envelope.read(v2(blob_under(THERE)))

    assert (envelope.version, envelope.context) == (Version.V2, CONTEXT)
    envelope.verify(DATA_KEY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x-amz-c": "116"}, "x-amz-c"),
        ({"x-amz-w": "02"}, "x-amz-w"),
        ({"x-amz-w": "22"}, "x-amz-w"),
        ({"x-amz-3": "not base64!"}, "x-amz-3"),
        ({"x-amz-3": ""}, "x-amz-3"),
        ({"x-amz-d": base64.b64encode(bytes(27)).decode()}, "x-amz-d has 27 bytes"),
        ({"x-amz-i": base64.b64encode(bytes(29)).decode()}, "x-amz-i has 29 bytes"),
        ({"x-amz-t": "{"}, "x-amz-t is not JSON"),
        ({"x-amz-t": "[" * 100_000}, "x-amz-t is not JSON"),
        ({"x-amz-t": '{"a": 1}'}, "x-amz-t is no encryption context"),
        ({"x-amz-t": "[]"}, "x-amz-t is no encryption context"),
        ({"x-amz-key": "AAAA"}, "mixes versions"),
        ({"x-amz-key-v2": "AAAA"}, "mixes versions"),
        ({"x-amz-crypto-instr-file": ""}, "instruction file"),
    ],
)
def test_a_v3_object_with_one_thing_wrong_is_refused_by_name(change: dict[str, str], reason: str) -> None:
    with pytest.raises(ObjectFormatError, match=reason):
        Envelope.read(v3(blob_under(THERE)) | change)


@pytest.mark.parametrize("missing", ["x-amz-c", "x-amz-w", "x-amz-d", "x-amz-i"])
def test_a_v3_object_with_one_thing_missing_is_refused_by_name(missing: str) -> None:
    metadata = v3(blob_under(THERE))
    del metadata[missing]

    with pytest.raises(ObjectFormatError, match=missing):
        Envelope.read(metadata)


@pytest.mark.parametrize(
    "change",
    [{"x-amz-wrap-alg": "kms"}, {"x-amz-wrap-alg": "AES/GCM"}, {"x-amz-cek-alg": "AES/CBC/PKCS5Padding"}],
)
def test_a_v2_object_of_a_legacy_algorithm_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ObjectFormatError):
        Envelope.read(v2(blob_under(THERE)) | change)


def test_a_v2_object_with_v3_content_keys_is_refused() -> None:
    """S3EC decryption: V2 keys beside V3 content keys are how a commitment check would be bypassed."""
    with pytest.raises(ObjectFormatError, match="tampered"):
        Envelope.read(v2(blob_under(THERE)) | {"x-amz-d": "AAAA"})


def test_two_wrapped_keys_of_different_versions_are_refused() -> None:
    with pytest.raises(ObjectFormatError, match="mixes versions"):
        Envelope.read(v2(blob_under(THERE)) | {"x-amz-key": "AAAA"})


def test_a_wrapped_key_in_an_instruction_file_is_refused() -> None:
    metadata = v3(blob_under(THERE))
    del metadata["x-amz-3"]

    with pytest.raises(ObjectFormatError, match="instruction file"):
        Envelope.read(metadata)
