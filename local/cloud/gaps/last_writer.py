"""Which of two writes to the same item stays, when they were made in different regions at almost the same time."""

from collections import OrderedDict

# A drill writes some thousands of items. What is forgotten only loses the memory that it was newer.
REMEMBERED_ITEMS = 200_000

type Item = tuple[str, str, str]  # table, partition key, sort key


class LastWriter:
    """Remembers, for each region, the stamp of the write it last took. Stamps come from one counter for the cloud.

    Worked example: us-east-1 writes x (stamp 1) and us-west-2 writes x (stamp 2) before either hears of the other.
    Stamp 1 arrives in us-west-2, which has 2: dropped. Stamp 2 arrives in us-east-1, which has 1: taken. Both have 2.
    """

    def __init__(self, *, remembered: int = REMEMBERED_ITEMS) -> None:
        self._last = 0
        self._remembered = remembered
        self._stamps: OrderedDict[tuple[str, Item], int] = OrderedDict()

    def write(self, region: str, item: Item) -> int:
        """A client's write, or delete, in this region. Returns the stamp to send to the others."""
        self._last += 1
        self._remember(region, item, self._last)
        return self._last

    def arrive(self, region: str, item: Item, stamp: int) -> bool:
        """Another region's write. True when it is to be applied here."""
        if stamp <= self._stamps.get((region, item), 0):
            return False
        self._remember(region, item, stamp)
        return True

    def _remember(self, region: str, item: Item, stamp: int) -> None:
        self._stamps[region, item] = stamp
        self._stamps.move_to_end((region, item))
        if len(self._stamps) > self._remembered:
            self._stamps.popitem(last=False)
