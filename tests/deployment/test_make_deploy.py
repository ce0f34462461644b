"""`make deploy` names the same two regions to both stacks, whichever they are."""

import re
import shutil
import subprocess

import pytest

from tests.template.loading import ROOT

KEYS = "MEMBER_KEY_ARNS=arn:aws:kms:eu-west-1:111122223333:key/a,arn:aws:kms:eu-central-1:111122223333:key/b"


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program is not None
    command = [program, "--no-print-directory", "--dry-run", "deploy", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments


def arguments_are_wrong(*arguments: str) -> str:
    """What is said about them; "" if nothing is."""
    program = shutil.which("make")
    assert program is not None
    command = [program, "--no-print-directory", "deploy-arguments", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments
    return ended.stdout if ended.returncode else ""


def test_two_regions_of_the_callers_choice_are_deployed_to_in_their_order() -> None:
    commands = make(KEYS, "REGIONS=eu-west-1 eu-central-1").stdout

    assert re.search(r"for region in eu-west-1 eu-central-1;", commands)
    assert '"StateTableHome=eu-west-1" "StateTableReplica=eu-central-1"' in commands
    assert "--config-env" not in commands


def test_any_parameter_of_the_template_can_be_given() -> None:
    commands = make(KEYS, "PARAMETERS=ReservedProbe=0 LogRetentionDays=365").stdout

    assert " ReservedProbe=0 LogRetentionDays=365 " in commands


@pytest.mark.parametrize("regions", ["eu-west-1", "eu-west-1 eu-west-1", "a b c", ""])
def test_anything_but_two_regions_is_refused(regions: str) -> None:
    said = arguments_are_wrong(KEYS, f"REGIONS={regions}")

    assert "REGIONS must be two regions" in said


def test_a_deployment_without_member_keys_is_refused() -> None:
    said = arguments_are_wrong()

    assert "MEMBER_KEY_ARNS is needed" in said


def test_two_regions_and_keys_are_enough() -> None:
    assert not arguments_are_wrong(KEYS, "REGIONS=eu-west-1 eu-central-1")


@pytest.mark.parametrize("wrong", ["foo", "arn:aws:kms:eu-west-1:111122223333:alias/a", ""])
def test_what_is_no_keys_arn_is_refused_before_anything_is_built(wrong: str) -> None:
    said = arguments_are_wrong(f"{KEYS},{wrong}", "REGIONS=eu-west-1 eu-central-1")

    assert f'"{wrong}" is no ARN of a KMS key' in said


def test_a_region_without_a_member_key_is_refused() -> None:
    said = arguments_are_wrong(KEYS, "REGIONS=eu-west-1 us-east-1")

    assert "names no key in us-east-1" in said
