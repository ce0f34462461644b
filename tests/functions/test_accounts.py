"""A member key in an account that the deployment has not allowed: no function ever calls it (docs/decisions/0021)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from kms_failover import bootstrap
from kms_failover.domain.key_material.reimport_request import ReimportRequest
from kms_failover.domain.key_set import Bucket, KeySet, MemberKey
from kms_failover.domain.runbook.commands import ActionName, Command
from kms_failover.errors import ConfigurationError
from kms_failover_command.answer_text import text
from tests.domain.strategies import EAST, IRELAND, WEST
from tests.functions.buckets import CONTEXT, envelope
from tests.functions.lambdas import Stack, stack

STRANGER = "999999999999"


def foreign(region: str) -> MemberKey:
    return MemberKey(region=region, arn=f"arn:aws:kms:{region}:{STRANGER}:key/of-a-stranger")


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Somebody has written a key of his own into the table, as the first of all."""
    monkeypatch.setattr("random.random", lambda: 0.0)
    with stack(monkeypatch) as made:
        members = (foreign(IRELAND), *made.key_set.members)
        made.state.put_key_set(KeySet(name="orders", members=members))
        yield made


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that any KMS client has been told to use."""
    keys: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # not in the stubs

    def recorded(client: Any, operation: str, parameters: Any) -> Any:
        if client.meta.service_model.service_name == "kms":
            keys.append(str(parameters.get("KeyId")))
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return keys


def test_data_keys_sends_it_no_plaintext_and_says_that_its_region_is_missing(prod: Stack, called: list[str]) -> None:
    context = prod.context("data-keys")
    made = bootstrap.data_keys(context).answer({"Operation": "GenerateDataKey", "KeyId": "orders", "NumberOfBytes": 32})
    bootstrap.data_keys(context)._kms.close()

    assert set(called) == {member.arn for member in prod.key_set.members}
    assert made["KmsFailover"]["MissingRegions"] == [IRELAND]
    assert made["KmsFailover"]["Degraded"]


def test_the_probe_does_not_ask_it(prod: Stack, called: list[str]) -> None:
    bootstrap.probe(prod.context("probe")).run(1)

    assert set(called) == {member.arn for member in prod.key_set.members}


def test_the_status_names_it_with_its_reason_in_json_and_in_text(prod: Stack) -> None:
    asked = Command(Action=ActionName.STATUS, KeySet="orders")

    answer = bootstrap.runbook(prod.context("runbook")).execute(asked)

    (refused,) = answer["RefusedMembers"]
    why = f"account {STRANGER} is not allowed, so the functions never ask this key; accounts.txt allows it"
    assert (refused["Region"], refused["Arn"]) == (IRELAND, foreign(IRELAND).arn)
    assert refused["Reason"].startswith(why)
    assert f"  REFUSED  member {foreign(IRELAND).arn}: {why}" in text(answer)


def test_reimport_gives_it_no_material(prod: Stack, called: list[str]) -> None:
    ours = prod.key_set.members[0].model_dump(mode="json")
    theirs = foreign(WEST).model_dump(mode="json") | {"origin": "EXTERNAL"}
    written = {"name": "orders", "members": [ours, theirs], "material": {"secret": "orders"}}
    prod.state.put_key_set(KeySet.model_validate(written))

    brought = bootstrap.reimport_service(prod.context("reimport")).run(ReimportRequest(), lambda: 100.0)

    assert brought.results == ()
    assert called == []


def test_rewrap_wraps_nothing_under_it(prod: Stack, called: list[str]) -> None:
    east = prod.key_set.members[0]
    bucket: Any = {"Bucket": "orders-west", "CreateBucketConfiguration": {"LocationConstraint": WEST}}
    made = prod.kms[EAST].generate_data_key(KeyId=east.arn, KeySpec="AES_256", EncryptionContext=CONTEXT)
    s3: Any = boto3.client("s3", region_name=WEST)
    s3.create_bucket(**bucket)
    s3.put_object(Bucket="orders-west", Key="order", Body=b"sealed", Metadata=envelope(made))
    buckets = (Bucket(name="orders-west", region=WEST),)
    prod.state.put_key_set(KeySet(name="orders", members=(east, foreign(WEST)), buckets=buckets))
    called.clear()

    with pytest.raises(ConfigurationError, match="may not use its member key in us-west-2"):
        bootstrap.rewrap_service(prod.context("rewrap")).rewrap("orders-west", "order")

    assert called == []


def test_an_account_that_was_deployed_with_the_code_is_allowed(
    prod: Stack, called: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    allowed = tmp_path / "accounts.txt"
    allowed.write_text(f"{STRANGER}\n")
    monkeypatch.setattr(bootstrap, "ACCOUNTS", allowed)

    bootstrap.probe(prod.context("probe")).run(1)

    assert foreign(IRELAND).arn in called


def test_a_key_sets_file_beside_the_function_allows_the_accounts_in_it(
    prod: Stack, called: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "key-sets.yaml"
    file.write_text(json.dumps({"key_sets": [{"name": "orders", "members": [foreign(IRELAND).model_dump()]}]}))
    context = prod.context("data-keys")

    bootstrap.data_keys(context, file).answer({"Operation": "GenerateDataKey", "KeyId": "orders", "NumberOfBytes": 32})
    bootstrap.data_keys(context, file)._kms.close()

    assert foreign(IRELAND).arn in called
