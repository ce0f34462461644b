"""A table in memory that takes what DynamoDB takes, and looks whether what was put can be read again."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.model import Model
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.observation import Observation
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from kms_failover.domain.routing.signals import IgnoredEvent
from proofs.fuzz.surprise import Surprise

MAX_ITEM_BYTES, MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES = 400_000, 2048, 1024  # DynamoDB's own (facts 7)
KINDS: Mapping[str, type[Model]] = {
    "key-sets": KeySet,
    "observations": Observation,
    "reports": Observation,
    "signals": Observation,
    "control": Judgement,
    "history": Route,
    "news": News,
    "intents": Intent,
    "debt": Debt,
    "refusal": Refusal,
    "ignored": IgnoredEvent,
}


class MemoryTable:
    """As much of boto3's Table as `Items` calls."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}

    def put_item(self, Item: dict[str, Any], **condition: Any) -> None:  # noqa: N803  # boto3's own names
        _expect_storable(Item)
        key = Item["pk"], Item["sk"]
        if condition and not _holds(self.items.get(key), condition):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}, "PutItem")
        self.items[key] = Item

    def get_item(self, Key: dict[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get((Key["pk"], Key["sk"]))
        return {"Item": item} if item else {}

    def delete_item(self, Key: dict[str, str]) -> None:  # noqa: N803
        self.items.pop((Key["pk"], Key["sk"]), None)

    def query(self, ExpressionAttributeValues: dict[str, Any], **request: Any) -> dict[str, Any]:  # noqa: N803
        partition = ExpressionAttributeValues[":pk"]
        low, high = ExpressionAttributeValues.get(":low", ""), ExpressionAttributeValues.get(":high", "\U0010ffff")
        found = sorted(key for key in self.items if key[0] == partition and low <= key[1] <= high)
        if not request["ScanIndexForward"]:
            found.reverse()
        chosen = [self.items[key] for key in found[: request.get("Limit")]]
        return {"Items": chosen, "Count": len(chosen)}


def _holds(there: dict[str, Any] | None, condition: dict[str, Any]) -> bool:
    """Of the three conditions that are asked: absent, a lower epoch, the epoch before."""
    values = condition.get("ExpressionAttributeValues", {})
    if there is None:
        return "attribute_not_exists" in condition["ConditionExpression"]
    if ":previous" in values:
        return bool(there["epoch"] == values[":previous"])
    return ":epoch" in values and bool(there["epoch"] < values[":epoch"])


def _expect_storable(item: dict[str, Any]) -> None:
    try:
        size = sum(len(name) + len(str(value).encode()) for name, value in item.items())
        keys = len(item["pk"].encode()), len(item["sk"].encode())
    except UnicodeEncodeError as error:
        raise Surprise(f"an item that is no Unicode: {item['pk']!r}") from error
    if size >= MAX_ITEM_BYTES:
        raise Surprise(f"an item of {size} bytes under {item['pk']}")
    if not 0 < keys[0] <= MAX_PARTITION_KEY_BYTES or not 0 < keys[1] <= MAX_SORT_KEY_BYTES:
        raise Surprise(f"a key of {keys} bytes under {item['pk']!r}")
    kind = KINDS.get(item["pk"].split("#")[0])
    if kind is None:
        raise Surprise(f"an item of a kind that is not among KINDS: {item['pk']}")
    try:
        again = kind.model_validate_json(item["body"]).model_dump_json()
    except ValueError as error:
        raise Surprise(f"an item under {item['pk']} that cannot be read again: {error}") from error
    if again != item["body"]:
        raise Surprise(f"an item under {item['pk']} that is read as another")
