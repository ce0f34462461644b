"""The state table's observations, and the events that made none."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from kms_failover.adapters.state_table.items import Item, ItemGroup
from kms_failover.domain.routing.observation import Observation, Source
from kms_failover.domain.routing.signals import IgnoredEvent

OBSERVATION_LIFE = timedelta(hours=2)  # TTL; twice the hour over which impairments are counted
MAX_OBSERVATIONS = 2000  # of a kind; some nine rounds in which each of 200 keys is asked, hours of ordinary ones
MAX_OBSERVATION_PAGES = 4  # of a kind; 2000 of ours have 1 MB, and who may only report can write 400 KB an item
MAX_REPORTS_ASKED_FOR = 240  # by their keys, in a flood: five minutes of four regions, a second's reading
REPORT_SECONDS = 5.0  # at most one report a region in this time, whatever the traffic
REPORT_ID = str(Source.DATA_PLANE)
IGNORED_EVENT_LIFE = timedelta(days=30)  # long enough for somebody to look at `status` once

PROBES, REPORTS, SIGNALS = KINDS = ("observations", "reports", "signals")
_WRITERS = {Source.PROBE: PROBES, Source.DATA_PLANE: REPORTS}


class ObservationItems(ItemGroup):
    def add_observation(self, observation: Observation) -> None:
        """Writing the same observation again changes nothing: its time and id are its key.

        Each kind of writer has a partition of its own, and no right to another's.
        """
        expires = int((observation.at + OBSERVATION_LIFE).timestamp())
        partition = f"{_kind(observation)}#{observation.observer}"
        self._items.put(partition, _sort_key(observation), observation, expires_at=expires)

    def observations(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        """This region's own observations from `since` on, oldest first; of each kind, where too many, the newest."""
        return tuple(sorted((o for kind in KINDS for o in self._observed(kind, since, until)), key=lambda o: o.at))

    def reports(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        """Those of the data plane alone."""
        return tuple(self._observed(REPORTS, since, until))

    def _observed(self, kind: str, since: datetime, until: datetime | None) -> list[Observation]:
        """Who writes another's name, kind or time into an observation is not believed."""

        def reported(last: str) -> Iterator[Item]:
            keys = _report_keys(since, until or since, self._regions()) if kind == REPORTS else ()
            unread = (key for key in keys if key < last)
            for key in islice(unread, MAX_REPORTS_ASKED_FOR):
                if item := self._items.get(f"{kind}#{self.region}", key):
                    yield item

        def belongs(observation: Observation, sort_key: str) -> bool:
            own = observation.observer == self.region and _kind(observation) == kind
            return own and sort_key == _sort_key(observation)

        start, end = since.astimezone(UTC).isoformat(), until.astimezone(UTC).isoformat() if until else ""
        items = self._items.bounded(
            f"{kind}#{self.region}",
            start=start,
            end=end,
            most=MAX_OBSERVATIONS,
            pages=MAX_OBSERVATION_PAGES,
            newest_first=True,
            behind=reported,
        )
        return [*self._items.facts(Observation, items, belongs)][::-1]

    def _regions(self) -> Collection[str]:
        """Of which processes report."""
        return ()

    def add_ignored_event(self, event: IgnoredEvent) -> None:
        sort_key = f"{event.at.astimezone(UTC).isoformat()}#{event.id}"
        expires = int((event.at + IGNORED_EVENT_LIFE).timestamp())
        self._items.put(f"ignored#{self.region}", sort_key, event, expires_at=expires)

    def ignored_events(self, at_most: int) -> tuple[IgnoredEvent, ...]:
        """Newest first."""
        items = self._items.query(f"ignored#{self.region}", most=at_most, newest_first=True)
        return tuple(self._items.facts(IgnoredEvent, items))


def _kind(observation: Observation) -> str:
    return _WRITERS.get(observation.source, SIGNALS)


def _sort_key(observation: Observation) -> str:
    at = observation.at.astimezone(UTC).isoformat()
    return f"{at}#{observation.region}#{observation.source}#{observation.key_set}#{observation.id}"


def report_time(now: datetime) -> datetime:
    """All processes of a region that report in the same five seconds write the same item."""
    return now - timedelta(seconds=now.timestamp() % REPORT_SECONDS)


def _report_keys(since: datetime, until: datetime, regions: Collection[str]) -> Iterator[str]:
    """The sort keys of all reports that the library can have written, the newest first.

    Whoever may report can write as much as he likes beside them: they are found whatever he writes.
    """
    at = report_time(until.astimezone(UTC))
    while at >= since:
        for region in sorted(regions, reverse=True):
            yield f"{at.isoformat()}#{region}#{Source.DATA_PLANE}##{REPORT_ID}"
        at -= timedelta(seconds=REPORT_SECONDS)
