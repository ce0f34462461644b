"""The data_keys function: a data key made by one request is opened by the next, over Invoke and Function URL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from functions.data_keys import handler
from functions.data_keys.handler import lambda_handler
from kms_failover import bootstrap
from tests.domain.strategies import EAST, WEST
from tests.functions.lambdas import Stack, stack


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        context = made.context("data-keys")
        yield made
        bootstrap.data_keys(context, handler.CONFIGURATION)._kms.close()


def invoke(prod: Stack, request: Any) -> dict[str, Any]:
    return lambda_handler(request, prod.context("data-keys"))


def over_url(prod: Stack, request: Any) -> tuple[int, dict[str, Any]]:
    answer = invoke(
        prod, {"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "body": json.dumps(request)}
    )
    return answer["statusCode"], json.loads(answer["body"])


def test_a_data_key_made_by_one_request_is_opened_by_the_next(prod: Stack) -> None:
    made = invoke(prod, {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"})

    status, opened = over_url(prod, {"Operation": "Decrypt", "CiphertextBlob": made["CiphertextBlob"]})

    assert status == 200
    assert opened["Plaintext"] == made["Plaintext"]
    assert opened["KmsFailover"]["AnsweredBy"] == WEST


def test_an_answer_names_the_key_that_was_named(prod: Stack) -> None:
    (named,) = [member.arn for member in prod.key_set.members if member.region == WEST]
    made = invoke(prod, {"Operation": "GenerateDataKey", "KeyId": named, "KeySpec": "AES_256"})

    opened = invoke(prod, {"Operation": "Decrypt", "KeyId": named, "CiphertextBlob": made["CiphertextBlob"]})

    assert made["KeyId"] == opened["KeyId"] == named
    assert made["KmsFailover"]["AnsweredBy"] == EAST


def test_an_unknown_key_set_is_the_callers_error(prod: Stack) -> None:
    request = {"Operation": "GenerateDataKey", "KeyId": "invoices", "KeySpec": "AES_256"}

    status, body = over_url(prod, request)

    assert (status, body["Error"]["Code"]) == (400, "NotFoundException")
    assert not body["Error"]["AnotherRegionMaySucceed"]


def test_what_is_no_request_is_answered_and_not_raised(prod: Stack) -> None:
    everything: list[Any] = [None, [], "text", 5, {}, {"Operation": "ScheduleKeyDeletion"}]

    for wrong in everything:
        assert invoke(prod, wrong)["Error"]["Code"] == "ValidationException"


def test_a_cold_start_while_the_table_cannot_be_read_works_from_its_own_file(
    prod: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key-sets.yaml"
    file.write_text(yaml.safe_dump({"key_sets": [prod.key_set.model_dump(mode="json", exclude_defaults=True)]}))
    monkeypatch.setattr(handler, "CONFIGURATION", file)
    boto3.client("dynamodb", region_name=WEST).delete_table(TableName="prod-state")
    request = {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"}

    made = invoke(prod, request)
    bootstrap.data_keys(prod.context("data-keys"), file)._kms.close()

    assert made["KmsFailover"]["MissingRegions"] == []


def test_without_table_and_file_another_region_may_succeed(prod: Stack) -> None:
    boto3.client("dynamodb", region_name=WEST).delete_table(TableName="prod-state")

    error = invoke(prod, {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"})["Error"]

    assert error["Code"] == "DependencyTimeoutException"
    assert error["AnotherRegionMaySucceed"]
