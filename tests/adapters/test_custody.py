"""Custody gives 32 bytes or says, without showing them, why not."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kms_failover.adapters.custody import SecretsManagerCustody
from kms_failover.errors import MaterialMissingError

REGION = "eu-west-1"
BYTES = b"the secret bytes of orders' key."


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


def test_the_bytes_are_fetched_as_they_are(secrets: Any) -> None:
    secrets.create_secret(Name="material-of-orders", SecretBinary=BYTES)

    assert SecretsManagerCustody(secrets, REGION).fetch("orders", "material-of-orders").value == BYTES


@pytest.mark.parametrize(
    "held",
    [{"SecretBinary": BYTES[:31]}, {"SecretBinary": BYTES + b"x"}, {"SecretString": BYTES.decode()}],
)
def test_anything_but_32_bytes_is_missing_material_and_is_not_shown(secrets: Any, held: dict[str, Any]) -> None:
    secrets.create_secret(Name="material-of-orders", **held)

    with pytest.raises(MaterialMissingError) as raised:
        SecretsManagerCustody(secrets, REGION).fetch("orders", "material-of-orders")

    assert "'orders'" in str(raised.value)
    assert REGION in str(raised.value)
    assert BYTES[:31].decode() not in str(raised.value)


def test_no_secret_is_missing_material(secrets: Any) -> None:
    with pytest.raises(MaterialMissingError, match="'orders'"):
        SecretsManagerCustody(secrets, REGION).fetch("orders", "material-of-orders")


def test_a_secret_marked_for_deletion_is_missing_material(secrets: Any) -> None:
    secrets.create_secret(Name="material-of-orders", SecretBinary=BYTES)
    secrets.delete_secret(SecretId="material-of-orders")

    with pytest.raises(MaterialMissingError):
        SecretsManagerCustody(secrets, REGION).fetch("orders", "material-of-orders")


def test_the_error_about_wrong_bytes_carries_none_in_its_frames(secrets: Any) -> None:
    secrets.create_secret(Name="material-of-orders", SecretBinary=BYTES[:31])

    with pytest.raises(MaterialMissingError) as raised:
        SecretsManagerCustody(secrets, REGION).fetch("orders", "material-of-orders")

    frames = [entry.frame for entry in raised.traceback if "kms_failover" in str(entry.path)]
    assert frames
    assert not [value for frame in frames for value in frame.f_locals.values() if "secret bytes" in repr(value)]
    assert not [value for frame in frames for value in frame.f_locals.values() if hasattr(value, "value")]
