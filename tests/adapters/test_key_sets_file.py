"""A key-sets.yaml: read, or refused with file, line and field."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.errors import ConfigurationError
from tests.domain.strategies import EAST, WEST, arn

GOOD = f"""\
key_sets:
  - name: orders
    members:
      - region: {EAST}
        arn: {arn(EAST)}
      - region: {WEST}
        arn: {arn(WEST)}
    rules:
      faults_to_impair: 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key-sets.yaml"


def refusal(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        read_key_sets(file)
    return str(error.value)


def test_a_good_file_is_read(file: Path) -> None:
    file.write_text(GOOD)

    key_sets = read_key_sets(file).key_sets

    assert [(one.name, one.regions) for one in key_sets] == [("orders", (EAST, WEST))]


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("faults_to_impair: 3", "faults_to_impair: 0", 9, "key_sets.0.rules.faults_to_impair"),
        ("faults_to_impair: 3", "faults: 3", 9, "key_sets.0.rules.faults"),
        (f"region: {WEST}", f"region: {EAST}", 6, "key_sets.0.members.1"),
        ("name: orders", "name: Orders", 2, "key_sets.0.name"),
        ("name: orders", "nam: orders", 2, "key_sets.0.nam"),
        ("key_sets:", "keysets:", 1, "key_sets"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(file: Path, old: str, new: str, line: int, field: str) -> None:
    text = refusal(file, GOOD.replace(old, new))

    assert f"{file}:{line}: {field}: " in text


def test_each_wrong_thing_has_its_own_line(file: Path) -> None:
    text = refusal(file, GOOD.replace("name: orders", "name: Orders").replace("impair: 3", "impair: 0"))

    assert f"{file}:2: key_sets.0.name: " in text
    assert f"{file}:9: key_sets.0.rules.faults_to_impair: " in text


@pytest.mark.parametrize(
    "text",
    ["", "null", "5", "[]", "key_sets:", "key_sets: [", "a: b: c", "a: 2026-13-01", "--- 1\n--- 2", "\x00", "&a [*b]"],
)
def test_what_is_no_such_file_at_all_is_refused_by_its_name(file: Path, text: str) -> None:
    assert str(file) in refusal(file, text)


def test_a_file_that_is_not_there_or_is_no_text_is_refused_by_its_name(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"key-sets\.yaml"):
        read_key_sets(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"key-sets\.yaml"):
        read_key_sets(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.sampled_from("ab: -[]{}&*!'\"#|>%@`?,\n0.~"), max_size=30))
def test_any_text_is_read_or_refused_by_one_error(file: Path, text: str) -> None:
    file.write_text(text)

    with pytest.raises(ConfigurationError):
        read_key_sets(file)
