"""What one observer has lost and got back, as the checks have seen it."""

from datetime import datetime, timedelta

FOLLOWS_WITHIN = timedelta(hours=1)


class History:
    def __init__(self) -> None:
        self._losses: dict[str, int] = {}
        self.returned_at: dict[str, datetime] = {}
        self._lost: set[str] = set()
        self.lost_at: dict[str, datetime] = {}
        self.losses_seen: list[str] = []
        self.returns: list[str] = []
        self.is_stuck = False  # whether the route leads to a lost region
        self.times_stuck = 0
        self.changed_at: list[datetime] = []
        self.moved_at: datetime | None = None
        self.force_seen: dict[tuple[int, str], datetime | None] = {}  # when a force was carried out; None: it waits

    def note(self, region: str, now: datetime, *, lost: bool) -> None:
        """After each verdict's write."""
        if lost and region not in self._lost:
            back = self.returned_at.get(region)
            follows = back is not None and now - back < FOLLOWS_WITHIN
            self._losses[region] = self._losses.get(region, 0) + 1 if follows else 1
            self._lost.add(region)
            self.losses_seen.append(region)
            self.lost_at[region] = now
        elif not lost and region in self._lost:
            self._lost.discard(region)
            self.returned_at[region] = now
            self.returns.append(region)

    def is_lost(self, region: str) -> bool:
        return region in self._lost

    def losses(self, region: str) -> int:
        """That followed each other."""
        return self._losses.get(region, 0)
