"""The state table's key sets and what is known of their imported material."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.state_table.items import ItemGroup, Items, fact, unless_epoch
from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.runbook.key_set_change import FormerKeySet
from kms_failover.errors import UnreadableItemError, WriteConflictError

MAX_KEY_SETS = 1000  # a deployment's; its functions' rights and patterns end long before
MAX_FORMER = 20  # versions of a key set that are looked at
MAX_KEY_SET_PAGES = 16  # a key set with two members and two buckets has 1 KB


logger = logging.getLogger(__name__)


def former_key_sets(items: Items, name: str) -> Iterator[FormerKeySet]:
    """What has been replaced, the newest first; those of the newest MAX_FORMER that can be read."""
    kept = items.query(f"former#{name}", most=MAX_FORMER, newest_first=True)
    return items.facts(FormerKeySet, kept, lambda former, _: former.name == name)


class KeySetItems(ItemGroup):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last: dict[str, KeySet] = {}
        self._stand_ins: frozenset[str] = frozenset()
        self.unknown_key_sets: tuple[UnreadableItemError, ...] = ()  # of the last reading: nothing stands in for them

    def put_key_set(self, key_set: KeySet) -> None:
        self._items.put("key-sets", key_set.name, key_set)

    def key_sets(self) -> tuple[KeySet, ...]:
        """By name. Of an item that cannot be read the last version stays that this process has read.

        Where it has read none, as after a cold start, the last one that somebody replaced and that can be read.
        """
        known: dict[str, KeySet] = {}
        unreadable: list[UnreadableItemError] = []
        for item in self._items.bounded("key-sets", most=MAX_KEY_SETS, pages=MAX_KEY_SET_PAGES):
            name = str(item["sk"])
            try:
                known[name] = fact(KeySet, item, lambda key_set, sort_key: key_set.name == sort_key)
            except UnreadableItemError as error:
                unreadable.append(error)
                if stays := self._last.get(name) or self._former(name):
                    known[name] = stays
        self._last = known
        self._stand_ins = frozenset(error.sort_key for error in unreadable) & known.keys()
        self._items.report(unreadable)
        self.unknown_key_sets = tuple(error for error in unreadable if error.sort_key not in known)
        return tuple(known.values())

    def stands_in(self, key_set: str) -> bool:
        """Whether what `key_sets` last gave of this name is an older version, for the one in force cannot be read."""
        return key_set in self._stand_ins

    def _former(self, name: str) -> KeySet | None:
        try:
            formers = former_key_sets(self._items, name)
            return next((key_set for former in formers if (key_set := former.key_set) is not None), None)
        except (BotoCoreError, ClientError) as error:  # not allowed to, say: it is no reason to know no key set at all
            logger.warning("the former versions of %s cannot be read: %s", name, error)
            return None

    def material(self, key_set: str, region: str) -> MaterialRecord | None:
        """UnreadableItemError where it cannot be read: it may say that a person has disabled the key."""
        item = self._items.get(f"key-set#{key_set}", f"material#{region}")
        return self._items.needed(MaterialRecord, item, _of(key_set)) if item else None

    def put_material(self, record: MaterialRecord) -> None:
        self._items.put(f"key-set#{record.key_set}", f"material#{record.region}", record)

    def losses(self, key_set: str, region: str) -> tuple[MaterialLoss, ...]:
        """The newest of each kind. UnreadableItemError as `material`: it may say that a person has deleted it."""
        items = [self._items.get(f"key-set#{key_set}", f"loss#{region}#{kind}") for kind in LossKind]
        return tuple(self._items.needed(MaterialLoss, item, _of(key_set)) for item in items if item)

    def put_loss(self, loss: MaterialLoss) -> None:
        """An older one than is there changes nothing: events come in any order."""
        at = int(loss.at.timestamp())
        condition = unless_epoch("attribute_not_exists(pk) OR epoch < :epoch", {":epoch": at})
        try:
            self._items.put_if(f"key-set#{loss.key_set}", f"loss#{loss.region}#{loss.kind}", loss, at, condition)
        except WriteConflictError:
            return


def _of(key_set: str) -> Callable[[MaterialRecord | MaterialLoss, str], bool]:
    return lambda known, _sort_key: known.key_set == key_set
