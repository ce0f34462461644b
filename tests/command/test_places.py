"""Which region is asked, and with whose credentials."""

import os
from pathlib import Path

import boto3
import pytest

from kms_failover_command.main import main
from kms_failover_command.outcome import EXIT_USAGE
from kms_failover_command.regions import known_regions
from tests.command.lambda_endpoint import WHERE, orders_sent
from tests.domain.strategies import EAST, WEST

STATUS = ["status", "--key-set", "orders"]
CENTRAL = "eu-central-1"


@pytest.fixture(autouse=True)
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own, without a region of its own."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.delenv("AWS_DEFAULT_REGION")


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`prod` lies in a region, `bare` in none."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text(f"[profile prod]\nregion = {CENTRAL}\n[profile bare]\n[profile odd]\nregion = mars\n")
    secret = "aws_access_key_id = {name}\naws_secret_access_key = x\n"
    credentials.write_text("".join(f"[{name}]\n{secret.format(name=name)}" for name in ("prod", "bare", "odd")))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))


@pytest.mark.parametrize(
    ("variables", "typed", "asked"),
    [
        ({"AWS_REGION": EAST, "AWS_DEFAULT_REGION": EAST}, ["--region", WEST], WEST),
        ({"AWS_REGION": EAST, "AWS_DEFAULT_REGION": WEST}, [], EAST),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": WEST}, [], WEST),
        ({}, ["--region", EAST, "--region", WEST], WEST),
        ({}, ["--profile", "prod"], CENTRAL),
        ({"AWS_PROFILE": "prod"}, [], CENTRAL),
        ({"AWS_REGION": EAST}, ["--profile", "prod"], EAST),
        ({"AWS_REGION": EAST}, ["--region", WEST, "--profile", "prod"], WEST),
    ],
)
@pytest.mark.usefixtures("profiles")
def test_the_region_is_the_one_that_was_typed_else_the_environments_else_the_profiles(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], typed: list[str], asked: str
) -> None:
    sent = orders_sent(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    main([*STATUS, *typed])

    assert [order.region for order in sent] == [asked]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ([], "Missing option '--region'. Name it, or set AWS_REGION."),
        (["--profile", "bare"], "Missing option '--region'. Name it, or set AWS_REGION."),
        (["--profile", "odd"], "no region 'mars' is known here"),
        (["--profile", "nobodys"], "The config profile (nobodys) could not be found"),
    ],
)
@pytest.mark.usefixtures("profiles")
def test_without_any_region_nobody_is_asked(
    typed: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = orders_sent(monkeypatch)

    assert main([*STATUS, *typed]) == EXIT_USAGE
    assert told in capsys.readouterr().err
    assert sent == []


@pytest.mark.usefixtures("profiles")
def test_a_profile_that_is_not_there_is_wrong_usage_where_the_region_had_to_come_from_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")

    assert main(STATUS) == EXIT_USAGE
    assert "The config profile (nobodys) could not be found: name the region" in capsys.readouterr().err


@pytest.mark.usefixtures("profiles")
def test_the_profile_that_was_typed_signs_though_the_environment_has_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = orders_sent(monkeypatch)

    main(["status", *WHERE])
    main(["status", *WHERE, "--profile", "prod"])

    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
    assert [order.signed_by for order in sent] == ["testing", "prod"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("us-east1", "did you mean us-east-1"),
        ("eu-central", "did you mean eu-central-"),
        ("US-EAST-1", "no region 'US-EAST-1' is known here; did you mean us-east-1 or us-west-1?"),
        ("mars", "no region 'mars' is known here; is it newer than the botocore that is installed?"),
        ("--json", "no region '--json' is known here"),
        ("aws-global", "no region 'aws-global' is known here"),
    ],
)
@pytest.mark.parametrize(
    "verb",
    [
        [*STATUS, "--region"],
        ["failover", *WHERE, "--reason", "x", "--to"],
        ["apply", "key-sets.yaml", "--region", WEST, "--region"],
    ],
)
def test_what_is_no_regions_name_is_wrong_usage_and_the_nearest_are_named(
    verb: list[str], typed: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, typed]) == EXIT_USAGE
    assert told in capsys.readouterr().err


def test_a_region_of_the_environment_that_is_none_is_wrong_usage_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-wset2")

    assert main(STATUS) == EXIT_USAGE
    assert "did you mean us-west-2" in capsys.readouterr().err


def test_a_region_that_botocore_may_be_too_old_for_is_asked_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = orders_sent(monkeypatch)

    main([*STATUS, "--region", "us-esat-1"])

    assert [order.region for order in sent] == ["us-esat-1"]
    hint = "no region 'us-esat-1' is known here; did you mean us-west-1 or us-east-1? It is asked all the same."
    assert hint in capsys.readouterr().err


def test_apply_takes_no_region_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", EAST)

    assert main(["apply", "key-sets.yaml", "--yes"]) == EXIT_USAGE
    assert "--region for each region to write" in capsys.readouterr().err


def test_regions_of_all_partitions_are_known() -> None:
    assert {"us-east-1", "eu-central-2", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"} <= set(known_regions())
