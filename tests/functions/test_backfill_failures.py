"""A backfill fails by its objects' own failures, and by nothing that is known of an object."""

import base64
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.rewrap.handler import lambda_handler as rewrap
from functions.runbook.handler import lambda_handler as runbook
from functions.sweep.handler import lambda_handler as sweep
from kms_failover.adapters.map_runs import StepFunctionsMapRuns
from kms_failover.adapters.objects import S3Objects
from kms_failover.domain.objects.backfill import RunCounts
from tests.domain.strategies import EAST, WEST
from tests.functions.buckets import BUCKET, CONTEXT, Objects
from tests.functions.lambdas import Stack, stack


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        monkeypatch.setattr(StepFunctionsMapRuns, "counted", lambda *_: RunCounts(2, 2))  # no child of the map failed
        Objects(made).put("a", "b")
        yield made


def backfill(prod: Stack) -> tuple[bool, dict[str, Any]]:
    """Whether it is complete, and what status says of the bucket's coverage."""
    step = {"bucket": BUCKET, "execution": "arn:run"}
    sweep(step | {"Backfill": "begun"}, prod.context("sweep"))
    rewrap({"Items": [{"key": "a"}, {"key": "b"}], "BatchInput": {"bucket": BUCKET}}, prod.context("rewrap"))
    ended = sweep(step | {"Backfill": "ended"}, prod.context("sweep"))
    status = runbook({"Action": "status", "KeySet": "orders"}, prod.context("runbook"))
    return ended["complete"], status["Coverage"][BUCKET]


def test_a_bucket_whose_objects_are_denied_is_unknown_and_its_backfill_fails(
    prod: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "HeadObject")

    with monkeypatch.context() as patched:
        patched.setattr(S3Objects, "head", denied)
        complete, covered = backfill(prod)

    assert not complete
    assert (covered["Share"], covered["Owed"]) == (None, 2)
    assert "2 of 2 objects failed" in covered["Unknown"]
    assert backfill(prod)[0]  # as soon as it may look at them


def test_an_object_that_was_tampered_with_keeps_no_bucket_unknown(prod: Stack) -> None:
    s3: Any = boto3.client("s3", region_name=WEST)
    other = prod.kms[EAST].encrypt(KeyId=prod.arns[EAST], Plaintext=bytes(32), EncryptionContext=CONTEXT)
    metadata = s3.head_object(Bucket=BUCKET, Key="a")["Metadata"]
    forged = metadata | {"x-amz-3": base64.b64encode(other["CiphertextBlob"]).decode()}
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"sealed", Metadata=forged)

    complete, covered = backfill(prod)

    assert complete
    assert (covered["Share"], covered["Refused"]) == (0.5, 1)
