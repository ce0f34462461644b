"""The glossary points at code that exists, and has each word once."""

import inspect
import pkgutil
import re
from pathlib import Path

import pytest

GLOSSARY = (Path(__file__).resolve().parents[1] / "docs/glossary.md").read_text("utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|")) for line in GLOSSARY.splitlines() if line[:2] == "| "
]
WORDS = [row for row in ROWS if row[0] != "word"]
HARD_ONES = (
    *("order", "observer", "caller", "probe key", "own key", "watched", "trial", "sentinel", "epoch", "evidence"),
    *("backfill", "refusal, by KMS", "refusal, of an object"),
)


def exists(path: str) -> bool:
    """`module.Name` or `module.Name.attribute` below the package, in the module that defines it."""
    parent, _, name = path.rpartition(".")
    try:
        owner = pkgutil.resolve_name(f"kms_failover.{parent}")
    except (ImportError, AttributeError):
        return False
    if inspect.ismodule(owner):
        return getattr(getattr(owner, name, None), "__module__", owner.__name__) == owner.__name__ and hasattr(
            owner, name
        )
    is_at_home = f"kms_failover.{parent}".startswith(f"{owner.__module__}.")
    return is_at_home and (hasattr(owner, name) or name in owner.__annotations__)  # a model's field is no attribute


@pytest.mark.parametrize("row", WORDS, ids=lambda row: row[0])
def test_each_row_has_a_word_a_standard_term_a_meaning_and_a_place_that_exists(row: tuple[str, ...]) -> None:
    _, standard, meaning, place = row

    assert standard
    assert meaning.endswith(".")
    assert exists(place.strip("`"))


def test_each_word_stands_once() -> None:
    words = [row[0] for row in WORDS]

    assert len(words) == len(set(words))
    assert set(HARD_ONES) <= set(words)


def test_each_source_that_is_named_has_its_address() -> None:
    named = set(re.findall(r"\]\[([a-z0-9-]+)\]", GLOSSARY))
    given = set(re.findall(r"^\[([a-z0-9-]+)\]: https://", GLOSSARY, re.MULTILINE))

    assert named == given


@pytest.mark.parametrize(
    "path",
    [
        "domain.routing.health.Refuge",
        "domain.routing.shelter",
        "client.bundler.Wraps.mend",
        "domain.routing.route.Intent",
        "domain.routing.route.Mode.HOLD",
    ],
)
def test_a_place_that_does_not_exist_is_found_out(path: str) -> None:
    assert not exists(path)
