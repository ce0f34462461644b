"""DynamoDB's units a second and partition key, which ministack 1.5.33 does not count.

[AWS docs: bp-partition-key-design, throttling-key-range-limit-exceeded-mitigation; botocore dynamodb:ThrottlingReason]
The codes and messages are those of public reports of real answers, of on-demand tables and of provisioned ones.
Not counted: Scan, PartiQL, indexes, and what replication writes into another Region.
"""

import json
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from ministack import app
from ministack.services import dynamodb

from local.cloud.account_limits import REGISTER

from .partition_accesses import (
    SINGLE,
    PartitionAccess,
    batch_accesses,
    item_accesses,
    query_accesses,
    transaction_accesses,
)

TRANSACTIONS = {"TransactWriteItems", "TransactGetItems"}
BATCHES = {"BatchWriteItem": "UnprocessedItems", "BatchGetItem": "UnprocessedKeys"}
HOT_KEY_PAGE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
ON_DEMAND_MESSAGE = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
    f"index so please try again shortly. If exceptions persist, check if you have a hot key: {HOT_KEY_PAGE}"
)
PROVISIONED_MESSAGE = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning "
    "level with the UpdateTable API."
)


def throttling(access: PartitionAccess) -> Any:
    """What a request gets whose partition has nothing left."""
    access.count()
    is_on_demand = access.is_on_demand
    code = "ThrottlingException" if is_on_demand else "ProvisionedThroughputExceededException"
    reason = {"reason": f"Table{access.kind}KeyRangeThroughputExceeded", "resource": access.table["TableArn"]}
    field = "throttlingReasons" if is_on_demand else "ThrottlingReasons"
    return _failure(code, ON_DEMAND_MESSAGE if is_on_demand else PROVISIONED_MESSAGE, {field: [reason]})


def transaction_cancellation(accesses: list[PartitionAccess]) -> Any:
    """A transaction says for each member whether that was throttled [botocore dynamodb:TransactWriteItems]."""
    reasons: list[dict[str, str]] = []
    for access in accesses:
        if access.has_room():
            reasons.append({"Code": "None"})
            continue
        access.count()
        is_on_demand = access.is_on_demand
        code = "ThrottlingError" if is_on_demand else "ProvisionedThroughputExceeded"
        reasons.append({"Code": code, "Message": ON_DEMAND_MESSAGE if is_on_demand else PROVISIONED_MESSAGE})
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer transaction_cancellation reasons for specific reasons [{codes}]"
    return _failure("TransactionCanceledException", message, {"CancellationReasons": reasons})


def _failure(code: str, message: str, fields: dict[str, Any]) -> Any:
    return _answer(400, {"content-type": "application/x-amz-json-1.0"}, {"__type": code, "message": message, **fields})


def _answer(status: int, headers: dict[str, str], content: Any) -> Any:
    """With the checksum that DynamoDB's clients look at."""
    body = json.dumps(content).encode()
    return status, headers | {"x-amz-crc32": str(zlib.crc32(body))}, body


async def run_items(accesses: list[PartitionAccess], refuse: Callable[[], Any], run: Callable[[], Any]) -> Any:
    """Each item is paid for by its larger size, before or after; a condition that did not hold costs as much."""
    if not all(access.has_room() for access in accesses):
        return refuse()
    before = [access.stored_bytes() for access in accesses]
    answer = await run()
    for access, size in zip(accesses, before, strict=True):
        access.pay(max(size, access.stored_bytes()))
    return answer


async def run_query(access: PartitionAccess, run: Callable[[], Any]) -> Any:
    """A query that reads a part of its partition pays for so many items of the average size."""
    if not access.has_room():
        return throttling(access)
    status, headers, body = await run()
    access.pay(access.average_bytes() * json.loads(body).get("ScannedCount", 0))
    return status, headers, body


async def run_batch(action: str, data: Any, run: Callable[[Any], Any]) -> Any:
    """What finds no room comes back as unprocessed. Only if nothing finds any the request fails."""
    taken, left, refused = _split(action, data.get("RequestItems") or {})
    if refused and not taken:
        return throttling(refused[0])
    for access in refused:
        access.count()
    status, headers, body = await run(data | {"RequestItems": taken})
    content = json.loads(body)
    if left:
        content[BATCHES[action]] = left
    return _answer(status, headers, content)


def _split(action: str, requested: Any) -> tuple[Any, Any, list[PartitionAccess]]:
    """What is run, what comes back unprocessed, and whose partitions had no room. What is run has been paid for."""
    taken: dict[str, Any] = {}
    left: dict[str, Any] = {}
    refused: list[PartitionAccess] = []
    is_write = action == "BatchWriteItem"
    for name, wanted in requested.items():
        fitting: list[Any] = []
        others: list[Any] = []
        for entry in wanted if is_write else wanted.get("Keys", ()):
            accesses = list(batch_accesses(name, entry, wanted, is_write))
            lacking = [access for access in accesses if not access.has_room()]
            refused += lacking
            (others if lacking else fitting).append(entry)
            if not lacking:
                _pay_batched(accesses, entry)
        taken |= {name: fitting if is_write else {**wanted, "Keys": fitting}} if fitting else {}
        left |= {name: others if is_write else {**wanted, "Keys": others}} if others else {}
    return taken, left, refused


def _pay_batched(accesses: list[PartitionAccess], entry: Any) -> None:
    """At once, so that a batch cannot take more than there is."""
    written = dynamodb._item_size_bytes(entry.get("PutRequest", {}).get("Item", {}))
    for access in accesses:
        access.pay(max(access.stored_bytes(), written if access.is_write else 0))


def _limited(handle: Callable[..., Any]) -> Callable[..., Any]:
    async def handle_request(method: str, path: str, headers: Any, body: bytes, parameters: Any) -> Any:
        limits, action = REGISTER.now, headers.get("x-amz-target", "").rpartition(".")[2]
        if limits.partition_write_units is None and limits.partition_read_units is None:
            return await handle(method, path, headers, body, parameters)
        data = json.loads(body or b"{}")

        def run(changed: Any = data) -> Any:
            return handle(method, path, headers, json.dumps(changed).encode(), parameters)

        if action in BATCHES:
            return await run_batch(action, data, run)
        if action == "Query" and (queried := next(query_accesses(data), None)):
            return await run_query(queried, run)
        if action in SINGLE and (accesses := list(item_accesses(action, data))):
            return await run_items(accesses, partial(throttling, accesses[0]), run)
        if action in TRANSACTIONS and (accesses := list(transaction_accesses(data))):
            return await run_items(accesses, partial(transaction_cancellation, accesses), run)
        return await run()

    return handle_request


def install() -> None:
    app.SERVICE_HANDLERS["dynamodb"] = _limited(app.SERVICE_HANDLERS["dynamodb"])
