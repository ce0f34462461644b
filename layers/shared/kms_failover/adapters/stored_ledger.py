"""The state table's debts and refusals."""

from collections.abc import Iterator

from kms_failover.adapters.items import Stored, fact
from kms_failover.domain.debt import Debt, Refusal
from kms_failover.errors import EpochConflictError, UnreadableItemError


class LedgerItems(Stored):
    def put_debt(self, debt: Debt) -> None:
        """Keeps the first `since`: a debt ages from the day it was made. One that cannot be read is written anew."""
        partition, absent = f"debt#{debt.key_set}", {"ConditionExpression": "attribute_not_exists(pk)"}
        try:
            self._items.put_if(partition, debt.id, debt, 0, absent)
        except EpochConflictError:
            item = self._items.get(partition, debt.id)
            try:
                if item is not None:
                    fact(Debt, item, _is_owed)
            except UnreadableItemError as error:
                self._items.tell([error])
                self._items.put(partition, debt.id, debt)

    def clear_debt(self, key_set: str, debt_id: str) -> None:
        self._items.delete(f"debt#{key_set}", debt_id)

    def debts(self, key_set: str, owed_to: str = "") -> Iterator[Debt]:
        """Every debt of the key set, or those owed to one region."""
        items = self._items.query(f"debt#{key_set}", f"{owed_to}#" if owed_to else "")
        return self._items.facts(Debt, items, _is_owed)

    def owed(self, key_set: str, region: str, at_most: int) -> int:
        """How many objects of the key set are owed to the region; counts no further than `at_most`.

        A debt that cannot be read is one all the same.
        """
        return sum(1 for _ in self._items.query(f"debt#{key_set}", f"{region}#", most=at_most))

    def put_refusal(self, refusal: Refusal) -> None:
        self._items.put(f"refusal#{refusal.key_set}", refusal.id, refusal)

    def clear_refusal(self, key_set: str, refusal_id: str) -> None:
        self._items.delete(f"refusal#{key_set}", refusal_id)

    def refusals(self, key_set: str) -> Iterator[Refusal]:
        items = self._items.query(f"refusal#{key_set}")
        return self._items.facts(Refusal, items, lambda refusal, sort_key: refusal.id == sort_key)


def _is_owed(debt: Debt, sort_key: str) -> bool:
    return debt.id == sort_key
