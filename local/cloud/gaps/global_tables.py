"""DynamoDB global tables from CloudFormation, with replication that takes time.

ministack 1.5.33 ignores `Replicas` of AWS::DynamoDB::GlobalTable, though its UpdateTable knows them; and
it replicates inside the write itself, so that a test could never see a replica that is behind.
"""

import copy
from collections import deque
from dataclasses import dataclass
from typing import Any

from ministack import app  # type: ignore[import-not-found]  # in the tools' environment only
from ministack.core.responses import get_account_id, get_region, request_scope  # type: ignore[import-not-found]  # the same
from ministack.services import dynamodb  # type: ignore[import-not-found]  # the same
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]  # the same

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
        regions = dynamodb._replica_group(table)  # noqa: SLF001 - ministack has no public way; so below
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
            if (table := dynamodb._tables.get(change.item[0])) is not None:  # noqa: SLF001
                _apply(table, change)


def _apply(table: Any, change: Change) -> None:
    name, partition, sort = change.item
    previous = table["items"].get(partition, {}).get(sort)
    match (previous, change.content):
        case (None, None):
            return
        case (_, None):
            dynamodb._remove_item(table, partition, sort)  # noqa: SLF001
            event = "REMOVE"
        case _:
            dynamodb._set_item(table, partition, sort, change.content)  # noqa: SLF001
            event = "INSERT" if previous is None else "MODIFY"
    dynamodb._emit_stream_event(name, event, previous, copy.deepcopy(change.content), replicate=False)  # noqa: SLF001


def _item(table: Any, attributes: Any) -> Item:
    partition = dynamodb._extract_key_val(attributes.get(table["pk_name"]))  # noqa: SLF001
    has_sort = bool(table["sk_name"])
    sort = dynamodb._extract_key_val(attributes.get(table["sk_name"])) if has_sort else "__no_sort__"  # noqa: SLF001
    return table["TableName"], partition, sort


def _later(deliver: Any) -> None:
    loop = app._MAIN_LOOP  # noqa: SLF001 - the thread ministack handles requests in
    loop.call_soon_threadsafe(loop.call_later, LAG_SECONDS, deliver)


def create(logical_id: str, properties: Any, stack: str) -> Any:
    name, _ = provisioners._ddb_global_table_create(logical_id, properties, stack)  # noqa: SLF001
    _reconcile(name, _wanted(properties))
    return name, _attributes(name)


def update(name: str, old: Any, new: Any, stack: str) -> Any:
    changed, _ = provisioners._ddb_global_table_update(name, old, new, stack)  # noqa: SLF001
    _reconcile(changed, _wanted(new))
    return changed, _attributes(changed)


def delete(name: str, properties: Any) -> None:
    if name in dynamodb._tables:  # noqa: SLF001
        _reconcile(name, {get_region()})
    provisioners._ddb_global_table_delete(name, properties)  # noqa: SLF001


def _wanted(properties: Any) -> set[str]:
    return {replica["Region"] for replica in properties.get("Replicas", [])} | {get_region()}


def _reconcile(name: str, wanted: set[str]) -> None:
    table = dynamodb._tables[name]  # noqa: SLF001
    present = set(dynamodb._replica_group(table)) or {get_region()}  # noqa: SLF001
    updates = [{"Create": {"RegionName": region}} for region in sorted(wanted - present)]
    updates += [{"Delete": {"RegionName": region}} for region in sorted(present - wanted)]
    if updates and (refusal := dynamodb._apply_replica_updates(name, table, updates)):  # noqa: SLF001
        raise ValueError(f"{TYPE} {name}: {refusal[2]!r}")


def _attributes(name: str) -> dict[str, Any]:
    table = dynamodb._tables[name]  # noqa: SLF001
    attributes: dict[str, Any] = provisioners._ddb_attrs(table)  # noqa: SLF001
    return attributes | {"TableId": table["TableId"]}


def install() -> None:
    provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}  # noqa: SLF001
    dynamodb._replicate_write = Replication().send  # noqa: SLF001 - called from one place, and there is no register
