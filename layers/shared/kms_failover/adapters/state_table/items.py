"""Items of the state table: DynamoDB's calls, and how one item is read without the others having to suffer for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from kms_failover.adapters.state_table.unreadable import UnreadableLog
from kms_failover.domain.model import Model
from kms_failover.domain.plain_text import shown
from kms_failover.domain.problems import problems
from kms_failover.errors import LONGEST_SHOWN, UnreadableItemError, WriteConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MAX_NOTICED = 100  # unreadable items that are listed for people; all are counted
MAX_EPOCH = 2**63  # an intent's is milliseconds since 1970, a judgement's counts writes

Item: TypeAlias = Mapping[str, Any]
OnUnreadable: TypeAlias = Callable[[Sequence[UnreadableItemError]], None]
Behind: TypeAlias = Callable[[str], Iterable[Item]]

F = TypeVar("F", bound=Model)


class _MoreError(Exception):
    """There is more than a reading takes; the text says more than what."""


def _nothing(_last: str) -> Iterable[Item]:
    return ()


def _no_more_than(most: int, items: Iterable[Item]) -> Iterator[Item]:
    for seen, item in enumerate(items):
        if seen == most:
            raise _MoreError(f"more than {most} items: the others are not read")
        yield item


class Items:
    """One region's copy of the table. An item is `pk`, `sk`, `epoch` and `body`, the fact's JSON.

    Fields that a later version adds to a fact are ignored. An item that cannot be read at all is left out and told to
    `on_unreadable`: whoever wrote it, the items beside it are read.
    """

    def __init__(self, table: "Table", on_unreadable: OnUnreadable | None = None) -> None:
        self._table = table
        self._on_unreadable = on_unreadable or UnreadableLog()
        self._listeners: list[list[UnreadableItemError]] = []

    # Reading

    def get(self, partition: str, sort_key: str) -> Item | None:
        return self._table.get_item(Key={"pk": partition, "sk": sort_key}, ConsistentRead=True).get("Item")

    def query(
        self,
        partition: str,
        prefix: str = "",
        *,
        start: str = "",
        end: str = "",
        most: int | None = None,
        pages: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Item]:
        """Items whose sort key has the prefix (from `start` to `end`), page by page.

        At most so many items, and so many pages: a page is 1 MB at most, whatever somebody has put into its items.
        _MoreError where that many pages were not enough.
        """
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
            **({"Limit": most} if most is not None else {}),
        }
        seen = read = 0
        while pages is None or read < pages:
            page = self._table.query(**request)
            read += 1
            for item in page["Items"]:
                if most is not None and seen >= most:
                    return
                seen += 1
                yield item
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        raise _MoreError(f"more than {pages} MB: what is behind them is not read")

    def bounded(
        self, partition: str, *, most: int, pages: int, behind: Behind = _nothing, **query: Any
    ) -> Iterator[Item]:
        """The same; that there are more is told as an item that cannot be read is.

        `behind` gives what is to be read all the same, by the sort key of the last item that was read.
        """
        last = ""
        try:
            for item in _no_more_than(most, self.query(partition, most=most + 1, pages=pages, **query)):
                last = str(item["sk"])
                yield item
        except _MoreError as more:
            self.report([UnreadableItemError(partition, "", str(more))])
            yield from behind(last)

    def facts(
        self, kind: type[F], items: Iterable[Item], belongs: Callable[[F, str], bool] = lambda _fact, _sort_key: True
    ) -> Iterator[F]:
        """Those that can be read, and that belong where they stand, by their sort key."""
        unreadable: list[UnreadableItemError] = []
        try:
            for item in items:
                try:
                    found = fact(kind, item, belongs)
                except UnreadableItemError as error:
                    unreadable.append(error)
                else:
                    yield found
        finally:
            self.report(unreadable)

    def needed(self, kind: type[F], item: Item, belongs: Callable[[F, str], bool]) -> F:
        """One without which its reader does nothing: UnreadableItemError, once it is reported."""
        try:
            return fact(kind, item, belongs)
        except UnreadableItemError as error:
            self.report([error])
            raise

    def report(self, unreadable: Sequence[UnreadableItemError]) -> None:
        if not unreadable:
            return
        for noticed in self._listeners:
            noticed.extend(unreadable[: MAX_NOTICED - len(noticed)])
        self._on_unreadable(unreadable)

    @contextmanager
    def noticing(self) -> Iterator[list[UnreadableItemError]]:
        """What cannot be read meanwhile, for one thread to show; the first MAX_NOTICED."""
        noticed: list[UnreadableItemError] = []
        self._listeners.append(noticed)
        try:
            yield noticed
        finally:
            self._listeners = [one for one in self._listeners if one is not noticed]

    # Writing

    def put(self, partition: str, sort_key: str, body: Model, *, epoch: int = 0, expires_at: int | None = None) -> None:
        self._table.put_item(Item=_item(partition, sort_key, body, epoch, expires_at))

    def put_if(self, partition: str, sort_key: str, body: Model, epoch: int, condition: dict[str, Any]) -> None:
        """WriteConflictError where the condition does not hold."""
        with _condition(f"{partition} {sort_key}: a newer one than {epoch} is there"):
            self._table.put_item(Item=_item(partition, sort_key, body, epoch, None), **condition)

    def delete(self, partition: str, sort_key: str) -> None:
        self._table.delete_item(Key={"pk": partition, "sk": sort_key})

    def delete_if(self, partition: str, sort_key: str, body: object) -> None:
        """WriteConflictError where another body is stored, or none where there was one. NULL is none either."""
        condition: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(body) OR attribute_type(body, :null)",
            "ExpressionAttributeValues": {":null": "NULL"},
        }
        if body is not None:
            condition = {"ConditionExpression": "body = :body", "ExpressionAttributeValues": {":body": body}}
        with _condition(f"{partition} {sort_key}: a newer one is there"):
            self._table.delete_item(Key={"pk": partition, "sk": sort_key}, **condition)


@contextmanager
def _condition(otherwise: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise WriteConflictError(otherwise) from error


def fact(kind: type[F], item: Item, belongs: Callable[[F, str], bool] = lambda _fact, _sort_key: True) -> F:
    """UnreadableItemError where the item's body is none of this kind, or of one that belongs elsewhere."""
    partition, sort_key, body = str(item["pk"]), str(item["sk"]), item.get("body")
    if not isinstance(body, str):
        raise UnreadableItemError(partition, sort_key, "there is no body")
    try:
        found = kind.model_validate_json(body, extra="ignore")
        if belongs(found, sort_key):
            return found
    except ValidationError as error:
        raise UnreadableItemError(partition, sort_key, _reason(error)) from None  # its text has the item's content
    except (ValueError, OverflowError) as error:  # a time beyond the calendar
        raise UnreadableItemError(
            partition, sort_key, f"{type(error).__name__}: {shown(str(error), LONGEST_SHOWN)}"
        ) from error
    raise UnreadableItemError(partition, sort_key, "it lacks something, or belongs into another item")


def _reason(error: ValidationError) -> str:
    first = next(problems(error))
    return f"{shown(first.field or 'body', LONGEST_SHOWN)}: {shown(first.words, LONGEST_SHOWN)}"


def epoch_of(item: Item) -> int | None:
    """None where the item has none that could be counted on from."""
    epoch = item.get("epoch")
    try:
        number = int(epoch) if epoch is not None and not isinstance(epoch, str) else -1
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= MAX_EPOCH else None


def unless_epoch(condition: str, values: dict[str, Any]) -> dict[str, Any]:
    """`condition`, or an item without an epoch that `epoch_of` knows: nobody could ever write over it otherwise."""
    no_epoch = "attribute_exists(pk) AND (NOT attribute_type(epoch, :number) OR epoch < :least OR epoch > :most)"
    return {
        "ConditionExpression": f"({no_epoch}) OR ({condition})",
        "ExpressionAttributeValues": values | {":number": "N", ":least": 0, ":most": MAX_EPOCH},
    }


def _item(partition: str, sort_key: str, body: Model, epoch: int, expires_at: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {"pk": partition, "sk": sort_key, "epoch": epoch, "body": body.model_dump_json()}
    return item | ({"expires_at": expires_at} if expires_at is not None else {})


class ItemGroup:
    """What the groups of facts have in common."""

    def __init__(self, table: "Table", region: str, on_unreadable: OnUnreadable | None = None) -> None:
        self._items = Items(table, on_unreadable)
        self.region = region
