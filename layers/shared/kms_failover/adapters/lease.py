"""A lease in the state table (the port `domain.key_material.reimport.Lease`): one holder at a time, of one region."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MARGIN_SECONDS = 10.0  # beyond the holder's own end: two hosts' clocks
LONGEST_SECONDS = 900.0  # Lambda's longest time-out: no runner can hold it for longer

_FREE = "NOT attribute_type(held_until, :number) OR held_until < :now OR held_until > :most"


class TableLease:
    """Of one process. The item goes when it is released; one that was left behind by a crash is taken over.

    So is one that no runner can have written: nobody would ever hold it, and no key would be looked at again.
    """

    def __init__(self, table: "Table", region: str, name: str, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._key = {"pk": f"lease#{region}", "sk": name}
        self._clock = clock
        self._holder = ""
        self._knocks = 0

    def acquire(self, seconds: float) -> bool:
        now = self._clock().timestamp()
        holder = str(uuid.uuid4())
        until = int(now + seconds + MARGIN_SECONDS) + 1
        item = {**self._key, "holder": holder, "knocks": 0, "held_until": until, "expires_at": until + 86_400}
        most = int(now + LONGEST_SECONDS + MARGIN_SECONDS) + 1
        values = {":now": int(now), ":most": most, ":number": "N"}
        condition = f"attribute_not_exists(pk) OR {_FREE}"
        if not _done(self._table.put_item, Item=item, ConditionExpression=condition, ExpressionAttributeValues=values):
            return False
        self._holder, self._knocks = holder, 0
        return True

    def knock(self) -> bool:
        return _done(
            self._table.update_item,
            Key=self._key,
            UpdateExpression="ADD knocks :one",
            ConditionExpression="attribute_exists(pk) AND held_until >= :now",
            ExpressionAttributeValues={":one": 1, ":now": int(self._clock().timestamp())},
        )

    def release(self) -> bool:
        if self._delete("holder = :holder AND knocks = :knocks", {":holder": self._holder, ":knocks": self._knocks}):
            return True
        item = self._table.get_item(Key=self._key, ConsistentRead=True).get("Item")
        if item is None or item["holder"] != self._holder:
            return True  # it had ended, and is somebody else's by now
        self._knocks = int(str(item["knocks"]))
        return False

    def give_up(self) -> None:
        self._delete("holder = :holder", {":holder": self._holder})

    def _delete(self, condition: str, values: dict[str, Any]) -> bool:
        return _done(
            self._table.delete_item,
            Key=self._key,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )


def _done(call: Callable[..., object], **request: Any) -> bool:
    """False: the condition did not hold."""
    try:
        call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True
