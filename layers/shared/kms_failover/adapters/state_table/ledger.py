"""The state table's debts, refusals and backfills.

Sort keys begin with what is asked for: `<owed to>#in#<bucket>#<digest>` and `in#<bucket>#<digest>`. Version 1 wrote
`<owed to>#<digest>` and `<digest>`; those sort before the others, for a digest is hexadecimal.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice, takewhile
from typing import Any, TypeVar

from kms_failover.adapters.state_table.items import Item, ItemGroup, fact
from kms_failover.domain.objects.backfill import Backfill, Phase
from kms_failover.domain.objects.coverage import CoverageGap
from kms_failover.domain.objects.debt import Debt, LedgerEntry, ObjectEntries, Refusal, debt_id, refusal_id
from kms_failover.errors import UnreadableItemError, WriteConflictError

F = TypeVar("F", bound=Debt | Refusal)


class LedgerItems(ItemGroup):
    def standing(self, key_set: str, regions: Sequence[str], bucket: str, key: str) -> ObjectEntries:
        """What is held of one object now."""
        debts = [self._items.get(f"debt#{key_set}", debt_id(region, bucket, key)) for region in regions]
        refusal = self._items.get(f"refusal#{key_set}", refusal_id(bucket, key))
        return ObjectEntries(
            tuple(self._held(Debt, key_set, debt) for debt in debts if debt),
            self._held(Refusal, key_set, refusal) if refusal else None,
        )

    def put_debt(self, debt: Debt) -> None:
        self._items.put(f"debt#{debt.key_set}", debt.id, debt)

    def clear_debt(self, held: LedgerEntry[Debt]) -> None:
        """What has been written since stays."""
        with _unless_newer():
            self._items.delete_if(f"debt#{held.key_set}", held.id, held.as_stored)

    def mark_sent(self, held: LedgerEntry[Debt], at: datetime) -> bool:
        """False if it is not stored like this any more."""
        if held.record is None:
            return False
        marked = held.record.but(sent_at=at)
        try:
            self._items.put_if(f"debt#{held.key_set}", held.id, marked, 0, _stored_as(held.as_stored))
        except WriteConflictError:
            return False
        return True

    def debts(self, key_set: str, owed_to: str = "") -> Iterator[Debt]:
        """Every debt of the key set, or those owed to one region."""
        items = self._items.query(f"debt#{key_set}", f"{owed_to}#" if owed_to else "")
        return self._items.facts(Debt, items, _belongs)

    def debts_of(self, key_set: str, owed_to: str, bucket: str, start: str) -> Iterator[LedgerEntry[Debt]]:
        """From `start`, a place among the digests, round to it again: whoever reads a part begins elsewhere next."""
        partition, group = f"debt#{key_set}", f"{owed_to}#in#{bucket}#"
        after = self._items.query(partition, start=group + start, end=group)
        before = takewhile(lambda item: str(item["sk"]) < group + start, self._items.query(partition, group))
        return (self._held(Debt, key_set, item) for item in chain(after, before if start else ()))

    def debt_groups(self, key_set: str) -> Iterator[tuple[str, str]]:
        """To which regions which buckets owe, by one short read for each; all but what `adopt_former` adopts.

        That is passed over at once, however much of a region's there is.
        """
        start = " "
        while item := next(self._items.query(f"debt#{key_set}", start=start, end="~", most=1), None):
            owed_to, _, rest = str(item["sk"]).partition("#in#")
            bucket = rest.rpartition("#")[0]
            if bucket:
                yield owed_to, bucket
                start = f"{owed_to}#in#{bucket}#\uffff"
            else:
                start = max(f"{item['sk']}\uffff", f"{owed_to.partition('#')[0]}#in#")

    def owed(self, key_set: str, region: str, at_most: int) -> int:
        """How many objects of the key set are owed to the region; counts no further than `at_most`.

        A debt that cannot be read is one all the same.
        """
        return len(self._reported(Debt, f"debt#{key_set}", f"{region}#", at_most))

    def uncovered(self, key_set: str, region: str, bucket: str, at_most: int) -> CoverageGap:
        """Counted by their items, read or not: what cannot be read is uncovered all the same."""
        group = f"in#{bucket}#"
        owed = self._digests(Debt, f"debt#{key_set}", f"{region}#{group}", at_most)
        refused = self._digests(Refusal, f"refusal#{key_set}", group, at_most)
        more = max(len(owed), len(refused)) >= at_most or self._has_strays(key_set, region)
        return CoverageGap(len(owed), len(refused), len(owed | refused), more)

    def _digests(self, kind: type[Debt | Refusal], partition: str, group: str, at_most: int) -> set[str]:
        return {str(item["sk"]).removeprefix(group) for item in self._reported(kind, partition, group, at_most)}

    def _reported(self, kind: type[Debt | Refusal], partition: str, prefix: str, at_most: int) -> list[Item]:
        """All of them; those that cannot be read are reported."""
        items = list(self._items.query(partition, prefix, most=at_most))
        for _ in self._items.facts(kind, items, _belongs):
            pass
        return items

    def _has_strays(self, key_set: str, region: str) -> bool:
        """Whether there are items of which nobody can tell the bucket: they sort before or behind those of now."""
        for partition, prefix in ((f"debt#{key_set}", f"{region}#"), (f"refusal#{key_set}", "")):
            for newest_first in (False, True):
                found = next(self._items.query(partition, prefix, most=1, newest_first=newest_first), None)
                if found is not None and not str(found["sk"]).startswith(f"{prefix}in#"):
                    return True
        return False

    def put_refusal(self, refusal: Refusal) -> None:
        self._items.put(f"refusal#{refusal.key_set}", refusal.id, refusal)

    def clear_refusal(self, held: LedgerEntry[Refusal]) -> None:
        with _unless_newer():
            self._items.delete_if(f"refusal#{held.key_set}", held.id, held.as_stored)

    def refusals(self, key_set: str) -> Iterator[Refusal]:
        return self._items.facts(Refusal, self._items.query(f"refusal#{key_set}"), _belongs)

    def refused(self, key_set: str, bucket: str, at_most: int) -> int:
        """How many of a bucket's objects, read or not; counts no further than `at_most`."""
        return sum(1 for _ in self._items.query(f"refusal#{key_set}", f"in#{bucket}#", most=at_most))

    def put_backfill(self, backfill: Backfill) -> None:
        self._items.put(f"backfill#{backfill.key_set}", backfill.id, backfill)

    def replace_backfill(self, former: Backfill, backfill: Backfill) -> None:
        """WriteConflictError where another one stands there by now."""
        condition = _stored_as(former.model_dump_json())
        self._items.put_if(f"backfill#{backfill.key_set}", backfill.id, backfill, 0, condition)

    def backfill(self, key_set: str, bucket: str, phase: Phase) -> Backfill | None:
        """One that cannot be read is none: it proves nothing."""
        item = self._items.get(f"backfill#{key_set}", f"{bucket}#{phase}")
        return next(self._items.facts(Backfill, [item] if item else [], _is_of_phase), None)

    def backfills(self, key_set: str) -> Iterator[Backfill]:
        return self._items.facts(Backfill, self._items.query(f"backfill#{key_set}"), _is_of_phase)

    def drop_backfill(self, backfill: Backfill) -> None:
        self._items.delete(f"backfill#{backfill.key_set}", backfill.id)

    def adopt_former(self, key_set: str, regions: Sequence[str], at_most: int) -> int:
        """Gives items of version 1, debts first, the place that they have now; what cannot be read stays."""
        debts = [self._items.query(f"debt#{key_set}", start=f"{region}#0", end=f"{region}#f") for region in regions]
        refusals = self._items.query(f"refusal#{key_set}", start="0", end="f")
        adopted = self._adopt(Debt, chain(*debts), at_most)
        return adopted + self._adopt(Refusal, refusals, at_most - adopted)

    def _adopt(self, kind: type[Debt | Refusal], former: Iterable[Item], at_most: int) -> int:
        """Written first, deleted then; what stands in the new place already is newer."""
        adopted = 0
        for item in islice(former, at_most):
            held = self._held(kind, "", item)
            if held.record is not None:
                with _unless_newer():
                    self._items.put_if(str(item["pk"]), held.record.id, held.record, 0, _ABSENT)
                with _unless_newer():
                    self._items.delete_if(str(item["pk"]), held.id, held.as_stored)
                adopted += 1
        return adopted

    def _held(self, kind: type[F], key_set: str, item: Item) -> LedgerEntry[F]:
        record = None
        try:
            record = fact(kind, item, _belongs)
        except UnreadableItemError as error:
            self._items.report([error])
        return LedgerEntry(key_set, str(item["sk"]), item.get("body"), record)


_ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}


def _stored_as(body: object) -> dict[str, Any]:
    return {"ConditionExpression": "body = :body", "ExpressionAttributeValues": {":body": body}}


def _belongs(record: Debt | Refusal, sort_key: str) -> bool:
    former = record.id.replace(f"in#{record.bucket}#", "", 1)
    return sort_key in {record.id, former}


def _is_of_phase(backfill: Backfill, sort_key: str) -> bool:
    return backfill.id == sort_key


@contextmanager
def _unless_newer() -> Iterator[None]:
    try:
        yield
    except WriteConflictError:
        return
