"""DynamoDB global tables from CloudFormation, with replication that takes time.

ministack 1.5.33 ignores `Replicas` of AWS::DynamoDB::GlobalTable, though its UpdateTable knows them; and
it replicates inside the write itself, so that a test could never see a replica that is behind.
"""

import copy
from collections import deque
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from .last_writer import Item, LastWriter

LAG_SECONDS = 0.2  # AWS says usually below one second [AWS docs: V2globaltables_HowItWorks]
TYPE = "AWS::DynamoDB::GlobalTable"


@dataclass(frozen=True)
class Change:
    """A write on its way to another region. `content` is None for a delete."""

    account: str
    region: str
    item: Item
    stamp: int
    content: dict[str, Any] | None


class Replication:
    def __init__(self) -> None:
        self._writers = LastWriter()
        self._under_way: deque[Change] = deque()

    def send(self, table: Any, _event: str, old: Any, new: Any) -> None:
        """In the place of ministack's `_replicate_write`; called inside the request that writes."""
        regions = dynamodb._replica_group(table)
        if not regions:
            return
        home, account = get_region(), get_account_id()
        item = _item(table, old if new is None else new)
        stamp = self._writers.write(home, item)
        for region in regions:
            if region != home:
                self._under_way.append(Change(account, region, item, stamp, copy.deepcopy(new)))
                _later(self._deliver)

    def _deliver(self) -> None:
        """One call per change and the same lag for all, so the oldest is always the one that is due."""
        change = self._under_way.popleft()
        if not self._writers.arrive(change.region, change.item, change.stamp):
            return
        with request_scope(change.account, change.region):
            if (table := dynamodb._tables.get(change.item[0])) is not None:
                _apply(table, change)


def _apply(table: Any, change: Change) -> None:
    name, partition, sort = change.item
    previous = table["items"].get(partition, {}).get(sort)
    match (previous, change.content):
        case (None, None):
            return
        case (_, None):
            dynamodb._remove_item(table, partition, sort)
            event = "REMOVE"
        case _:
            dynamodb._set_item(table, partition, sort, change.content)
            event = "INSERT" if previous is None else "MODIFY"
    dynamodb._emit_stream_event(name, event, previous, copy.deepcopy(change.content), replicate=False)


def _item(table: Any, attributes: Any) -> Item:
    partition = dynamodb._extract_key_val(attributes.get(table["pk_name"]))
    has_sort = bool(table["sk_name"])
    sort = dynamodb._extract_key_val(attributes.get(table["sk_name"])) if has_sort else "__no_sort__"
    return table["TableName"], partition, sort


def _later(deliver: Any) -> None:
    loop = app._MAIN_LOOP  # the thread ministack handles requests in
    loop.call_soon_threadsafe(loop.call_later, LAG_SECONDS, deliver)


def create(logical_id: str, properties: Any, stack: str) -> Any:
    name, _ = provisioners._ddb_global_table_create(logical_id, properties, stack)
    _reconcile(name, _wanted(properties))
    return name, _attributes(name)


def update(name: str, old: Any, new: Any, stack: str) -> Any:
    changed, _ = provisioners._ddb_global_table_update(name, old, new, stack)
    _reconcile(changed, _wanted(new))
    return changed, _attributes(changed)


def delete(name: str, properties: Any) -> None:
    if name in dynamodb._tables:
        _reconcile(name, {get_region()})
    provisioners._ddb_global_table_delete(name, properties)


def _wanted(properties: Any) -> set[str]:
    return {replica["Region"] for replica in properties.get("Replicas", [])} | {get_region()}


def _reconcile(name: str, wanted: set[str]) -> None:
    table = dynamodb._tables[name]
    present = set(dynamodb._replica_group(table)) or {get_region()}
    updates = [{"Create": {"RegionName": region}} for region in sorted(wanted - present)]
    updates += [{"Delete": {"RegionName": region}} for region in sorted(present - wanted)]
    if updates and (refusal := dynamodb._apply_replica_updates(name, table, updates)):
        raise ValueError(f"{TYPE} {name}: {refusal[2]!r}")


def _attributes(name: str) -> dict[str, Any]:
    table = dynamodb._tables[name]
    attributes: dict[str, Any] = provisioners._ddb_attrs(table)
    return attributes | {"TableId": table["TableId"]}


def install() -> None:
    provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}
    dynamodb._replicate_write = Replication().send  # called from one place, and there is no register
