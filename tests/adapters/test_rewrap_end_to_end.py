"""Rewrapping with every adapter real: S3 and DynamoDB by moto, KMS by the strict one, which binds blobs to keys."""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from kms_failover.adapters.objects import S3Objects
from kms_failover.adapters.state_table import StateTable
from kms_failover.client.bundler import Bundler
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.client.rewrap_keys import RewrapKeys
from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.rewrap import RewrapService
from kms_failover.domain.objects.rewrap_result import RewrapOutcome
from kms_failover.domain.objects.s3_envelope import envelope_commitment
from kms_failover.domain.routing.route import first_route
from local.strict_kms import mock_strict_kms
from tests.adapters.tables import create_state_table

HERE, THERE = "eu-west-1", "us-east-1"
BUCKET, KEY = "orders-eu-west-1", "2026/11/order 1+1.json"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = Settings()
CONTEXT = {"tenant": "a", "aws:x-amz-cek-alg": "115"}
MESSAGE_ID = bytes(range(28))


class Cloud:
    """Two regions' KMS; a bucket and a state table in the local one."""

    def __init__(self) -> None:
        self.kms: dict[str, Any] = {region: boto3.client("kms", region_name=region) for region in (THERE, HERE)}
        self.arns = {region: kms.create_key()["KeyMetadata"]["Arn"] for region, kms in self.kms.items()}
        self.key_set = KeySet.model_validate(
            {
                "name": "orders",
                "members": [{"region": region, "arn": arn} for region, arn in self.arns.items()],
                "buckets": [{"name": BUCKET, "region": HERE}],
            }
        )
        self.s3: Any = boto3.client("s3", region_name=HERE)
        location: Any = {"LocationConstraint": HERE}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        self.state = StateTable(create_state_table(HERE), HERE)
        self.regional = {region: RegionalKms(region, kms, SETTINGS) for region, kms in self.kms.items()}
        self.bundler = Bundler(HERE, self.regional, SETTINGS)
        self.service = RewrapService(
            key_sets=lambda: (self.key_set,),
            key_sets_anew=lambda: (self.key_set,),
            keys_for=self.keys_for,
            objects=S3Objects(self.s3),
            ledger=self.state,
            region=HERE,
            clock=lambda: NOW,
        )

    def keys_for(self, key_set: KeySet) -> RewrapKeys:
        return RewrapKeys(self.bundler, key_set, first_route(key_set, HERE, NOW))

    def put(self, wrapped_key: bytes, data_key: bytes) -> None:
        metadata = {
            "mine": "stays",
            "x-amz-c": "115",
            "x-amz-w": "12",
            "x-amz-3": base64.b64encode(wrapped_key).decode(),
            "x-amz-d": base64.b64encode(envelope_commitment(data_key, MESSAGE_ID)).decode(),
            "x-amz-i": base64.b64encode(MESSAGE_ID).decode(),
            "x-amz-t": json.dumps(CONTEXT),
        }
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"sealed", Metadata=metadata, ContentType="text/x")

    def put_plain(self, region: str) -> bytes:
        """As the stock client in that region writes it."""
        made = self.kms[region].generate_data_key(KeyId=self.arns[region], KeySpec="AES_256", EncryptionContext=CONTEXT)
        self.put(made["CiphertextBlob"], made["Plaintext"])
        data_key: bytes = made["Plaintext"]
        return data_key

    def wrapped_key(self) -> bytes:
        return base64.b64decode(self.metadata()["x-amz-3"])

    def metadata(self) -> Mapping[str, str]:
        metadata: Mapping[str, str] = self.s3.head_object(Bucket=BUCKET, Key=KEY)["Metadata"]
        return metadata

    def opened_here(self, blob: bytes) -> bytes:
        opened: bytes = self.kms[HERE].decrypt(KeyId=self.arns[HERE], CiphertextBlob=blob, EncryptionContext=CONTEXT)[
            "Plaintext"
        ]
        return opened

    def silence(self, region: str) -> None:
        """Its endpoint does not answer, however its client is used."""
        self.kms[region].meta.events.register("before-send.kms", _no_answer, unique_id="silence")

    def end_silence(self, region: str) -> None:
        self.kms[region].meta.events.unregister("before-send.kms", unique_id="silence")


def _no_answer(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url="https://kms")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_strict_kms():
        cloud = Cloud()
        yield cloud
        for kms in cloud.regional.values():
            kms.close()


def test_a_replica_of_the_stock_client_opens_with_the_local_key(cloud: Cloud) -> None:
    data_key = cloud.put_plain(THERE)

    result = cloud.service.rewrap(BUCKET, KEY)

    assert result.outcome is RewrapOutcome.REWRAPPED
    assert cloud.opened_here(cloud.wrapped_key()) == data_key
    assert cloud.metadata()["mine"] == "stays"
    assert cloud.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"sealed"


def test_a_repeat_does_not_write(cloud: Cloud) -> None:
    cloud.put_plain(THERE)
    cloud.service.rewrap(BUCKET, KEY)
    copies: list[object] = []
    cloud.s3.meta.events.register("before-call.s3.CopyObject", lambda **_: copies.append(1))

    result = cloud.service.rewrap(BUCKET, KEY)

    assert result.outcome is RewrapOutcome.ALREADY
    assert copies == []


def test_a_bundle_made_during_an_outage_gains_its_wrap_afterwards(cloud: Cloud) -> None:
    route = first_route(cloud.key_set, THERE, NOW)
    cloud.silence(HERE)
    made = cloud.bundler.make(cloud.key_set, route, {"KeySpec": "AES_256"}, CONTEXT)
    cloud.end_silence(HERE)
    for kms in cloud.bundler._kms.values():
        kms.breaker.succeeded()
    cloud.put(bytes(made.bundle), made.plaintext)

    result = cloud.service.rewrap(BUCKET, KEY)

    wraps = {wrap.region: wrap.blob for wrap in Bundle.parse(cloud.wrapped_key()).wraps}
    assert made.missing == (HERE,)
    assert result.outcome is RewrapOutcome.REWRAPPED
    assert cloud.opened_here(wraps[HERE]) == made.plaintext


def test_a_silent_source_region_leaves_a_debt_that_is_repaid_when_it_answers(cloud: Cloud) -> None:
    data_key = cloud.put_plain(THERE)
    cloud.silence(THERE)
    owed = cloud.service.rewrap(BUCKET, KEY)
    debts = list(cloud.state.debts("orders"))
    cloud.end_silence(THERE)

    repaid = cloud.service.rewrap(BUCKET, KEY)

    assert (owed.outcome, repaid.outcome) == (RewrapOutcome.OWED, RewrapOutcome.REWRAPPED)
    assert [(debt.owed_to, debt.code) for debt in debts] == [(HERE, "EndpointConnectionError")]
    assert list(cloud.state.debts("orders")) == []
    assert cloud.opened_here(cloud.wrapped_key()) == data_key


def test_a_refusal_is_kept_in_the_state_table_until_the_object_is_replaced(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"plain")
    refused = cloud.service.rewrap(BUCKET, KEY)
    kept = list(cloud.state.refusals("orders"))
    cloud.put_plain(HERE)

    cloud.service.rewrap(BUCKET, KEY)

    assert refused.outcome is RewrapOutcome.REFUSED
    assert [(refusal.bucket, refusal.key) for refusal in kept] == [(BUCKET, KEY)]
    assert list(cloud.state.refusals("orders")) == []


def test_an_object_under_a_strangers_key_is_a_debt_only_until_every_member_key_could_be_asked(cloud: Cloud) -> None:
    stranger = cloud.kms[THERE].create_key()["KeyMetadata"]["Arn"]
    made = cloud.kms[THERE].generate_data_key(KeyId=stranger, KeySpec="AES_256", EncryptionContext=CONTEXT)
    cloud.put(made["CiphertextBlob"], made["Plaintext"])
    cloud.silence(THERE)
    owed = cloud.service.rewrap(BUCKET, KEY)
    waits_for = [debt.waits_for for debt in cloud.state.debts("orders")]
    cloud.end_silence(THERE)

    refused = cloud.service.rewrap(BUCKET, KEY)

    assert (owed.outcome, waits_for) == (RewrapOutcome.OWED, [(THERE,)])
    assert refused.outcome is RewrapOutcome.REFUSED
    assert "no member key opens it" in refused.reason
    assert list(cloud.state.debts("orders")) == []


def test_what_fails_is_owed_until_it_is_tried_again_and_succeeds(cloud: Cloud) -> None:
    cloud.put_plain(THERE)
    cloud.service.record_failure(BUCKET, KEY, "AccessDenied")
    owed = cloud.state.uncovered("orders", HERE, BUCKET, 9)

    cloud.service.rewrap(BUCKET, KEY)

    assert (owed.owed, owed.objects) == (1, 1)
    assert cloud.state.uncovered("orders", HERE, BUCKET, 9).objects == 0
