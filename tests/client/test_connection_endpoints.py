"""One region's endpoint for all regions: a clear error at `connect`, never a quiet loss of redundancy."""

import logging
from pathlib import Path
from typing import Any

import boto3
import pytest

from kms_failover.adapters.state_table import StateTable
from kms_failover.client.failover_kms import FailoverKms
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import ConfigurationError
from tests.adapters.tables import create_state_table
from tests.client.kms_world import World
from tests.domain.strategies import EAST, WEST, key_set

EASTS = "https://vpce-0a1b2c3d-abcd1234.kms.us-east-1.vpce.amazonaws.com"
WESTS = "https://kms-fips.us-west-2.amazonaws.com"
LOCAL = "http://127.0.0.1:4599"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize(
    ("here", "known"),
    [(EAST, {"key_sets": (key_set(),)}), (EAST, {"regions": (WEST,)}), (WEST, {})],
    ids=["a key set's", "a named one", "the local one"],
)
def test_one_regions_endpoint_for_all_is_refused_at_connect(
    monkeypatch: pytest.MonkeyPatch, variable: str, here: str, known: Any
) -> None:
    monkeypatch.setenv(variable, EASTS)

    with pytest.raises(ConfigurationError, match=r"us-west-2 .*us-east-1's.*Settings\(endpoints="):
        FailoverKms.connect(here, None, **known)


def test_the_shared_configurations_endpoint_is_looked_at_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(f"[default]\nservices = mine\n[services mine]\nkms =\n  endpoint_url = {EASTS}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))

    with pytest.raises(ConfigurationError, match="us-east-1's"):
        FailoverKms.connect(EAST, None, regions=(WEST,), session=boto3.Session())


@pytest.mark.parametrize("endpoints", [{}, {EAST: EASTS}], ids=["none named", "its own named"])
def test_one_regions_endpoint_for_all_is_refused_before_the_other_regions_are_known(
    monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", EASTS)

    with pytest.raises(ConfigurationError, match=r"every region .*us-east-1's.*take AWS_ENDPOINT_URL_KMS"):
        FailoverKms.connect(EAST, "prod", settings=Settings(endpoints=endpoints))


@pytest.mark.parametrize(
    ("environment", "endpoints"),
    [
        ({}, {EAST: EASTS}),
        ({"AWS_ENDPOINT_URL_KMS": EASTS}, {WEST: WESTS}),
        ({"AWS_ENDPOINT_URL_KMS": EASTS, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, {}),
        ({"AWS_ENDPOINT_URL_S3": EASTS}, {}),
        ({"AWS_ENDPOINT_URL": LOCAL}, {}),
    ],
    ids=repr,
)
def test_endpoints_that_can_serve_every_region_are_fine_before_the_regions_are_known(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], endpoints: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with FailoverKms.connect(EAST, "prod", settings=Settings(endpoints=endpoints)) as kms:
        assert set(kms._connection.kms) == {EAST}


def test_another_regions_endpoint_is_refused_in_the_settings(world: World) -> None:
    settings = Settings(endpoints={EAST: WESTS, WEST: EASTS})

    with pytest.raises(ConfigurationError, match="us-west-2's"):
        FailoverKms.connect(EAST, None, settings=settings)


@pytest.mark.parametrize(
    ("environment", "endpoints"),
    [
        (None, {}),
        (EASTS, {WEST: WESTS}),
        (None, {EAST: EASTS, WEST: WESTS}),
        (LOCAL, {}),
        (None, dict.fromkeys((EAST, WEST), LOCAL)),
        ("http://localstack:4566", {}),
    ],
    ids=repr,
)
def test_an_endpoint_for_each_region_or_one_of_ones_own_for_all_is_fine(
    monkeypatch: pytest.MonkeyPatch, environment: str | None, endpoints: dict[str, str]
) -> None:
    if environment is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", environment)

    with FailoverKms.connect(EAST, None, (key_set(),), settings=Settings(endpoints=endpoints)) as kms:
        assert set(kms._connection.kms) == {EAST, WEST}


@pytest.mark.parametrize("order", [(EAST, WEST), (WEST, EAST)])
def test_a_region_that_joins_later_with_anothers_endpoint_is_missing_and_the_reason_is_said(
    world: World, caplog: pytest.LogCaptureFixture, order: tuple[str, str]
) -> None:
    members = tuple(world.key_set.member_in(region) for region in order)
    applied = KeySet.model_validate({"name": "orders", "members": [one.model_dump() for one in members if one]})
    StateTable(create_state_table(EAST), EAST).put_key_set(applied)
    settings = Settings(endpoints={WEST: "https://kms.us-east-1.amazonaws.com"}, wrap_deadline_seconds=30)

    with FailoverKms.connect(EAST, "prod", settings=settings) as kms:
        made = [kms.generate_data_key(KeyId="orders", KeySpec="AES_256")["KmsFailover"] for _ in range(3)]
        fault_is_reported = kms._connection.kms[WEST].breaker.is_open

    assert [(one["AnsweredBy"], one["MissingRegions"]) for one in made] == [(EAST, [WEST])] * 3
    assert not fault_is_reported
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert "Settings(endpoints=" in said[0]
