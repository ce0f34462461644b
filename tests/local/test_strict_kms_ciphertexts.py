"""What opens what: ciphertexts of the strict KMS, in process."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.strict_kms import import_material, mock_strict_kms

EAST, WEST = "us-east-1", "us-west-2"
MATERIAL = bytes(range(32))
CONTEXT = {"tenant": "orders"}


@pytest.fixture
def east() -> Iterator[Any]:
    with mock_strict_kms():
        yield boto3.client("kms", region_name=EAST)


@pytest.fixture
def west(east: Any) -> Any:
    return boto3.client("kms", region_name=WEST)


def refusal(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def new_key(client: Any, **options: Any) -> str:
    return str(client.create_key(**options)["KeyMetadata"]["Arn"])


def external_key(client: Any, material: bytes = MATERIAL, **options: Any) -> str:
    arn = new_key(client, Origin="EXTERNAL", **options)
    import_material(client, arn, material)
    return arn


def test_what_a_data_key_call_returns_opens_again_with_the_same_context(east: Any) -> None:
    key = new_key(east)

    made = east.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    opened = east.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)

    assert opened["Plaintext"] == made["Plaintext"]
    assert len(made["Plaintext"]) == 32
    assert (opened["KeyId"], opened["KeyMaterialId"]) == (key, made["KeyMaterialId"])


def test_data_key_without_plaintext_carries_none_and_opens(east: Any) -> None:
    made = east.generate_data_key_without_plaintext(KeyId=new_key(east), NumberOfBytes=17)

    assert "Plaintext" not in made
    assert len(east.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 17


def test_another_region_denies_access_to_a_ciphertext(east: Any, west: Any) -> None:  # facts 2.2
    blob = east.encrypt(KeyId=new_key(east), Plaintext=b"x")["CiphertextBlob"]
    here = new_key(west)

    assert refusal(west.decrypt, CiphertextBlob=blob) == ("AccessDeniedException", 400)
    assert refusal(west.re_encrypt, CiphertextBlob=blob, DestinationKeyId=here) == ("AccessDeniedException", 400)


def test_a_key_arn_of_another_region_is_not_found(east: Any, west: Any) -> None:  # facts 2.2
    primary = new_key(east, MultiRegion=True)
    east.replicate_key(KeyId=primary, ReplicaRegion=WEST)

    assert refusal(west.encrypt, KeyId=primary, Plaintext=b"x") == ("NotFoundException", 404)
    assert refusal(west.describe_key, KeyId=primary) == ("NotFoundException", 404)


def test_a_wrongly_named_key_is_incorrect(east: Any) -> None:
    blob = east.encrypt(KeyId=new_key(east), Plaintext=b"x")["CiphertextBlob"]
    other = new_key(east)

    assert refusal(east.decrypt, CiphertextBlob=blob, KeyId=other)[0] == "IncorrectKeyException"
    answer = refusal(east.re_encrypt, CiphertextBlob=blob, SourceKeyId=other, DestinationKeyId=other)
    assert answer[0] == "IncorrectKeyException"


@pytest.mark.parametrize("context", [{}, {"tenant": "Orders"}, {"tenanto": "rders"}, {**CONTEXT, "more": "x"}])
def test_any_other_encryption_context_does_not_open(east: Any, context: dict[str, str]) -> None:  # facts 2.3
    blob = east.encrypt(KeyId=new_key(east), Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]

    assert refusal(east.decrypt, CiphertextBlob=blob, EncryptionContext=context)[0] == "InvalidCiphertextException"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), change=st.integers(min_value=1, max_value=255))
def test_a_blob_with_any_byte_changed_does_not_open(east: Any, place: int, change: int) -> None:
    blob = bytearray(east.encrypt(KeyId=new_key(east), Plaintext=b"secret")["CiphertextBlob"])

    blob[place % len(blob)] ^= change

    assert refusal(east.decrypt, CiphertextBlob=bytes(blob))[0] == "InvalidCiphertextException"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plaintext=st.binary(min_size=1, max_size=4096), context=st.dictionaries(st.text(), st.text(), max_size=4))
def test_every_plaintext_comes_back_under_every_context(east: Any, plaintext: bytes, context: dict[str, str]) -> None:
    blob = east.encrypt(KeyId=new_key(east), Plaintext=plaintext, EncryptionContext=context)["CiphertextBlob"]

    assert east.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == plaintext


def test_unrelated_keys_with_the_same_bytes_do_not_open_each_others_ciphertexts(east: Any, west: Any) -> None:
    first, second, remote = external_key(east), external_key(east), external_key(west)  # facts 1.6

    blob = east.encrypt(KeyId=first, Plaintext=b"x")["CiphertextBlob"]

    assert refusal(east.decrypt, CiphertextBlob=blob, KeyId=second)[0] == "IncorrectKeyException"
    assert refusal(west.decrypt, CiphertextBlob=blob, KeyId=remote)[0] == "IncorrectKeyException"
    assert refusal(west.decrypt, CiphertextBlob=blob)[0] == "AccessDeniedException"


@pytest.mark.parametrize("origin", ["AWS_KMS", "EXTERNAL"])
def test_related_multi_region_keys_open_each_others_ciphertexts(east: Any, west: Any, origin: str) -> None:
    material = os.urandom(32)
    primary = new_key(east, MultiRegion=True, Origin=origin)
    if origin == "EXTERNAL":
        import_material(east, primary, material)
    replica = east.replicate_key(KeyId=primary, ReplicaRegion=WEST)["ReplicaKeyMetadata"]["Arn"]
    if origin == "EXTERNAL":
        import_material(west, replica, material)

    from_east = east.encrypt(KeyId=primary, Plaintext=b"e")["CiphertextBlob"]
    from_west = west.encrypt(KeyId=replica, Plaintext=b"w")["CiphertextBlob"]

    assert west.decrypt(CiphertextBlob=from_east, KeyId=replica)["KeyId"] == replica
    assert east.decrypt(CiphertextBlob=from_west)["Plaintext"] == b"w"


def test_re_encrypt_moves_a_ciphertext_to_another_key_and_context(east: Any) -> None:
    source, destination = new_key(east), new_key(east)
    blob = east.encrypt(KeyId=source, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]

    moved = east.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, SourceKeyId=source, DestinationKeyId=destination
    )

    assert (moved["SourceKeyId"], moved["KeyId"]) == (source, destination)
    assert east.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=destination)["Plaintext"] == b"x"


def test_dry_run_says_so_only_where_the_call_would_have_succeeded(east: Any) -> None:  # facts 2.3
    key = new_key(east)
    blob = east.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    would_succeed = ("DryRunOperationException", 412)

    assert refusal(east.encrypt, KeyId=key, Plaintext=b"x", DryRun=True) == would_succeed
    assert refusal(east.decrypt, CiphertextBlob=blob, DryRun=True) == would_succeed
    assert refusal(east.generate_data_key, KeyId=key, KeySpec="AES_256", DryRun=True) == would_succeed
    assert refusal(east.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key, DryRun=True) == would_succeed
    east.disable_key(KeyId=key)
    assert refusal(east.encrypt, KeyId=key, Plaintext=b"x", DryRun=True) == ("DisabledException", 409)


def test_old_ciphertexts_open_after_rotation(east: Any) -> None:
    key = new_key(east)
    before = east.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    east.rotate_key_on_demand(KeyId=key)

    after = east.encrypt(KeyId=key, Plaintext=b"y")["CiphertextBlob"]
    old, new = east.decrypt(CiphertextBlob=before), east.decrypt(CiphertextBlob=after)
    assert (old["Plaintext"], new["Plaintext"]) == (b"x", b"y")
    assert old["KeyMaterialId"] != new["KeyMaterialId"]


def test_an_alias_leads_to_its_key_and_an_unknown_one_nowhere(east: Any) -> None:
    key = new_key(east)
    east.create_alias(AliasName="alias/orders", TargetKeyId=key)

    assert east.encrypt(KeyId="alias/orders", Plaintext=b"x")["KeyId"] == key
    assert refusal(east.encrypt, KeyId="alias/unknown", Plaintext=b"x") == ("NotFoundException", 404)
