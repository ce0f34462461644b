"""The data_keys function's requests: two ways in, one clear error for everything that is wrong."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.client.data_key_api import OPERATIONS, DataKeyApi, DataKeyRequest
from tests.client.kms_world import World, aws_error, timed_out, unreachable
from tests.domain.strategies import EAST, WEST

GENERATE = {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"}
SECRET = base64.b64encode(b"a caller's own secret").decode()


@pytest.fixture
def api(world: World) -> DataKeyApi:
    return DataKeyApi(world.failover)


def over_url(api: DataKeyApi, body: Any, **event: Any) -> tuple[int, dict[str, Any]]:
    text = body if isinstance(body, str) else json.dumps(body)
    answer = api.answer({"version": "2.0", "requestContext": {"http": {}}, "body": text} | event)
    return answer["statusCode"], json.loads(answer["body"])


def test_each_operation_is_one_of_the_clients(world: World) -> None:
    assert all(callable(getattr(world.failover, method)) for method in OPERATIONS.values())


def test_an_invoke_answers_with_the_response_itself_in_json(api: DataKeyApi) -> None:
    made = api.answer(GENERATE)

    opened = api.answer({"Operation": "Decrypt", "CiphertextBlob": made["CiphertextBlob"]})

    assert len(base64.b64decode(made["Plaintext"])) == 32
    assert opened["Plaintext"] == made["Plaintext"]
    assert json.loads(json.dumps(made)) == made


def test_every_operation_works_over_a_function_url(api: DataKeyApi) -> None:
    _, sealed = over_url(api, {"Operation": "Encrypt", "KeyId": "orders", "Plaintext": SECRET})
    blob = sealed["CiphertextBlob"]

    answers = [
        over_url(api, GENERATE | {"Operation": "GenerateDataKeyWithoutPlaintext"}),
        over_url(api, {"Operation": "Decrypt", "CiphertextBlob": blob, "KeyId": "orders"}),
        over_url(api, {"Operation": "ReEncrypt", "CiphertextBlob": blob, "DestinationKeyId": "orders"}),
        over_url(api, {"Operation": "Rewrap", "CiphertextBlob": blob}),
    ]

    assert [status for status, _ in answers] == [200] * 4
    assert answers[1][1]["Plaintext"] == SECRET


def test_a_body_in_base64_is_read_as_well(api: DataKeyApi) -> None:
    body = base64.b64encode(json.dumps(GENERATE).encode()).decode()

    status, _ = over_url(api, body, isBase64Encoded=True)

    assert status == 200


WRONG: list[Any] = [
    None,
    [],
    "text",
    5,
    {},
    {"Operation": None},
    {"Operation": "ScheduleKeyDeletion"},
    {"Operation": "generate_data_key"},
    {"Operation": "__init__"},
    GENERATE | {"KeyId": 5},
    GENERATE | {"NumberOfBytes": "many"},
    GENERATE | {"NumberOfBytes": "32"},
    GENERATE | {"NumberOfBytes": True},
    GENERATE | {"EncryptionContext": {"a": 1}},
    GENERATE | {"EncryptionContext": "text"},
    GENERATE | {"GrantTokens": ["t"]},
    {"Operation": "Decrypt", "CiphertextBlob": "not Base64!"},
    {"Operation": "Decrypt", "CiphertextBlob": "é"},
    {"Operation": "Decrypt", "CiphertextBlob": 5},
    GENERATE | {"KeyId": "\ud800"},
    GENERATE | {"EncryptionContext": {"\ud800": 1}},
    GENERATE | {"\ud800": 1},
]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_wrong_with_a_request_is_said_once_and_clearly(api: DataKeyApi, wrong: Any) -> None:
    error = api.answer(wrong)["Error"]
    status, body = over_url(api, wrong)

    assert error["Code"] == "ValidationException"
    assert error["Message"]
    assert not error["AnotherRegionMaySucceed"]
    assert (status, body["Error"]["Code"]) == (400, "ValidationException")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Operation": "GenerateDataKey", "KeySpec": "AES_256"}, "ValidationException"),
        ({"Operation": "Decrypt"}, "ValidationException"),
        ({"Operation": "Encrypt", "KeyId": "orders"}, "ValidationException"),
        (GENERATE | {"KeyId": "invoices"}, "NotFoundException"),
        ({"Operation": "Rewrap", "CiphertextBlob": SECRET}, "InvalidCiphertextException"),
        (GENERATE | {"KeySpec": "AES_512"}, "ValidationException"),
        ({"Operation": "Decrypt", "CiphertextBlob": SECRET, "KeySpec": "AES_256"}, "ValidationException"),
    ],
)
def test_what_kms_would_refuse_is_refused_with_its_code(api: DataKeyApi, request_: Any, code: str) -> None:
    status, body = over_url(api, request_)

    assert (status, body["Error"]["Code"]) == (400, code)
    assert not body["Error"]["AnotherRegionMaySucceed"]


@pytest.mark.parametrize(
    "body", ["", "{", "\x00", "[" * 100_000, '{"Operation": "Decrypt", "CiphertextBlob": "\\ud800"}', "NaN"]
)
def test_a_body_that_is_no_request_is_one(api: DataKeyApi, body: str) -> None:
    status, answer = over_url(api, body)

    assert (status, answer["Error"]["Code"]) == (400, "ValidationException")


@pytest.mark.parametrize(("body", "encoded"), [("not Base64!", True), ("/w==", True), (None, False), ({}, False)])
def test_a_body_of_another_kind_is_refused(api: DataKeyApi, body: Any, encoded: bool) -> None:  # noqa: FBT001  # a parameter
    answer = api.answer({"requestContext": {}, "body": body, "isBase64Encoded": encoded})

    assert answer["statusCode"] == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*DataKeyRequest.model_fields]), inner),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(json_values)
def test_any_json_is_answered_and_never_raised(api: DataKeyApi, value: Any) -> None:
    answer = api.answer(value)

    assert json.loads(json.dumps(answer))


@pytest.mark.parametrize(
    ("fault", "status", "elsewhere"),
    [
        (aws_error("KMSInternalException", 500), 503, True),
        (timed_out, 503, True),
        (unreachable, 503, True),
        (aws_error("DisabledException"), 409, True),
        (aws_error("ThrottlingException"), 429, False),
        (aws_error("AccessDeniedException"), 400, False),
    ],
)
def test_each_fault_has_its_status_and_says_whether_to_ask_elsewhere(
    world: World, api: DataKeyApi, monkeypatch: pytest.MonkeyPatch, fault: Any, status: int, *, elsewhere: bool
) -> None:
    monkeypatch.setattr("kms_failover.client.bundler.THROTTLE_BASE_SECONDS", 0.0)
    world.kms[EAST].fails = world.kms[WEST].fails = fault

    answered, body = over_url(api, GENERATE)

    assert answered == status
    assert body["Error"]["AnotherRegionMaySucceed"] is elsewhere


def test_no_error_and_no_repr_shows_a_plaintext(api: DataKeyApi) -> None:
    request = {"Operation": "Encrypt", "KeyId": 5, "Plaintext": SECRET}

    answer = api.answer(request)

    assert SECRET not in json.dumps(answer)
    shown = repr(DataKeyRequest.model_validate(request | {"KeyId": "orders"}))
    assert "secret" not in shown
    assert SECRET not in shown


# For a recipient


@pytest.fixture(scope="module")
def recipient() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def sealed_for(key: Any, **info: Any) -> dict[str, Any]:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    given = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "PublicKey": base64.b64encode(der).decode()}
    return {"Recipient": given | info}


@pytest.mark.parametrize("operation", ["GenerateDataKey", "Decrypt"])
def test_a_recipient_alone_reads_the_plaintext(api: DataKeyApi, recipient: rsa.RSAPrivateKey, operation: str) -> None:
    made = api.answer(GENERATE)
    asked = GENERATE if operation == "GenerateDataKey" else {"CiphertextBlob": made["CiphertextBlob"]}

    answer = api.answer(asked | {"Operation": operation} | sealed_for(recipient))

    read = recipient.decrypt(base64.b64decode(answer["CiphertextForRecipient"]), OAEP(MGF1(SHA256()), SHA256(), None))
    blob = answer.get("CiphertextBlob", made["CiphertextBlob"])
    assert "Plaintext" not in answer
    assert base64.b64decode(api.answer({"Operation": "Decrypt", "CiphertextBlob": blob})["Plaintext"]) == read


@pytest.mark.parametrize(
    ("key", "info", "message"),
    [
        (ec.generate_private_key(ec.SECP256R1()), {}, "must be RSA"),
        (rsa.generate_private_key(65537, 1024), {}, "2048 to 4096"),  # noqa: S505 - what is refused
        (None, {"PublicKey": base64.b64encode(b"no key").decode()}, "no public key"),
        (None, {"PublicKey": "not Base64!"}, "Base64"),
        (None, {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1"}, "KeyEncryptionAlgorithm"),
        (None, {"AttestationDocument": "x"}, "AttestationDocument"),
    ],
    ids=["ecc", "short", "no key", "no base64", "algorithm", "attestation"],
)
def test_a_recipient_that_cannot_be_used_is_refused_before_kms_is_asked(
    world: World, api: DataKeyApi, recipient: rsa.RSAPrivateKey, key: Any, info: dict[str, Any], message: str
) -> None:
    error = api.answer(GENERATE | sealed_for(key or recipient, **info))["Error"]

    assert error["Code"] == "ValidationException"
    assert message in error["Message"]
    assert world.kms[EAST].calls == []


def test_a_recipient_whose_numbers_are_no_key_costs_its_own_answer_alone(world: World, api: DataKeyApi) -> None:
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    even = rsa.RSAPublicNumbers(numbers.e, numbers.n - 1).public_key()
    der = even.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    sealed = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "PublicKey": base64.b64encode(der).decode()}

    answers = api.answer({"Requests": [GENERATE, GENERATE | {"Recipient": sealed}]})["Responses"]

    assert len(answers[0]["Plaintext"]) == 44
    assert answers[1]["Error"]["Code"] == "ValidationException"
    assert "no RSA key" in answers[1]["Error"]["Message"]
    assert len(world.kms[EAST].calls) == 1


@pytest.mark.parametrize(("size", "fits"), [(190, True), (191, False)])
def test_a_plaintext_too_long_for_the_recipients_key_is_refused(
    api: DataKeyApi, recipient: rsa.RSAPrivateKey, size: int, *, fits: bool
) -> None:
    message = base64.b64encode(bytes(size)).decode()
    blob = api.answer({"Operation": "Encrypt", "KeyId": "orders", "Plaintext": message})["CiphertextBlob"]

    answer = api.answer({"Operation": "Decrypt", "CiphertextBlob": blob} | sealed_for(recipient))

    assert ("CiphertextForRecipient" in answer) == fits
    assert ("Error" in answer) != fits
    assert "Plaintext" not in answer


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - {"GenerateDataKey", "Decrypt"}))
def test_where_no_plaintext_is_answered_a_recipient_is_refused(
    api: DataKeyApi, recipient: rsa.RSAPrivateKey, operation: str
) -> None:
    answer = api.answer({"Operation": operation, "KeyId": "orders"} | sealed_for(recipient))

    assert "Recipient is for" in answer["Error"]["Message"]


# Batches


def test_a_batch_is_answered_in_order_and_one_that_fails_keeps_no_other(api: DataKeyApi) -> None:
    requests = [GENERATE, {"Operation": "Nonsense"}, GENERATE | {"KeyId": "invoices"}, GENERATE, None]

    status, body = over_url(api, {"Requests": requests})

    codes = [answer.get("Error", {}).get("Code") for answer in body["Responses"]]
    assert status == 200
    assert codes == [None, "ValidationException", "NotFoundException", None, "ValidationException"]
    assert body["Responses"][0]["Plaintext"] != body["Responses"][3]["Plaintext"]


def test_a_mistake_of_ours_costs_one_answer_and_shows_no_key(
    world: World, api: DataKeyApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**parameters: Any) -> Any:
        raise LookupError(parameters["Plaintext"])

    monkeypatch.setattr(world.failover, "encrypt", broken)
    answers = api.answer({"Requests": [GENERATE, {"Operation": "Encrypt", "KeyId": "orders", "Plaintext": SECRET}]})

    assert "Plaintext" in answers["Responses"][0]
    assert answers["Responses"][1]["Error"]["Code"] == "InternalError"
    assert "a request failed: LookupError" in caplog.text
    assert "a caller's own secret" not in caplog.text


def test_what_nobody_has_foreseen_of_one_request_is_neither_answered_nor_logged_in_its_words(
    world: World, api: DataKeyApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**parameters: Any) -> Any:
        raise LookupError(parameters["Plaintext"])

    monkeypatch.setattr(world.failover, "encrypt", broken)
    request = {"Operation": "Encrypt", "KeyId": "orders", "Plaintext": SECRET}
    status, over_the_url = over_url(api, request)
    invoked = api.answer(request)

    assert (status, over_the_url) == (500, invoked)
    assert (invoked["Error"]["Code"], invoked["Error"]["AnotherRegionMaySucceed"]) == ("InternalError", False)
    assert "a request failed: LookupError" in caplog.text
    assert "test_data_key_api.py" in caplog.text
    for shown in (json.dumps(invoked), caplog.text):
        assert "a caller's own secret" not in shown
        assert SECRET not in shown


@pytest.mark.parametrize(
    "wrong", [{"Requests": []}, {"Requests": {}}, {"Requests": [{}] * 101}, {"Requests": [{}], "KeyId": "orders"}]
)
def test_what_is_no_batch_is_refused_as_one(api: DataKeyApi, wrong: Any) -> None:
    error = api.answer(wrong)["Error"]

    assert error["Code"] == "ValidationException"
    assert "Requests" in error["Message"]


def test_what_a_batch_has_no_time_for_is_said_and_can_be_asked_again(
    api: DataKeyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kms_failover.client.data_key_api.BATCH_SECONDS", 0.0)

    answers = api.answer({"Requests": [GENERATE] * 3})["Responses"]

    assert [answer["Error"]["Code"] for answer in answers] == ["DependencyTimeoutException"] * 3
    assert all(answer["Error"]["AnotherRegionMaySucceed"] for answer in answers)


def test_a_whole_batch_may_be_full(api: DataKeyApi) -> None:
    assert len(api.answer({"Requests": [{}] * 100})["Responses"]) == 100
