"""DryRun: tells whether a call would have succeeded, and never makes it."""

from functools import partial
from typing import Any

import pytest

from .behaviour import behaviour
from .world import World, id_of

WOULD_SUCCEED = "DryRunOperationException"


def symmetric_call(world: World, name: str, key: str) -> Any:
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    account = key.split(":")[4]
    return {
        "Encrypt": partial(world.here.encrypt, KeyId=key, Plaintext=b"x"),
        "Decrypt": partial(world.here.decrypt, CiphertextBlob=blob),
        "GenerateDataKey": partial(world.here.generate_data_key, KeyId=key, KeySpec="AES_256"),
        "GenerateDataKeyWithoutPlaintext": partial(
            world.here.generate_data_key_without_plaintext, KeyId=key, KeySpec="AES_256"
        ),
        "ReEncrypt": partial(world.here.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key),
        "CreateGrant": partial(
            world.here.create_grant,
            KeyId=key,
            GranteePrincipal=f"arn:aws:iam::{account}:root",
            Operations=["Decrypt"],
        ),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "CreateGrant"],
)
@behaviour("guide: testing-permissions", "facts 2.3")
def test_a_dry_run_says_that_the_call_would_have_succeeded(world: World, name: str) -> None:
    call = symmetric_call(world, name, world.key())

    world.refused(WOULD_SUCCEED, call, DryRun=True)


@pytest.mark.parametrize(
    "name",
    ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "CreateGrant"],
)
@behaviour("guide: testing-permissions", "facts 1.8", assumed="that the key's state goes before the dry run")
def test_a_dry_run_is_refused_where_the_call_would_be(world: World, name: str) -> None:
    key = world.key()
    call = symmetric_call(world, name, key)
    world.here.disable_key(KeyId=id_of(key))

    world.refused("DisabledException", call, DryRun=True)


@behaviour("guide: testing-permissions", "facts 2.3")
def test_a_dry_run_makes_no_grant(world: World) -> None:
    key = world.key()
    world.refused(WOULD_SUCCEED, symmetric_call(world, "CreateGrant", key), DryRun=True)

    assert world.here.list_grants(KeyId=key)["Grants"] == []


@behaviour("guide: testing-permissions", "facts 2.3")
def test_a_dry_run_of_a_mac_says_that_it_would_have_been_made(world: World) -> None:
    key = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")

    world.refused(
        WOULD_SUCCEED,
        world.here.generate_mac,
        KeyId=key,
        Message=b"m",
        MacAlgorithm="HMAC_SHA_256",
        DryRun=True,
    )


@behaviour("guide: testing-permissions", "facts 2.3")
def test_a_dry_run_of_a_signature_says_that_it_would_have_been_made(world: World) -> None:
    key = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")

    world.refused(
        WOULD_SUCCEED, world.here.sign, KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256", DryRun=True
    )


@behaviour("kms:Decrypt", "facts 2.3", assumed="that the ciphertext is opened before the dry run ends")
def test_a_dry_run_opens_with_the_wrong_context_no_better(world: World) -> None:
    blob = world.here.encrypt(KeyId=world.key(), Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]

    world.refused("InvalidCiphertextException", world.here.decrypt, CiphertextBlob=blob, DryRun=True)


@behaviour("kms:Decrypt", "facts 2.3")
def test_a_dry_run_of_decrypt_needs_no_ciphertext_when_told_to_ignore_it(world: World) -> None:
    key = world.key()

    world.refused(WOULD_SUCCEED, world.here.decrypt, KeyId=key, DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"])
