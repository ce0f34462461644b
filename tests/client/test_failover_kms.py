"""The drop-in client: what a caller of the boto3 client sees."""

import io
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.client.failover_kms import FailoverKms
from kms_failover.client.parameters import MAX_MESSAGE_BYTES
from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.key_set import KeySet, KeySets
from kms_failover.errors import ConfigurationError
from tests.client.kms_world import CONTEXT, World, code_of, generate, opened
from tests.domain.strategies import EAST, WEST, arn

if TYPE_CHECKING:
    from collections.abc import Callable

ANY_CONTEXT = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


# The same as boto3


def test_code_written_for_the_boto3_client_runs_unchanged(world: World) -> None:
    def seal_and_open(kms: Any, key_id: str) -> tuple[set[str], set[str]]:
        made = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext=CONTEXT)
        read = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=key_id, EncryptionContext=CONTEXT)
        assert read["Plaintext"] == made["Plaintext"]
        assert read["KeyId"] == made["KeyId"] == world.arn(EAST)
        try:
            kms.decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=key_id, EncryptionContext={})
        except kms.exceptions.InvalidCiphertextException as refused:
            assert refused.response["Error"]["Code"] == "InvalidCiphertextException"  # noqa: PT017  # as callers do
        return set(made), set(read)

    stock_made, stock_read = seal_and_open(world.kms[EAST].client, world.arn(EAST))
    made, read = seal_and_open(world.failover, "orders")

    of_aws_alone = {"ResponseMetadata", "KeyMaterialId"}
    assert stock_made - of_aws_alone <= made
    assert stock_read - of_aws_alone <= read


def test_an_error_of_our_own_has_what_boto3s_have(world: World) -> None:
    with pytest.raises(ClientError) as refused:
        generate(world, KeyId="invoices")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_modeled_exception_can_be_caught_by_its_own_name(world: World) -> None:
    with pytest.raises(world.failover.exceptions.NotFoundException):
        generate(world, KeyId="invoices")


@pytest.mark.parametrize("name", ["orders", "alias/orders", "arn"])
def test_a_key_set_is_named_as_a_key_is(world: World, name: str) -> None:
    made = generate(world, KeyId=world.arn(WEST) if name == "arn" else name)

    assert opened(world, made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


@pytest.mark.parametrize("size", [{"KeySpec": "AES_128"}, {"NumberOfBytes": 16}])
def test_the_smallest_data_key_is_made_as_asked(world: World, size: dict[str, Any]) -> None:
    assert len(world.failover.generate_data_key(KeyId="orders", **size)["Plaintext"]) == 16


@ANY_CONTEXT
@given(
    message=st.binary(min_size=1, max_size=200), context=st.dictionaries(st.text("ab\u00e9", min_size=1), st.text("xy"))
)
def test_any_message_round_trips(world: World, message: bytes, context: dict[str, str]) -> None:
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=message, EncryptionContext=context)

    read = world.failover.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)

    assert read["Plaintext"] == message


def test_the_longest_message_round_trips_and_one_byte_more_is_refused(world: World) -> None:
    longest = bytes(MAX_MESSAGE_BYTES)

    sealed = world.failover.encrypt(KeyId="orders", Plaintext=longest)

    assert world.failover.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == longest
    with pytest.raises(ParamValidationError):
        world.failover.encrypt(KeyId="orders", Plaintext=longest + b"x")


def test_equal_messages_have_unequal_commitments(world: World) -> None:
    first, second = (world.failover.encrypt(KeyId="orders", Plaintext=b"yes")["CiphertextBlob"] for _ in range(2))

    assert Bundle.parse(first).commitment != Bundle.parse(second).commitment


def test_without_plaintext_means_without(world: World) -> None:
    made = world.failover.generate_data_key_without_plaintext(KeyId="orders", KeySpec="AES_256")

    assert "Plaintext" not in made
    assert len(world.failover.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 32


def test_re_encrypt_moves_a_message_to_another_context(world: World) -> None:
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=b"message", EncryptionContext=CONTEXT)

    moved = world.failover.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceEncryptionContext=CONTEXT,
        SourceKeyId="orders",
        DestinationKeyId="orders",
        DestinationEncryptionContext={"order": "43"},
    )

    assert opened(world, moved["CiphertextBlob"], EncryptionContext={"order": "43"})["Plaintext"] == b"message"
    assert code_of(world.failover.decrypt, CiphertextBlob=moved["CiphertextBlob"]) == "InvalidCiphertextException"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("generate_data_key", {"KeyId": "orders", "KeySpec": "AES_256", "GrantTokens": ["t"]}),
        ("generate_data_key", {"KeyId": "orders", "KeySpec": "AES_256", "DryRun": True}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": 15}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": 0}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": "many"}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": True}),
        ("generate_data_key", {"KeyId": "orders", "NumberOfBytes": 1025}),
        ("generate_data_key", {"KeyId": "orders", "KeySpec": ["AES_256"]}),
        ("generate_data_key", {"KeyId": None, "KeySpec": "AES_256"}),
        ("generate_data_key", {"KeySpec": "AES_256"}),
        ("generate_data_key", {"KeyId": "orders", "KeySpec": "AES_256", "EncryptionContext": "text"}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": {"a": 1}}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": {"a": b"b"}}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b""}),
        ("encrypt", {"KeyId": "orders", "Plaintext": 5}),
        ("encrypt", {"KeyId": "orders"}),
        ("decrypt", {}),
        ("decrypt", {"CiphertextBlob": "\ud800"}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": ""}),
        ("encrypt", {"KeyId": "orders", "Plaintext": b"m", "EncryptionContext": []}),
        ("re_encrypt", {"CiphertextBlob": b"b"}),
        ("re_encrypt", {"CiphertextBlob": b"b", "DestinationKeyId": "orders", "SourceEncryptionContext": 5}),
        ("re_encrypt", {"CiphertextBlob": b"b", "DestinationKeyId": "orders", "SourceKeyId": "orders", "DryRun": True}),
        ("rewrap", {}),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_as_boto3_refuses(
    world: World, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ParamValidationError):
        getattr(world.failover, operation)(**parameters)


@pytest.mark.parametrize("name", ["invoices", "alias/invoices", arn(EAST), ""])
def test_an_unknown_key_set_is_not_found(world: World, name: str) -> None:
    assert code_of(world.failover.generate_data_key, KeyId=name, KeySpec="AES_256") == "NotFoundException"


@pytest.mark.parametrize("wrong", [{}, {"order": "43"}, {"Order": "42"}, CONTEXT | {"more": ""}])
def test_a_wrong_context_opens_nothing(world: World, wrong: dict[str, str]) -> None:
    blob = generate(world)["CiphertextBlob"]

    assert code_of(opened, world=world, blob=blob, EncryptionContext=wrong) == "InvalidCiphertextException"


def test_a_bundle_of_another_key_set_is_an_incorrect_key(world: World) -> None:
    other = KeySet(name="invoices", members=(world.key_set.members[0],))
    world.state.put_key_set(other)
    blob = generate(world)["CiphertextBlob"]

    assert code_of(opened, world=world, blob=blob, KeyId="invoices") == "IncorrectKeyException"


@pytest.mark.parametrize(
    "blob", [b"", b"a plain blob", b"S0ZCAQ==", b"KFB\x01", b"KFB\x02" + bytes(80), b"KFB\x01" + bytes(80)]
)
def test_what_only_claims_to_be_a_bundle_is_an_invalid_ciphertext(world: World, blob: bytes) -> None:
    assert code_of(opened, world=world, blob=blob) == "InvalidCiphertextException"


# The same answers


def test_what_kms_says_beside_the_keys_is_passed_on(world: World) -> None:
    made = generate(world)
    sealed = world.failover.encrypt(KeyId="orders", Plaintext=b"m")
    moved = world.failover.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"], SourceKeyId="orders", DestinationKeyId="orders"
    )

    answers = [made, opened(world, made["CiphertextBlob"]), sealed, moved]

    assert all(answer["ResponseMetadata"]["HTTPStatusCode"] == 200 for answer in answers)
    assert moved["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"


# The end


def test_a_closed_client_says_so_and_nothing_else(world: World) -> None:
    made = generate(world)

    for _ in range(2):
        world.failover.close()

    calls: list[Callable[[], Any]] = [
        lambda: generate(world),
        lambda: opened(world, made["CiphertextBlob"]),
        lambda: world.failover.rewrap(CiphertextBlob=made["CiphertextBlob"]),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_what_is_under_way_ends_well_although_the_client_is_closed(world: World) -> None:
    east = world.kms[EAST]
    first = east.generate_data_key
    east.generate_data_key = lambda **asked: world.failover.close() or first(**asked)  # type: ignore[method-assign,func-returns-value]  # in the middle

    made = generate(world)

    assert made["KmsFailover"]["MissingRegions"] == []


# Connecting


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"min_wraps": 1}},
        {"regions": WEST},
    ],
    ids=repr,
)
def test_what_connect_cannot_use_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        FailoverKms.connect(EAST, None, **wrong)


@pytest.mark.parametrize("wrong", ["one", "dicts", "file", "twice"])
def test_key_sets_that_are_none_are_refused_with_what_would_be(world: World, wrong: str) -> None:
    own = world.key_set
    key_sets: Any = {"one": own, "dicts": [own.model_dump()], "file": KeySets(key_sets=(own,)), "twice": (own, own)}[
        wrong
    ]

    with pytest.raises(ConfigurationError, match="key_sets must "):
        FailoverKms.connect(EAST, None, key_sets)


def test_a_member_key_of_two_key_sets_opens_the_bundles_of_both(world: World) -> None:
    world.state.put_key_set(KeySet(name="invoices", members=world.key_set.members))
    world.routes._key_sets._tried_at = float("-inf")
    made = generate(world, KeyId="invoices")

    read = opened(world, made["CiphertextBlob"], KeyId=made["KeyId"])

    assert read["Plaintext"] == made["Plaintext"]


def test_a_file_is_a_blob_as_for_boto3(world: World) -> None:
    made = generate(world)
    file: Any = io.BytesIO(made["CiphertextBlob"])

    assert opened(world, file)["Plaintext"] == made["Plaintext"]


def test_without_a_table_the_configured_key_sets_serve(world: World) -> None:
    connected = FailoverKms.connect(EAST, "prod", (world.key_set,), regions=(WEST,))

    try:
        made = connected.generate_data_key(KeyId="orders", KeySpec="AES_256")
        read = connected.decrypt(CiphertextBlob=made["CiphertextBlob"])
    finally:
        connected.close()

    assert read["Plaintext"] == made["Plaintext"]
    assert made["KmsFailover"]["Regions"] == [EAST, WEST]
    assert connected.meta.region_name == EAST
