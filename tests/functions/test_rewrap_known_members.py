"""The rewrap function where an older version of a key set stands in, and where a member key is not allowed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from functions.rewrap.handler import lambda_handler as rewrap
from kms_failover.adapters.key_set_journal import KeySetJournal
from kms_failover.domain.data_keys.bundle import Bundle, Kind, Wrap, bundle_commitment
from kms_failover.domain.key_set import Bucket, KeySet, MemberKey
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.object_record import KEY_SET_UNREAD, NOT_ALLOWED
from tests.domain.objects.rewrap_world import CONTEXT, DATA_KEY, v3
from tests.domain.strategies import EAST, WEST
from tests.functions.lambdas import ACCOUNT, Stack, forget_warm_environments, stack

BUCKET = "orders-west"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        location: Any = {"LocationConstraint": WEST}
        boto3.client("s3", region_name=WEST).create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        made.state.put_debt(
            Debt(
                key_set="orders", owed_to=WEST, bucket=BUCKET, key="k", since=NOW, region=WEST, code="ReadTimeoutError"
            )
        )
        yield made


def key_set(*arns: str) -> KeySet:
    members = tuple(MemberKey(region=arn.split(":")[3], arn=arn) for arn in arns)
    return KeySet(name="orders", members=members, buckets=(Bucket(name=BUCKET, region=WEST),))


def put_under_east(prod: Stack, *, bundled: bool) -> None:
    key = prod.arns[EAST]
    blob = prod.kms[EAST].encrypt(KeyId=key, Plaintext=DATA_KEY, EncryptionContext=CONTEXT)["CiphertextBlob"]
    if bundled:
        commitment = bundle_commitment(DATA_KEY, "orders", Kind.DATA_KEY, CONTEXT)
        blob = bytes(Bundle("orders", Kind.DATA_KEY, commitment, (Wrap(key, blob),)))
    boto3.client("s3", region_name=WEST).put_object(Bucket=BUCKET, Key="k", Body=b"x" * 7, Metadata=v3(blob))


def outcome(prod: Stack) -> list[str]:
    answer = rewrap({"bucket": BUCKET, "key": "k"}, prod.context("rewrap"))
    return [name for name, count in answer.items() if count and name != "objects"]


@pytest.mark.parametrize("bundled", [False, True], ids=["one key", "bundle"])
def test_no_debt_ends_because_an_older_version_without_its_key_stands_in(prod: Stack, *, bundled: bool) -> None:
    table: Any = boto3.resource("dynamodb", region_name=WEST).Table("prod-state")
    journal = KeySetJournal(table, WEST)
    prod.state.put_key_set(key_set(prod.arns[WEST]))
    journal.replace(key_set(prod.arns[EAST], prod.arns[WEST]), journal.in_force()["orders"], NOW, "ana")
    put_under_east(prod, bundled=bundled)
    item = table.get_item(Key={"pk": "key-sets", "sk": "orders"})["Item"]
    table.put_item(Item=item | {"body": str(item["body"]).replace('"held"', '"scheduled"')})

    while_unread = outcome(prod), [(debt.owed_to, debt.code) for debt in prod.state.debts("orders")]
    table.put_item(Item=item)
    forget_warm_environments()

    assert while_unread == (["owed"], [(WEST, KEY_SET_UNREAD)])
    assert outcome(prod) == ["rewrapped"]
    assert list(prod.state.debts("orders")) == []
    assert list(prod.state.refusals("orders")) == []


@pytest.mark.parametrize("bundled", [False, True], ids=["one key", "bundle"])
def test_no_debt_ends_because_its_key_is_in_an_account_that_is_not_allowed(prod: Stack, *, bundled: bool) -> None:
    prod.state.put_key_set(key_set(prod.arns[EAST].replace(ACCOUNT, "999999999999"), prod.arns[WEST]))
    put_under_east(prod, bundled=bundled)

    assert outcome(prod) == ["owed"]
    assert (WEST, NOT_ALLOWED) in [(debt.owed_to, debt.code) for debt in prod.state.debts("orders")]
    assert list(prod.state.refusals("orders")) == []


def test_a_warm_function_refuses_nothing_by_a_key_set_that_is_in_force_no_more(prod: Stack) -> None:
    prod.state.put_key_set(key_set(prod.arns[WEST]))
    put_under_east(prod, bundled=False)
    before = outcome(prod)
    prod.state.put_key_set(key_set(prod.arns[EAST], prod.arns[WEST]))

    assert (before, outcome(prod)) == (["refused"], ["rewrapped"])
