"""What the strict KMS offers beside the API of KMS: a clock, events, quotas, latency, a ledger."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from moto.kms.models import KmsBackend, kms_backends

from local.strict_kms import (
    Installation,
    SettableClock,
    aws_rate,
    import_material,
    install,
    mock_strict_kms,
    settle_all,
)
from local.strict_kms.owner import wrap
from local.strict_kms.quotas import Limiter, overridden, unlimited

from .direct import call, message, new_key, refusal, state

EAST, WEST = "us-east-1", "us-west-2"
MATERIAL = bytes(range(32))
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
EXPIRATION = "KMS Imported Key Material Expiration"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def kms(clock: SettableClock) -> Iterator[Installation]:
    with mock_strict_kms(clock=clock) as installation:
        yield installation


@pytest.fixture
def east(kms: Installation) -> Any:
    return boto3.client("kms", region_name=EAST)


# --- time and events --------------------------------------------------------------------------------------------


def test_an_expiry_is_told_once_and_without_a_call(kms: Installation, east: Any, clock: SettableClock) -> None:
    key = new_key(Origin="EXTERNAL")
    import_material(east, key, MATERIAL, ValidTo=clock.now + DAY)

    clock.advance(DAY)
    settle_all()
    settle_all()

    assert [event["detail-type"] for event in kms.events].count(EXPIRATION) == 1


def test_a_naive_clock_is_refused(clock: SettableClock) -> None:
    with mock_strict_kms(clock=lambda: clock.now.replace(tzinfo=None)), pytest.raises(ValueError, match="aware"):
        new_key()


def test_events_reach_the_rules_of_motos_eventbridge(kms: Installation, east: Any, clock: SettableClock) -> None:
    queues, rules = boto3.client("sqs", region_name=EAST), boto3.client("events", region_name=EAST)
    url = queues.create_queue(QueueName="expiries")["QueueUrl"]
    rules.put_rule(Name="expiries", EventPattern=json.dumps({"source": ["aws.kms"], "detail-type": [EXPIRATION]}))
    rules.put_targets(Rule="expiries", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{EAST}:123456789012:expiries"}])
    key = new_key(Origin="EXTERNAL")
    material_id = import_material(east, key, MATERIAL, ValidTo=clock.now + DAY)

    clock.advance(DAY)
    settle_all()

    (message,) = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail"] == {"key-id": key, "key-material-id": material_id}
    assert event["time"] == "2026-01-02T00:00:00Z"


def test_a_rule_that_is_disabled_or_broken_holds_nothing_up(
    kms: Installation, east: Any, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    rules: Any = boto3.client("events", region_name=EAST)
    for name, rule_state in (("off", "DISABLED"), ("broken", "ENABLED")):
        rules.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.kms"]}), State=rule_state)
        rules.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{EAST}:123456789012:nowhere"}])
    key = new_key(Origin="EXTERNAL")

    import_material(east, key, MATERIAL)

    assert state(EAST, key) == "Enabled"
    assert "rule broken did not get" in caplog.text
    assert "rule off" not in caplog.text


def test_the_trail_of_an_import_holds_neither_token_nor_material(kms: Installation) -> None:
    key = new_key(Origin="EXTERNAL")
    asked = {"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    answer = call(EAST, "GetParametersForImport", **asked)
    blob = wrap(answer["PublicKey"], "RSAES_OAEP_SHA_256", MATERIAL)

    call(
        EAST,
        "ImportKeyMaterial",
        KeyId=key,
        ImportToken=answer["ImportToken"],
        EncryptedKeyMaterial=blob,
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )

    told = json.dumps(kms.events)
    assert [e["detail"]["eventName"] for e in kms.events] == ["GetParametersForImport", "ImportKeyMaterial"]
    for secret in (answer["ImportToken"], answer["PublicKey"], blob, MATERIAL):
        assert b64encode(secret).decode() not in told


def test_calls_that_are_refused_or_only_read_are_not_in_the_trail(kms: Installation) -> None:
    key = new_key(Origin="EXTERNAL")

    refusal(EAST, "DisableKey", KeyId=key)
    call(EAST, "DescribeKey", KeyId=key)

    assert kms.events == []


# --- quotas and latency -----------------------------------------------------------------------------------------


def test_the_shared_quota_counts_all_symmetric_calls_of_a_region_together(clock: SettableClock) -> None:
    rates = overridden(unlimited, {(EAST, "symmetric"): 3.0})
    with mock_strict_kms(clock=clock, quotas=rates):
        key = new_key()
        blob = call(EAST, "Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        call(EAST, "Decrypt", CiphertextBlob=blob)
        call(EAST, "GenerateDataKey", KeyId=key, KeySpec="AES_256")

        assert refusal(EAST, "Encrypt", KeyId=key, Plaintext=b"x") == "ThrottlingException"
        call(WEST, "GenerateRandom", NumberOfBytes=1)
        call(EAST, "DescribeKey", KeyId=key)


def test_a_quota_is_there_again_after_a_second(clock: SettableClock) -> None:
    with mock_strict_kms(clock=clock, quotas=overridden(unlimited, {(None, "symmetric"): 2.0})):
        for _ in range(2):
            call(EAST, "GenerateRandom", NumberOfBytes=1)
        assert refusal(EAST, "GenerateRandom", NumberOfBytes=1) == "ThrottlingException"

        clock.advance(SECOND / 2)
        call(EAST, "GenerateRandom", NumberOfBytes=1)

        assert refusal(EAST, "GenerateRandom", NumberOfBytes=1) == "ThrottlingException"


@pytest.mark.parametrize(
    ("region", "quota", "rate"),
    [
        (EAST, "symmetric", 100_000),
        ("us-east-2", "symmetric", 20_000),
        ("eu-north-1", "symmetric", 10_000),
        (EAST, "GetParametersForImport", 1),
        (EAST, "ImportKeyMaterial", 15),
        (EAST, "CreateKey", None),
    ],
)
def test_awss_quotas_are_those_of_the_facts(region: str, quota: str, rate: float | None) -> None:  # facts 1.1, 2.4
    assert aws_rate(region, quota) == rate


def test_a_clock_that_goes_back_gives_no_tokens(clock: SettableClock) -> None:
    limiter = Limiter(lambda _region, _quota: 1.0)
    assert limiter.take("123456789012", EAST, "Encrypt", clock.now)

    assert not limiter.take("123456789012", EAST, "Encrypt", clock.now - DAY)
    assert not limiter.take("123456789012", EAST, "Encrypt", clock.now + SECOND / 2)


def test_a_call_takes_at_least_the_latency_of_its_region(clock: SettableClock) -> None:
    slept: list[float] = []
    installation = Installation(clock=clock, latency=lambda r: 0.02 if r == WEST else 0.0, sleep=slept.append)
    uninstall = install(installation)
    try:
        call(EAST, "GenerateRandom", NumberOfBytes=1)
        call(WEST, "GenerateRandom", NumberOfBytes=1)
    finally:
        uninstall()

    assert slept == [0.02]


def test_a_private_key_is_forgotten_with_its_material(kms: Installation, east: Any) -> None:
    key = new_key(Origin="EXTERNAL", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    pair = ec.generate_private_key(ec.SECP256R1())
    der = pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    import_material(east, key, der, algorithm="RSA_AES_KEY_WRAP_SHA_256")
    stored: Any = kms_backends["123456789012"][EAST].keys[key]
    held = stored.private_key.public_key()

    call(EAST, "DeleteImportedKeyMaterial", KeyId=key)

    assert held == pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert stored.private_key.public_key() != held


# --- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("Encrypt", {"Plaintext": b"x", "EncryptionContext": {"a": "\ud800"}}, "SerializationException"),
        ("Encrypt", {"Plaintext": b"x", "EncryptionContext": {"\ud800": "a"}}, "SerializationException"),
        ("Encrypt", {"Plaintext": b"x", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, "InvalidKeyUsageException"),
        ("PutKeyPolicy", {"Policy": "[]"}, "MalformedPolicyDocumentException"),
        ("PutKeyPolicy", {"Policy": '{"Statement": 5}'}, "MalformedPolicyDocumentException"),
        ("PutKeyPolicy", {"Policy": '{"Statement": [{"Effect": "Deny"}]}'}, "MalformedPolicyDocumentException"),
        ("RetireGrant", {}, "ValidationException"),
        ("RetireGrant", {"GrantToken": "unknown", "DryRun": True}, "InvalidGrantTokenException"),
        ("RevokeGrant", {"GrantId": "unknown", "DryRun": True}, "NotFoundException"),
    ],
)
def test_bad_input_is_refused_and_the_key_lives(
    kms: Installation, operation: str, arguments: dict[str, Any], code: str
) -> None:
    key = new_key()

    assert refusal(EAST, operation, KeyId=key, **arguments) == code
    assert state(EAST, key) == "Enabled"


@pytest.mark.parametrize("operation", ["DeriveSharedSecret", "GenerateDataKeyPair"])
def test_a_call_that_is_not_offered_is_refused_by_name(kms: Installation, operation: str) -> None:
    arguments = {"KeyPairSpec": "RSA_2048", "KeyAgreementAlgorithm": "ECDH", "PublicKey": b"public"}

    assert refusal(EAST, operation, KeyId=new_key(), **arguments) == "UnknownOperationException"


def test_a_grant_token_is_not_quoted(kms: Installation) -> None:
    token = "t" * 8193

    said = message(EAST, "Encrypt", KeyId=new_key(), Plaintext=b"x", GrantTokens=[token])

    assert "Value at 'grantTokens.1.member'" in said
    assert token not in said


def test_the_name_of_the_policy_may_be_left_out(kms: Installation) -> None:  # botocore kms:PutKeyPolicy
    key = new_key()
    policy = call(EAST, "GetKeyPolicy", KeyId=key)["Policy"]

    call(EAST, "PutKeyPolicy", KeyId=key, Policy=policy)

    assert call(EAST, "GetKeyPolicy", KeyId=key)["Policy"] == policy


def test_what_only_ml_dsa_keys_sign_is_refused(kms: Installation) -> None:
    key = new_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    asked = {"KeyId": key, "Message": b64encode(bytes(64)).decode(), "SigningAlgorithm": "ECDSA_SHA_256"}

    assert refusal(EAST, "Sign", **asked, MessageType="EXTERNAL_MU") == "UnsupportedOperationException"


@pytest.mark.parametrize(
    "options",
    [
        {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
        {"CustomKeyStoreId": "c"},
    ],
)
def test_keys_that_could_not_be_used_are_not_made(kms: Installation, options: dict[str, str]) -> None:
    assert refusal(EAST, "CreateKey", **options) == "UnsupportedOperationException"


def test_one_account_does_not_use_up_anothers_quota(clock: SettableClock) -> None:  # facts 2.4
    limiter = Limiter(lambda _region, _quota: 1.0)

    assert limiter.take("111111111111", EAST, "Encrypt", clock.now)
    assert limiter.take("222222222222", EAST, "Encrypt", clock.now)


# --- what is left behind ----------------------------------------------------------------------------------------


def test_calls_are_counted_by_region_operation_and_outcome(kms: Installation) -> None:
    key = new_key(Origin="EXTERNAL")

    refusal(EAST, "Encrypt", KeyId=key, Plaintext=b"x")

    assert kms.calls.snapshot()[EAST] == {
        "CreateKey": {"succeeded": 1, "failed": {}},
        "Encrypt": {"succeeded": 0, "failed": {"KMSInvalidStateException": 1}},
    }
    assert (kms.calls.total, kms.calls.succeeded("CreateKey"), kms.calls.succeeded("Encrypt")) == (2, 1, 0)


def test_moto_is_as_it_was_after_the_block() -> None:
    with mock_strict_kms():
        new_key()

    assert (kms_backends.backend, dict(kms_backends)) == (KmsBackend, {})


def test_secrets_show_in_no_repr(kms: Installation, east: Any) -> None:
    key = new_key(Origin="EXTERNAL")
    import_material(east, key, MATERIAL)
    stored: Any = kms_backends["123456789012"][EAST].keys[key]

    shown = repr((kms, stored, vars(stored), list(stored.materials)))

    for secret in (MATERIAL, kms.seal, kms.tokens.secret):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown


def test_a_mac_keys_material_shows_in_no_repr(kms: Installation, east: Any) -> None:
    key = new_key(Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    import_material(east, key, MATERIAL)
    stored: Any = kms_backends["123456789012"][EAST].keys[key]

    assert repr(MATERIAL)[2:-1] not in repr((stored, list(stored.materials)))
