"""A state table in which single items are spoiled, in each way in which an item cannot be read."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kms_failover.adapters.state_table import StateTable
from tests.domain.strategies import WEST

if TYPE_CHECKING:
    from kms_failover.errors import UnreadableItemError

type Break = Callable[[dict[str, Any]], dict[str, Any]]


class World:
    """Empties the table."""

    def __init__(self, table: Any) -> None:
        for item in table.scan()["Items"]:
            table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
        self.table = table
        self.told: list[UnreadableItemError] = []
        self.state = StateTable(table, WEST, self.told.extend)

    def anew(self) -> StateTable:
        """As a process that has just started."""
        return StateTable(self.table, WEST, self.told.extend)

    def spoil(self, partition: str, sort_key: str, spoiled: Break) -> None:
        item = self.table.get_item(Key={"pk": partition, "sk": sort_key})["Item"]
        self.table.put_item(Item=spoiled(item))

    @property
    def items_told(self) -> set[str]:
        return {error.item for error in self.told}


def says(**changes: object) -> Break:
    return lambda item: item | {"body": json.dumps(json.loads(item["body"]) | changes)}


def has(**attributes: Any) -> Break:
    return lambda item: item | attributes


def lacks(name: str) -> Break:
    return lambda item: {key: value for key, value in item.items() if key != name}


NO_BODY = [lacks("body"), has(body="{"), has(body="[]"), has(body=7), has(body=b"\xff"), has(body="[" * 5000)]
