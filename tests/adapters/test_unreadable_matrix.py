"""Each stored model, spoiled in each way: it is read for what it is or told, and the good item beside it is read."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.state_table import key_sets as stored_key_sets
from kms_failover.adapters.state_table import observations as stored_observations
from kms_failover.domain.model import Model
from tests.adapters.stored_models import GOOD, MOST_SPOILED, SAMPLES, item_of, spoiled_items, stored_models
from tests.adapters.tables import create_state_table
from tests.domain.strategies import WEST

if TYPE_CHECKING:
    from kms_failover.errors import UnreadableItemError

every_model = pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with mock_aws():
        yield


def table_with(name: str, items: list[dict[str, Any]]) -> Any:
    table = create_state_table(WEST, name)
    with table.batch_writer() as batch:
        for item in items:
            batch.put_item(Item=item)
    return table


def test_every_model_that_is_stored_has_a_sample() -> None:
    assert stored_models() == set(SAMPLES)


@every_model
def test_a_sample_says_something_in_every_field(kind: type[Model]) -> None:
    body = json.loads(item_of(kind, GOOD)["body"])

    assert [name for name, value in body.items() if value in (None, "", [], {})] == []


@every_model
def test_what_is_wrong_with_an_item_is_its_own_trouble(
    kind: type[Model], tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_observations, "MAX_OBSERVATION_PAGES", 50)
    monkeypatch.setattr(stored_key_sets, "MAX_FORMER", MOST_SPOILED)
    spoiled = spoiled_items(kind)
    table = table_with(kind.__name__, [item_of(kind, GOOD), *spoiled.values()])
    told: list[UnreadableItemError] = []

    read = SAMPLES[kind].read(StateTable(table, WEST, told.extend))

    items = {error.item for error in told}
    assert len(read) + len(items) >= len(spoiled) + 1
    assert max(len(fact.model_dump_json()) for fact in read) < SAMPLES[kind].largest
    must_be_told = {wrong: f"{item['pk']}/{item['sk']}" for wrong, item in spoiled.items() if "body" in wrong.split()}
    assert {wrong for wrong, item in must_be_told.items() if item not in items} == set()
    assert f"{item_of(kind, GOOD)['pk']}/{item_of(kind, GOOD)['sk']}" not in items
