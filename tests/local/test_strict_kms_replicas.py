"""Replicas and changes of the primary Region while KMS is still at it, and what a fresh replica shows."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.strict_kms import SettableClock, import_material, mock_strict_kms

from .direct import call, new_key, refusal, state

EAST, WEST = "us-east-1", "us-west-2"
MATERIAL = bytes(range(32))
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


def test_a_new_replica_is_creating_until_the_propagation_is_over(clock: SettableClock) -> None:
    with mock_strict_kms(clock=clock, propagation=5 * SECOND):
        key = new_key(MultiRegion=True)

        call(EAST, "ReplicateKey", KeyId=key, ReplicaRegion=WEST)

        assert state(WEST, key) == "Creating"
        assert refusal(WEST, "Encrypt", KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
        assert state(EAST, key) == "Enabled"
        clock.advance(5 * SECOND)
        assert state(WEST, key) == "Enabled"


def test_a_replica_without_material_is_creating_and_then_pending_import(clock: SettableClock) -> None:
    with mock_strict_kms(clock=clock, propagation=5 * SECOND):
        key = new_key(MultiRegion=True, Origin="EXTERNAL")

        call(EAST, "ReplicateKey", KeyId=key, ReplicaRegion=WEST)
        clock.advance(5 * SECOND)

        assert state(WEST, key) == "PendingImport"


@pytest.mark.parametrize("shown", [True, False])
def test_a_fresh_replica_shows_the_id_of_its_material_or_hides_it_until_its_import(
    clock: SettableClock, *, shown: bool
) -> None:  # UNCONFIRMED: facts 2.1
    with mock_strict_kms(clock=clock, replicas_show_material_id=shown):
        key = new_key(MultiRegion=True, Origin="EXTERNAL")
        material_id = import_material(boto3.client("kms", region_name=EAST), key, MATERIAL)
        call(EAST, "ReplicateKey", KeyId=key, ReplicaRegion=WEST)

        fresh = call(WEST, "DescribeKey", KeyId=key)["KeyMetadata"]
        import_material(boto3.client("kms", region_name=WEST), key, MATERIAL)

        assert fresh.get("CurrentKeyMaterialId") == (material_id if shown else None)
        assert call(WEST, "DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == material_id


def test_a_replica_of_a_key_that_kms_made_always_shows_the_id(clock: SettableClock) -> None:
    """Recorded: test_replicate_key, 2025-11-10."""
    with mock_strict_kms(clock=clock, replicas_show_material_id=False):
        key = new_key(MultiRegion=True)

        call(EAST, "ReplicateKey", KeyId=key, ReplicaRegion=WEST)

        assert "CurrentKeyMaterialId" in call(WEST, "DescribeKey", KeyId=key)["KeyMetadata"]


def test_keys_that_are_being_updated_go_on_encrypting(clock: SettableClock) -> None:  # kms:UpdatePrimaryRegion
    with mock_strict_kms(clock=clock, propagation=5 * SECOND):
        key = new_key(MultiRegion=True)
        call(EAST, "ReplicateKey", KeyId=key, ReplicaRegion=WEST)
        clock.advance(5 * SECOND)

        call(EAST, "UpdatePrimaryRegion", KeyId=key, PrimaryRegion=WEST)

        assert (state(EAST, key), state(WEST, key)) == ("Updating", "Updating")
        call(EAST, "Encrypt", KeyId=key, Plaintext=b"x")
        assert refusal(EAST, "DisableKey", KeyId=key) == "KMSInvalidStateException"
        assert refusal(WEST, "ReplicateKey", KeyId=key, ReplicaRegion="eu-west-1") == "KMSInvalidStateException"
        clock.advance(5 * SECOND)
        assert (state(EAST, key), state(WEST, key)) == ("Enabled", "Enabled")


def replicated(clock: SettableClock, **options: Any) -> str:
    key = new_key(MultiRegion=True, **options)
    if options.get("Origin") == "EXTERNAL":
        import_material(boto3.client("kms", region_name=EAST), key, MATERIAL)
    call(EAST, "ReplicateKey", KeyId=key, ReplicaRegion=WEST)
    clock.advance(5 * SECOND)
    if options.get("Origin") == "EXTERNAL":
        import_material(boto3.client("kms", region_name=WEST), key, MATERIAL)
    return key


def test_a_key_that_loses_its_material_while_it_is_updated_stops_at_once(clock: SettableClock) -> None:  # facts 1.5
    with mock_strict_kms(clock=clock, propagation=5 * SECOND):
        key = replicated(clock, Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        call(EAST, "UpdatePrimaryRegion", KeyId=key, PrimaryRegion=WEST)

        call(EAST, "DeleteImportedKeyMaterial", KeyId=key)

        assert state(EAST, key) == "PendingImport"
        mac = {"KeyId": key, "Message": b64encode(b"m").decode(), "MacAlgorithm": "HMAC_SHA_256"}
        assert refusal(EAST, "GenerateMac", **mac) == "KMSInvalidStateException"
