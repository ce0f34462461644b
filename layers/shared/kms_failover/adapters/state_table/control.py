"""The state table's judgements, histories and orders."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from kms_failover.adapters.state_table.items import Item, ItemGroup, epoch_of, fact, unless_epoch
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import MAX_HISTORY, HistoryHeads, Judgement, rescued_judgement
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from kms_failover.errors import UnreadableItemError

NEWS_LIFE = timedelta(days=400)  # TTL: longer than a year's audit
MAX_JUDGEMENTS = 1000  # one a key set
MAX_JUDGEMENT_PAGES = 32  # an ordinary one has some KB
MAX_INTENTS = 8000  # one a key set and region
MAX_INTENT_PAGES = 16
_BEHIND_ALL_REGIONS = "~"  # as a text it is greater than any region's name


class ControlItems(ItemGroup):
    # Judgements: verdicts and route, this region's own

    def judgements(self) -> dict[str, Judgement]:
        """By key set. One of which nothing can be read is left out: its key set fails by itself, when it is written."""
        items = self._items.bounded(f"control#{self.region}", most=MAX_JUDGEMENTS, pages=MAX_JUDGEMENT_PAGES)
        found: dict[str, Judgement] = {}
        for item in items:
            with suppress(UnreadableItemError):  # told
                found[str(item["sk"])] = self._judgement(item)
        return found

    def judgement(self, key_set: str) -> Judgement | None:
        """As `judgements`; UnreadableItemError where not even a route can be read."""
        item = self._items.get(f"control#{self.region}", key_set)
        return self._judgement(item) if item else None

    def _judgement(self, item: Item) -> Judgement:
        """Of one that cannot be read what can be: the route that callers have stays, from it or from the history."""
        key_set, epoch = str(item["sk"]), epoch_of(item)
        try:
            judgement = fact(Judgement, item, self._is_own)
        except UnreadableItemError as error:
            self._items.report([error])
            remains, version = _remains(item), epoch or 0
            last = HistoryHeads(lambda: self._last_route(key_set), lambda: self._last_number(key_set))
            with suppress(ValidationError):  # of a key set that has no name
                if rescued := rescued_judgement(key_set, self.region, version, remains, last):
                    return rescued
            raise
        return judgement if epoch in {None, judgement.version} else judgement.but(version=epoch)

    def _is_own(self, judgement: Judgement, sort_key: str) -> bool:
        return judgement.key_set == sort_key and judgement.observer == self.region

    def _last_route(self, key_set: str) -> Route | None:
        return next(iter(self.history(key_set)), None)

    def _last_number(self, key_set: str) -> int:
        return next((news.number for news in self.news(key_set)), 0)

    def put_judgement(self, judgement: Judgement) -> None:
        """WriteConflictError unless the version before this one is there; before version 0 there is no item at all."""
        version = judgement.version
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if version:
            is_before = "epoch >= :previous AND epoch < :version"
            condition = unless_epoch(is_before, {":previous": version - 1, ":version": version})
        self._items.put_if(f"control#{self.region}", judgement.key_set, judgement, version, condition)

    def route(self, key_set: str) -> Route | None:
        judgement = self.judgement(key_set)
        return judgement.route if judgement else None

    def add_history(self, route: Route) -> None:
        self._items.put(f"history#{self.region}#{route.key_set}", f"{route.epoch:010d}", route)

    def history(self, key_set: str, at_most: int = MAX_HISTORY) -> tuple[Route, ...]:
        """This region's route changes, newest first."""
        items = self._items.query(f"history#{self.region}#{key_set}", most=at_most, newest_first=True)
        return tuple(self._items.facts(Route, items, lambda route, _: route.key_set == key_set))

    def add_news(self, news: News) -> None:
        expires = int((news.at + NEWS_LIFE).timestamp())
        self._items.put(f"news#{self.region}#{news.key_set}", f"{news.number:010d}", news, expires_at=expires)

    def news(self, key_set: str, at_most: int = MAX_HISTORY) -> tuple[News, ...]:
        """This region's news of readiness, newest first."""
        items = self._items.query(f"news#{self.region}#{key_set}", most=at_most, newest_first=True)
        return tuple(self._items.facts(News, items, lambda news, _: news.key_set == key_set))

    # Intents: each region writes its own item, so that two regions never overwrite each other

    def intents(self, key_set: str) -> tuple[Intent, ...]:
        return tuple(self._intents(self._items.query("intents", f"{key_set}#")))

    def all_intents(self) -> dict[str, list[Intent]]:
        """By key set."""
        found: dict[str, list[Item]] = {}
        for item in self._items.bounded("intents", most=MAX_INTENTS, pages=MAX_INTENT_PAGES):
            found.setdefault(str(item["sk"]).partition("#")[0], []).append(item)
        return {key_set: self._intents(items) for key_set, items in found.items()}

    def _intents(self, of_one_key_set: Iterable[Item]) -> list[Intent]:
        """One that this version cannot read holds: whatever it says, wait.

        One without an epoch too is as new as the newest that can be read, so that the next order overrules it.
        """
        intents: list[Intent] = []
        unreadable: list[tuple[Item, UnreadableItemError]] = []
        for item in of_one_key_set:
            try:
                intents.append(fact(Intent, item, _is_whole))
            except UnreadableItemError as error:
                unreadable.append((item, error))
        newest = max((intent.epoch for intent in intents), default=0)
        intents += [_hold(item, newest) for item, _ in unreadable]
        self._items.report([error for _, error in unreadable])
        return intents

    def put_intent(self, key_set: str, intent: Intent) -> None:
        """WriteConflictError if this region has already written an intent of this epoch or a newer one."""
        condition = "attribute_not_exists(pk) OR epoch < :epoch"
        self._items.put_if(
            "intents",
            f"{key_set}#{self.region}",
            intent,
            intent.epoch,
            unless_epoch(condition, {":epoch": intent.epoch}),
        )


def _is_whole(intent: Intent, _: str) -> bool:
    """An order is no other one because a part of it is lacking."""
    return {"mode", "region", "epoch"} <= intent.model_fields_set


def _hold(item: Item, newest: int) -> Intent:
    region, epoch = str(item["sk"]).partition("#")[2][:63], epoch_of(item)  # of a region's own name
    reason = "an order that this version cannot read"
    if epoch is None:
        return Intent(
            mode=Mode.HOLD, epoch=newest, written_in=_BEHIND_ALL_REGIONS + region, author=region, reason=reason
        )
    return Intent(mode=Mode.HOLD, epoch=epoch, written_in=region, author=region, reason=reason)


def _remains(item: Item) -> dict[str, Any]:
    text = item.get("body")
    try:
        body = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
