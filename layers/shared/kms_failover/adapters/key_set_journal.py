"""Replaces key sets in the state table, and keeps what was replaced: for operators' commands, no function does it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from kms_failover.adapters.state_table.items import ItemGroup, OnUnreadable, fact
from kms_failover.adapters.state_table.key_sets import MAX_KEY_SET_PAGES, MAX_KEY_SETS
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.runbook.key_set_change import AppliedKeySet, FormerKeySet
from kms_failover.errors import UnreadableItemError, WriteConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

WRITE = "TransactWriteItems"


class KeySetJournal(ItemGroup):
    """The partition `key-sets`, which every process reads, and `former#<key set>`, which it reads where it must."""

    def __init__(self, table: "Table", region: str, on_unreadable: OnUnreadable | None = None) -> None:
        super().__init__(table, region, on_unreadable)
        self._name = table.name
        self.client = table.meta.client

    def in_force(self) -> dict[str, AppliedKeySet]:
        """By name, readable or not."""
        items = self._items.bounded("key-sets", most=MAX_KEY_SETS, pages=MAX_KEY_SET_PAGES)
        return {str(item["sk"]): _in_force(item) for item in items}

    def replace(self, key_set: KeySet, seen: AppliedKeySet | None, at: datetime, by: str) -> None:
        """In the place of what was seen to be in force, which is kept; both or nothing. Twice is the same as once.

        Raises:
            WriteConflictError: something else is in force by now. It binds the writers of this region; where two
                regions are written at once, the later write wins in both.
        """
        put = {"TableName": self._name, "Item": _item("key-sets", key_set.name, key_set.model_dump_json())}
        writes: list[dict[str, Any]] = [{"Put": put | _condition(seen)}]
        if seen is not None and seen.body is not None:
            at = self._after_the_last(key_set.name, at)
            former = FormerKeySet(name=seen.name, body=seen.body, replaced_at=at, replaced_by=by)
            kept = _item(f"former#{key_set.name}", at.astimezone(UTC).isoformat(), former.model_dump_json())
            writes.append({"Put": {"TableName": self._name, "Item": kept}})
        try:
            self.client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]  # the resource's own types
        except ClientError as error:
            if not _is_conflict(error):
                raise
            item = self._items.get("key-sets", key_set.name)
            if item is None or item.get("body") != key_set.model_dump_json():  # else it came from another region
                raise WriteConflictError(f"another key set {key_set.name} is in force than was shown") from error

    def _after_the_last(self, name: str, at: datetime) -> datetime:
        """Than which nothing is kept that is newer, whatever the clocks of operators' machines say."""
        try:
            last = self.former(name)
        except UnreadableItemError:
            return at
        return max(at, last.replaced_at + timedelta(milliseconds=1)) if last else at

    def former(self, name: str) -> FormerKeySet | None:
        """What has been replaced last. UnreadableItemError where this version cannot read it."""
        items = self._items.query(f"former#{name}", most=1, newest_first=True)
        return next((fact(FormerKeySet, item, lambda former, _: former.name == name) for item in items), None)


def _in_force(item: Mapping[str, Any]) -> AppliedKeySet:
    body = item.get("body")
    return AppliedKeySet(str(item["sk"]), body if isinstance(body, str) else None)


def _is_conflict(error: ClientError) -> bool:
    """A transaction is cancelled for other reasons too: it was throttled, or another one was under way."""
    reasons: Any = error.response.get("CancellationReasons", ())
    return any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons)


def _condition(seen: AppliedKeySet | None) -> dict[str, Any]:
    if seen is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    if seen.body is None:
        unreadable = "attribute_exists(pk) AND NOT attribute_type(body, :text)"
        return {"ConditionExpression": unreadable, "ExpressionAttributeValues": {":text": "S"}}
    return {"ConditionExpression": "body = :seen", "ExpressionAttributeValues": {":seen": seen.body}}


def _item(partition: str, sort_key: str, body: str) -> dict[str, Any]:
    return {"pk": partition, "sk": sort_key, "epoch": 0, "body": body}
