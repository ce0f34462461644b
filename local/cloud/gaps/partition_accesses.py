"""Which partitions of which tables a request of DynamoDB reaches, and what it pays there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, dynamodb

from local.cloud.account_limits import REGISTER

from .partition_meter import EVENTUAL, STRONG, TRANSACTIONAL, PartitionMeter, read_units, write_units

METER = PartitionMeter()
SINGLE = {"PutItem": "Item", "UpdateItem": "Key", "DeleteItem": "Key", "GetItem": "Key"}
EQUALS = re.compile(r"([#\w.]+)\s*=\s*(:\w+)")


@dataclass(frozen=True)
class PartitionAccess:
    """One item, or one partition that is queried, as a request reaches it."""

    table: Any
    partition: str
    sort: str
    is_write: bool
    factor: float

    def has_room(self) -> bool:
        limit = self._limit
        return limit is None or METER.has_room(self._place, limit)

    def pay(self, size: float) -> None:
        if (limit := self._limit) is not None:
            METER.charge(self._place, (write_units if self.is_write else read_units)(size, self.factor), limit)

    def stored_bytes(self) -> int:
        item = self.table["items"].get(self.partition, {}).get(self.sort)
        size: int = dynamodb._item_size_bytes(item) if item else 0
        return size

    def average_bytes(self) -> float:
        sizes: list[int] = [
            dynamodb._item_size_bytes(item) for item in self.table["items"].get(self.partition, {}).values()
        ]
        return sum(sizes) / max(1, len(sizes))

    def count(self) -> None:
        kind, dimensions = self.kind, {"TableName": self.table["TableName"]}
        for metric in (f"{kind}ThrottleEvents", f"{kind}KeyRangeThroughputThrottleEvents"):
            cloudwatch.record_metric("AWS/DynamoDB", metric, 1, "Count", dimensions)

    @property
    def kind(self) -> str:
        return "Write" if self.is_write else "Read"

    @property
    def is_on_demand(self) -> bool:
        return bool(self.table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST")

    @property
    def _limit(self) -> float | None:
        return REGISTER.now.partition_write_units if self.is_write else REGISTER.now.partition_read_units

    @property
    def _place(self) -> tuple[str, ...]:
        return get_account_id(), get_region(), self.table["TableName"], self.partition, self.kind


def item_accesses(action: str, data: Any) -> Iterator[PartitionAccess]:
    is_write = action != "GetItem"
    yield from _item(data, data.get(SINGLE[action]), is_write, STRONG if is_write else _read_factor(data))


def transaction_accesses(data: Any) -> Iterator[PartitionAccess]:
    for member in data.get("TransactItems", ()):
        for kind, part in member.items():
            yield from _item(part, part.get("Item") or part.get("Key"), kind != "Get", TRANSACTIONAL)


def query_accesses(data: Any) -> Iterator[PartitionAccess]:
    table = _table(data)
    if table is None or data.get("IndexName"):
        return
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    for name, value in EQUALS.findall(data.get("KeyConditionExpression") or ""):
        if names.get(name, name) == table["pk_name"] and value in values:
            yield PartitionAccess(
                table, dynamodb._extract_key_val(values[value]), "", is_write=False, factor=_read_factor(data)
            )


def batch_accesses(name: str, entry: Any, wanted: Any, is_write: bool) -> Iterator[PartitionAccess]:  # noqa: FBT001 - two kinds
    if not is_write:
        yield from _item({"TableName": name}, entry, is_write, _read_factor(wanted))
        return
    attributes = entry.get("PutRequest", {}).get("Item") or entry.get("DeleteRequest", {}).get("Key")
    yield from _item({"TableName": name}, attributes, is_write, STRONG)


def _item(data: Any, attributes: Any, is_write: bool, factor: float) -> Iterator[PartitionAccess]:  # noqa: FBT001 - two kinds
    """Nothing where the table or its key is missing: ministack then says what is wrong."""
    table = _table(data)
    if table is None or not attributes or table["pk_name"] not in attributes:
        return
    sort = table["sk_name"] and dynamodb._extract_key_val(attributes.get(table["sk_name"]))
    partition = dynamodb._extract_key_val(attributes[table["pk_name"]])
    yield PartitionAccess(table, partition, sort or "__no_sort__", is_write, factor)


def _table(data: Any) -> Any:
    return dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))


def _read_factor(data: Any) -> float:
    return STRONG if data.get("ConsistentRead") else EVENTUAL
