"""A key-sets.yaml: read, or refused with file, line and field."""

import copy
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.domain.problems import NO_WORDS
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


TWICE = [
    (f"{GOOD}    members:\n      - region: {EAST}\n        arn: {arn(EAST, 'other')}\n", 10, "'members'", 3),
    (f"{GOOD}      faults_to_impair: 4\n", 10, "'faults_to_impair'", 9),
    (f"{GOOD}key_sets: []\n", 10, "'key_sets'", 1),
    (GOOD.replace("name: orders", '"name": orders\n    name: payments'), 3, "'name'", 2),
    (
        GOOD.replace("rules:", f"buckets: [{{name: orders, region: {EAST}, region: {WEST}}}]\n    rules:"),
        8,
        "'region'",
        8,
    ),
]


@pytest.mark.parametrize(("text", "line", "field", "first"), TWICE)
def test_a_field_that_stands_twice_is_refused_with_both_lines(
    file: Path, text: str, line: int, field: str, first: int
) -> None:
    assert refusal(file, text) == f"{file}:{line}: {field} stands twice, first in line {first}"


def test_a_field_of_an_alias_that_is_said_anew_does_not_stand_twice(file: Path) -> None:
    text = GOOD.replace(f"- region: {EAST}", f"- &east\n        region: {EAST}")
    file.write_text(text.replace(f"- region: {WEST}", f"- <<: *east\n        region: {WEST}"))

    assert read_key_sets(file).key_sets[0].regions == (EAST, WEST)


BUCKETS = f"    buckets: [{{name: orders-east, region: {EAST}}}, {{name: orders-east, region: {WEST}}}]\n"


def test_a_bucket_that_stands_twice_is_named_by_its_line(file: Path) -> None:
    other = GOOD.partition("\n")[2].replace("orders", "payments")
    once = BUCKETS.replace("name: orders-east, region: us-west-2", f"name: orders-west, region: {WEST}")

    assert f"{file}:10: key_sets.0.buckets.1: bucket 'orders-east' belongs to key set 'orders' already" in refusal(
        file, GOOD + BUCKETS
    )
    assert f"{file}:19: key_sets.1.buckets.0: bucket 'orders-east' belongs to key set 'orders' already" in refusal(
        file, GOOD + once + other + once
    )


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{a: " * 3000, "- " * 3000, "a:\n" + "".join(f"{' ' * i}a:\n" for i in range(1500))]
)
def test_a_file_that_is_nested_too_deep_is_refused_by_its_name(file: Path, text: str) -> None:
    assert str(file) in refusal(file, text)


@pytest.mark.parametrize(
    "text", ['"\\ud800": 5', 'key_sets: ["\\ud800"]', 'key_sets: [{"\\x1b[2J": 5, "a\\nb": 6}]', "\u202e: ["]
)
def test_a_refusal_has_no_control_character_of_the_file_and_no_line_of_it(file: Path, text: str) -> None:
    lines = refusal(file, text).split("\n")

    assert all(line.isprintable() and line.startswith(str(file)) for line in lines)


def test_what_follows_from_another_mistake_is_not_told(file: Path) -> None:
    text = refusal(file, f"key_sets: [{{name: orders, members: [{{region: {EAST}, arn: {arn(WEST)}}}]}}]")

    assert text == f"{file}:1: key_sets.0.members.0: key {arn(WEST)} belongs to {WEST}, not to {EAST}"


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


# Whatever is wrong is said in this product's words, with what to do

WHOLE: dict[str, Any] = {
    "key_sets": [
        {
            "name": "orders",
            "members": [{"region": EAST, "arn": arn(EAST), "origin": "EXTERNAL"}, {"region": WEST, "arn": arn(WEST)}],
            "failback": "held",
            "rules": {"faults_to_impair": 3, "of_rounds": 5},
            "material": {"secret": "orders", "valid_for_days": 100, "restore_after_deletion": "ask"},
            "buckets": [{"name": "orders-east", "region": EAST}],
        }
    ]
}
WRONG: list[Any] = [
    None,
    5,
    -1,
    1.5,
    10**30,
    True,
    "",
    "x",
    "x" * 3000,
    [],
    [1],
    {},
    {"a": 1},
    date(2026, 1, 1),
    [{}] * 9,
    float("nan"),
]
OF_PYDANTIC = re.compile(
    r"Input should|should (have|be|match)|Field required|Extra inputs|valid (string|integer|number|tuple|dict)"
    r"|\[type=|Value error"
)


def places(tree: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    yield path
    steps = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for step in steps:
        yield from places(tree[step], *path, step)


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = copy.copy(tree)
    made[path[0]] = changed(tree[path[0]], path[1:], value)
    return made


@pytest.mark.parametrize("path", list(places(WHOLE)), ids=str)
def test_no_word_of_a_refusal_is_the_validators(file: Path, path: tuple[Any, ...]) -> None:
    said: list[str] = []
    for value in WRONG:
        file.write_text(yaml.safe_dump(changed(WHOLE, path, value)))
        try:
            read_key_sets(file)
        except ConfigurationError as error:
            said += str(error).split("\n")

    assert said
    assert [line for line in said if OF_PYDANTIC.search(line) or NO_WORDS in line] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: orders", "name: 4711", "key_sets.0.name: it must be text: put it in quotes"),
        ("name: orders", "name:", "key_sets.0.name: it has no value: give it one, or take the field out"),
        ("name: orders", "name: Orders", "key_sets.0.name: it must be 1 to 63 lower-case letters, digits and hyphens"),
        ("name: orders", "nam: orders", "key_sets.0.nam: there is no such field here: mend its name, or take it out"),
        ("name: orders", "nam: orders", "key_sets.0.name: it is missing: add it"),
        ("impair: 3", "impair: 0", "key_sets.0.rules.faults_to_impair: it must be 1 or more"),
        ("impair: 3", "impair: 61", "key_sets.0.rules.faults_to_impair: it must be 60 or less"),
        ("impair: 3", "impair: often", "key_sets.0.rules.faults_to_impair: it must be a whole number"),
        ("rules:", "failback: never\n    rules:", "key_sets.0.failback: it must be 'automatic' or 'held'"),
        ("rules:", "buckets: orders\n    rules:", "key_sets.0.buckets: it must be a list"),
        (
            "rules:",
            "buckets: [orders]\n    rules:",
            "key_sets.0.buckets.0: it must hold fields, each a name and a value",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(file: Path, old: str, new: str, said: str) -> None:
    assert said in refusal(file, GOOD.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "\n", "# later\n", "---\n", "null\n"], ids=repr)
def test_a_file_that_says_nothing_is_said_to_be_empty(file: Path, text: str) -> None:
    assert "it is empty: it needs key_sets" in refusal(file, text)
