"""The state table: one item per fact, conditional writes on the epoch within a region (design, "State").

Reads and writes only this region's copy; DynamoDB carries the items to the others.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import Observation, Source
from kms_failover.domain.judgement import Judgement
from kms_failover.domain.key_set import KeySet, Model
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import Intent, Mode, Route
from kms_failover.domain.signals import IgnoredEvent
from kms_failover.errors import EpochConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

logger = logging.getLogger(__name__)

OBSERVATION_LIFE = timedelta(hours=2)  # TTL; twice the hour over which impairments are counted
MAX_OBSERVATIONS = 2000  # of a kind; some nine rounds in which each of 200 keys is asked, hours of ordinary ones
IGNORED_EVENT_LIFE = timedelta(days=30)
MAX_HISTORY = 50  # what `status` shows


PROBES, REPORTS, SIGNALS = KINDS = ("observations", "reports", "signals")
_WRITERS = {Source.PROBE: PROBES, Source.DATA_PLANE: REPORTS}


class StateTable:
    """Items by `pk`, `sk` and `body`, the fact's JSON. Fields that a later version adds to a fact are ignored.

    `pk` is `key-sets`, `observations#<observer>` (the probe's), `reports#<observer>` (the data plane's),
    `signals#<observer>` (AWS's and drills'), `control#<observer>`, `history#<observer>#<key set>`, `intents`,
    `key-set#<key set>` (material), `debt#<key set>`, `refusal#<key set>`, `ignored#<observer>` or, Powertools' own,
    `idempotency#<observer>`.
    """

    def __init__(self, table: "Table", region: str) -> None:
        self._table = table
        self.region = region

    # Key sets

    def put_key_set(self, key_set: KeySet) -> None:
        self._put("key-sets", key_set.name, key_set)

    def key_sets(self) -> tuple[KeySet, ...]:
        return tuple(_fact(KeySet, item) for item in self._query("key-sets", ""))

    # Observations

    def add_observation(self, observation: Observation) -> None:
        """Writing the same observation again changes nothing: its time and id are its key.

        Each kind of writer has a partition of its own, and no right to another's.
        """
        at = observation.at.astimezone(UTC).isoformat()
        sort_key = f"{at}#{observation.region}#{observation.source}#{observation.key_set}#{observation.id}"
        expires = int((observation.at + OBSERVATION_LIFE).timestamp())
        partition = f"{_WRITERS.get(observation.source, SIGNALS)}#{observation.observer}"
        self._put(partition, sort_key, observation, expires_at=expires)

    def observations(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        """This region's own observations from `since` on, oldest first; of each kind, where too many, the newest."""
        return tuple(sorted((o for kind in KINDS for o in self._observed(kind, since, until)), key=lambda o: o.at))

    def reports(self, since: datetime) -> tuple[Observation, ...]:
        """Those of the data plane alone."""
        return tuple(self._observed(REPORTS, since, None))

    def _observed(self, kind: str, since: datetime, until: datetime | None) -> list[Observation]:
        start, end = since.astimezone(UTC).isoformat(), until.astimezone(UTC).isoformat() if until else ""
        items = self._query(f"{kind}#{self.region}", start=start, end=end, limit=MAX_OBSERVATIONS, newest_first=True)
        found = [_fact(Observation, item) for item in items]
        return [o for o in found if _WRITERS.get(o.source, SIGNALS) == kind][::-1]

    def add_ignored_event(self, event: IgnoredEvent) -> None:
        sort_key = f"{event.at.astimezone(UTC).isoformat()}#{event.id}"
        expires = int((event.at + IGNORED_EVENT_LIFE).timestamp())
        self._put(f"ignored#{self.region}", sort_key, event, expires_at=expires)

    def ignored_events(self, at_most: int) -> tuple[IgnoredEvent, ...]:
        """Newest first."""
        items = self._query(f"ignored#{self.region}", "", limit=at_most, newest_first=True)
        return tuple(_fact(IgnoredEvent, item) for item in items)

    # Judgements: verdicts and route, this region's own

    def judgements(self) -> dict[str, Judgement]:
        """By key set. One that cannot be read is left out: its key set fails by itself, when it is written."""
        found = {}
        for item in self._query(f"control#{self.region}", ""):
            try:
                found[str(item["sk"])] = _fact(Judgement, item)
            except ValidationError:
                logger.exception("the judgement of %s cannot be read", item["sk"])
        return found

    def judgement(self, key_set: str) -> Judgement | None:
        item = self._get(f"control#{self.region}", key_set)
        return _fact(Judgement, item) if item else None

    def put_judgement(self, judgement: Judgement) -> None:
        """EpochConflictError unless the version before this one is there; before version 0 there is none."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if judgement.version:
            condition = {
                "ConditionExpression": "epoch = :previous",
                "ExpressionAttributeValues": {":previous": judgement.version - 1},
            }
        self._put_if(f"control#{self.region}", judgement.key_set, judgement, judgement.version, condition)

    def route(self, key_set: str) -> Route | None:
        judgement = self.judgement(key_set)
        return judgement.route if judgement else None

    def add_history(self, route: Route) -> None:
        self._put(f"history#{self.region}#{route.key_set}", f"{route.epoch:010d}", route)

    def history(self, key_set: str, at_most: int = MAX_HISTORY) -> tuple[Route, ...]:
        """This region's route changes, newest first."""
        items = self._query(f"history#{self.region}#{key_set}", "", limit=at_most, newest_first=True)
        return tuple(_fact(Route, item) for item in items)

    # Intents: each region writes its own item, so that two regions never overwrite each other

    def intents(self, key_set: str) -> tuple[Intent, ...]:
        return tuple(_intent(item) for item in self._query("intents", f"{key_set}#"))

    def all_intents(self) -> dict[str, list[Intent]]:
        """By key set."""
        found: dict[str, list[Intent]] = {}
        for item in self._query("intents", ""):
            found.setdefault(str(item["sk"]).partition("#")[0], []).append(_intent(item))
        return found

    def put_intent(self, key_set: str, intent: Intent) -> None:
        """EpochConflictError if this region has already written an intent of this epoch or a newer one."""
        condition = {
            "ConditionExpression": "attribute_not_exists(pk) OR epoch < :epoch",
            "ExpressionAttributeValues": {":epoch": intent.epoch},
        }
        self._put_if("intents", f"{key_set}#{self.region}", intent, intent.epoch, condition)

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
        return (_fact(Debt, item) for item in self._query(f"debt#{key_set}", prefix))

    def owed(self, key_set: str, region: str, at_most: int) -> int:
        """How many objects of the key set are owed to the region; counts no further than `at_most`."""
        return sum(1 for _ in self._query(f"debt#{key_set}", f"{region}#", limit=at_most))

    def put_refusal(self, refusal: Refusal) -> None:
        self._put(f"refusal#{refusal.key_set}", refusal.id, refusal)

    def clear_refusal(self, key_set: str, refusal_id: str) -> None:
        self._table.delete_item(Key={"pk": f"refusal#{key_set}", "sk": refusal_id})

    def refusals(self, key_set: str) -> Iterator[Refusal]:
        return (_fact(Refusal, item) for item in self._query(f"refusal#{key_set}", ""))

    # Material

    def material(self, key_set: str, region: str) -> MaterialRecord | None:
        item = self._get(f"key-set#{key_set}", f"material#{region}")
        return _fact(MaterialRecord, item) if item else None

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
        self,
        partition: str,
        prefix: str = "",
        *,
        start: str = "",
        end: str = "",
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Items whose sort key has the prefix (from `start` to `end`), page by page, up to `limit` of them."""
        names = {"#pk": "pk"}
        values: dict[str, Any] = {":pk": partition}
        condition = "#pk = :pk"
        if prefix or start:
            names["#sk"] = "sk"
            values |= {":low": start or prefix, ":high": (end or prefix) + "\uffff"}
            condition += " AND #sk BETWEEN :low AND :high"
        request: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
            **({"Limit": limit} if limit is not None else {}),
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


def _intent(item: Mapping[str, Any]) -> Intent:
    """An order that this version cannot read, as while another one is being deployed, holds: whatever it says, wait."""
    try:
        return _fact(Intent, item)
    except ValidationError:
        logger.exception("the order %s cannot be read, so it holds", item["sk"])
        region = str(item["sk"]).partition("#")[2]
        reason = "an order that this version cannot read"
        return Intent(mode=Mode.HOLD, epoch=int(item["epoch"]), written_in=region, author=region, reason=reason)


def _fact[F: Model](kind: type[F], item: Mapping[str, Any]) -> F:
    return kind.model_validate_json(str(item["body"]), extra="ignore")


def _item(partition: str, sort_key: str, body: Model, epoch: int, expires_at: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {"pk": partition, "sk": sort_key, "epoch": epoch, "body": body.model_dump_json()}
    return item | ({"expires_at": expires_at} if expires_at is not None else {})
