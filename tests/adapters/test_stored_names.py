"""The names under which the state table holds facts: versions share the table, so each of them stays (decision 30)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kms_failover.domain.model import Model
from tests.adapters.stored_models import GOOD, SAMPLES, item_of

STORED_NAMES = Path(__file__).with_name("stored_names.json")
PINNED: dict[str, list[str]] = json.loads(STORED_NAMES.read_text("utf-8"))


def names(value: Any, path: str = "") -> Iterator[str]:
    """The path of every value below; the items of a list have one together."""
    if isinstance(value, list):
        for item in value:
            yield from names(item, f"{path}[]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from names(item, f"{path}.{name}" if path else name)
    else:
        yield path


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)
def test_what_is_stored_keeps_its_names(kind: type[Model]) -> None:
    """A name that is new is added to stored_names.json. One that is gone is not read any more by this version.

    Nor is the new one by the version before, which runs beside it during a deployment: keep the old one as an alias.
    """
    item = item_of(kind, GOOD)
    stored = sorted({*names(json.loads(item["body"])), *(f"item: {name}" for name in item)})

    assert stored == PINNED[kind.__name__]


def test_every_stored_model_is_pinned() -> None:
    assert set(PINNED) == {kind.__name__ for kind in SAMPLES}
