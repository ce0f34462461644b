"""What one observer has lost and got back, as the checks have seen it."""

from datetime import UTC, datetime, timedelta

EVER = datetime(2000, 1, 1, tzinfo=UTC)
FOLLOWS_WITHIN = timedelta(hours=1)


class History:
    def __init__(self) -> None:
        self._losses: dict[str, int] = {}
        self.returned_at: dict[str, datetime] = {}
        self.lost: set[str] = set()
        self.awaited: dict[str, datetime] = {}  # back, and since when; their keys have not answered yet
        self.lost_at: dict[str, datetime] = {}
        self.losses_seen: list[str] = []
        self.returns: list[str] = []  # of regions whose keys have answered since
        self.is_stuck = False  # whether the route leads to a lost region
        self.times_stuck = 0
        self.changed_at: list[datetime] = []
        self.moved_at: datetime | None = None
        self.force_seen: dict[tuple[int, str], datetime | None] = {}  # when a force was carried out; None: it waits

    def note(self, region: str, now: datetime, *, lost: bool, new_key: bool = False) -> None:
        """After each verdict's write. Any word of a new key is from after the return that it makes."""
        if lost and region not in self.lost:
            self.awaited.pop(region, None)
            back = self.returned_at.get(region)
            follows = back is not None and now - back < FOLLOWS_WITHIN
            self._losses[region] = self._losses.get(region, 0) + 1 if follows else 1
            self.lost.add(region)
            self.losses_seen.append(region)
            self.lost_at[region] = now
        elif not lost and region in self.lost:
            self.lost.discard(region)
            self.awaited[region] = EVER if new_key else now
            self.returned_at |= {} if new_key else {region: now}

    def answered(self, region: str) -> None:
        """The key has, since its region is back."""
        del self.awaited[region]
        self.returns.append(region)

    def is_lost(self, region: str) -> bool:
        return region in self.lost

    def losses(self, region: str) -> int:
        """That followed each other."""
        return self._losses.get(region, 0)
