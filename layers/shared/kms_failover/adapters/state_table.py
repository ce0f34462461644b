"""The state table: one item per fact, conditional writes on the epoch within a region (design, "State").

Reads and writes only this region's copy; DynamoDB carries the items to the others.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import Observation, RegionHealth
from kms_failover.domain.key_set import KeySet, Model
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import Intent, Route
from kms_failover.errors import EpochConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

OBSERVATION_LIFE = timedelta(hours=2)  # TTL; twice the hour over which impairments are counted
MAX_OBSERVATIONS = 2000  # a day's worth at one a round would be 8640; a window is minutes
MAX_HISTORY = 50  # what `status` shows


class StateTable:
    """Items by `pk`, `sk` and `body`, the fact's JSON.

    `pk` is `key-sets`, `key-set#<name>`, `observations#<name>#<observer>`, `debt#<name>` or `refusal#<name>`.
    """

    def __init__(self, table: "Table", region: str) -> None:
        self._table = table
        self.region = region

    # Key sets

    def put_key_set(self, key_set: KeySet) -> None:
        self._put("key-sets", key_set.name, key_set)

    def key_sets(self) -> tuple[KeySet, ...]:
        return tuple(KeySet.model_validate_json(str(item["body"])) for item in self._query("key-sets", ""))

    # Observations

    def add_observation(self, observation: Observation) -> None:
        """Writing the same observation again changes nothing: its time and id are its key."""
        at = observation.at.astimezone(UTC).isoformat()
        partition = f"observations#{observation.key_set}#{observation.observer}"
        sort_key = f"{at}#{observation.region}#{observation.source}#{observation.id}"
        expires = int((observation.at + OBSERVATION_LIFE).timestamp())
        self._put(partition, sort_key, observation, expires_at=expires)

    def observations(self, key_set: str, since: datetime) -> tuple[Observation, ...]:
        """This region's own observations from `since` on, oldest first; where they are too many, the newest."""
        partition, start = f"observations#{key_set}#{self.region}", since.astimezone(UTC).isoformat()
        items = self._query(partition, start=start, limit=MAX_OBSERVATIONS, newest_first=True)
        return tuple(Observation.model_validate_json(str(item["body"])) for item in items)[::-1]

    # Verdicts and routes

    def health(self, key_set: str) -> dict[str, RegionHealth]:
        """This region's verdicts, by the region they are about."""
        items = self._query(f"key-set#{key_set}", f"health#{self.region}#")
        found = (RegionHealth.model_validate_json(str(item["body"])) for item in items)
        return {health.region: health for health in found}

    def put_health(self, key_set: str, health: RegionHealth) -> None:
        self._put(f"key-set#{key_set}", f"health#{self.region}#{health.region}", health)

    def route(self, key_set: str) -> Route | None:
        item = self._get(f"key-set#{key_set}", f"route#{self.region}")
        return Route.model_validate_json(str(item["body"])) if item else None

    def put_route(self, route: Route, *, previous_epoch: int | None) -> None:
        """Write the route; EpochConflictError if another than `previous_epoch` is there (None: nothing yet)."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if previous_epoch is not None:
            condition = {
                "ConditionExpression": "epoch = :previous",
                "ExpressionAttributeValues": {":previous": previous_epoch},
            }
        self._put_if(f"key-set#{route.key_set}", f"route#{self.region}", route, route.epoch, condition)

    def add_history(self, route: Route) -> None:
        self._put(f"key-set#{route.key_set}", f"history#{self.region}#{route.epoch:010d}", route)

    def history(self, key_set: str) -> tuple[Route, ...]:
        """This region's route changes, newest first."""
        items = self._query(f"key-set#{key_set}", f"history#{self.region}#", limit=MAX_HISTORY, newest_first=True)
        return tuple(Route.model_validate_json(str(item["body"])) for item in items)

    # Intents: each region writes its own item, so that two regions never overwrite each other

    def intents(self, key_set: str) -> tuple[Intent, ...]:
        items = self._query(f"key-set#{key_set}", "intent#")
        return tuple(Intent.model_validate_json(str(item["body"])) for item in items)

    def put_intent(self, key_set: str, intent: Intent) -> None:
        """EpochConflictError if this region has already written an intent of this epoch or a newer one."""
        condition = {
            "ConditionExpression": "attribute_not_exists(pk) OR epoch < :epoch",
            "ExpressionAttributeValues": {":epoch": intent.epoch},
        }
        self._put_if(f"key-set#{key_set}", f"intent#{self.region}", intent, intent.epoch, condition)

    # Debts and refusals

    def put_debt(self, debt: Debt) -> None:
        """Keeps the first `since`: a debt ages from the day it was made."""
        try:
            self._put_if(f"debt#{debt.key_set}", debt.id, debt, 0, {"ConditionExpression": "attribute_not_exists(pk)"})
        except EpochConflictError:
            return

    def clear_debt(self, key_set: str, debt_id: str) -> None:
        self._table.delete_item(Key={"pk": f"debt#{key_set}", "sk": debt_id})

    def debts(self, key_set: str, owed_to: str = "") -> Iterator[Debt]:
        """Every debt of the key set, or those owed to one region."""
        prefix = f"{owed_to}#" if owed_to else ""
        return (Debt.model_validate_json(str(item["body"])) for item in self._query(f"debt#{key_set}", prefix))

    def put_refusal(self, refusal: Refusal) -> None:
        self._put(f"refusal#{refusal.key_set}", refusal.id, refusal)

    def clear_refusal(self, key_set: str, refusal_id: str) -> None:
        self._table.delete_item(Key={"pk": f"refusal#{key_set}", "sk": refusal_id})

    def refusals(self, key_set: str) -> Iterator[Refusal]:
        return (Refusal.model_validate_json(str(item["body"])) for item in self._query(f"refusal#{key_set}", ""))

    # Material

    def material(self, key_set: str, region: str) -> MaterialRecord | None:
        item = self._get(f"key-set#{key_set}", f"material#{region}")
        return MaterialRecord.model_validate_json(str(item["body"])) if item else None

    def put_material(self, record: MaterialRecord) -> None:
        self._put(f"key-set#{record.key_set}", f"material#{record.region}", record)

    # DynamoDB

    def _get(self, partition: str, sort_key: str) -> dict[str, Any] | None:
        return self._table.get_item(Key={"pk": partition, "sk": sort_key}, ConsistentRead=True).get("Item")

    def _put(
        self, partition: str, sort_key: str, body: Model, *, epoch: int = 0, expires_at: int | None = None
    ) -> None:
        self._table.put_item(Item=_item(partition, sort_key, body, epoch, expires_at))

    def _put_if(self, partition: str, sort_key: str, body: Model, epoch: int, condition: dict[str, Any]) -> None:
        try:
            self._table.put_item(Item=_item(partition, sort_key, body, epoch, None), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise EpochConflictError(f"{partition} {sort_key}: a newer one than {epoch} is there") from error

    def _query(
        self, partition: str, prefix: str = "", *, start: str = "", limit: int | None = None, newest_first: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Items whose sort key has the prefix (from `start` on), page by page, up to `limit` of them."""
        names = {"#pk": "pk"}
        values: dict[str, Any] = {":pk": partition}
        condition = "#pk = :pk"
        if prefix or start:
            names["#sk"] = "sk"
            values |= {":low": start or prefix, ":high": prefix + "\uffff"}
            condition += " AND #sk BETWEEN :low AND :high"
        request: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        seen = 0
        while True:
            page = self._table.query(**request)
            for item in page["Items"]:
                if limit is not None and seen >= limit:
                    return
                seen += 1
                yield item
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _item(partition: str, sort_key: str, body: Model, epoch: int, expires_at: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {"pk": partition, "sk": sort_key, "epoch": epoch, "body": body.model_dump_json()}
    return item | ({"expires_at": expires_at} if expires_at is not None else {})
