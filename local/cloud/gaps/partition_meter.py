"""How many units each partition has left in its second, and how many an item costs.

A write of up to 1 KB is one unit, and so is a strongly consistent read of up to 4 KB. An eventually consistent read is
half of that, a transaction twice [AWS docs: read-write-operations]. A partition key has 1,000 write units and 3,000
read units a second [AWS docs: bp-partition-key-design].

UNCONFIRMED: how AWS meters within the second. Here a partition that has anything left takes a request whole, and pays
off what that was too much before it takes another.
"""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

WRITE_BYTES, READ_BYTES = 1024, 4096
STRONG, EVENTUAL, TRANSACTIONAL = 1.0, 0.5, 2.0
MOST_PARTITIONS = 10_000  # then those that are full are forgotten, which changes nothing


def write_units(size: float, factor: float) -> float:
    return max(1, math.ceil(size / WRITE_BYTES)) * factor


def read_units(size: float, factor: float) -> float:
    return max(1, math.ceil(size / READ_BYTES)) * factor


@dataclass
class _Bucket:
    left: float
    at: float


class PartitionMeter:
    """`limit` is in units a second. A partition is whatever names one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[Hashable, _Bucket] = {}

    def has_room(self, partition: Hashable, limit: float) -> bool:
        return partition not in self._buckets or self._refilled(partition, limit).left > 0

    def charge(self, partition: Hashable, units: float, limit: float) -> None:
        if len(self._buckets) >= MOST_PARTITIONS:
            self._forget_full(limit)
        self._refilled(partition, limit).left -= units

    def _refilled(self, partition: Hashable, limit: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(partition, _Bucket(limit, now))
        bucket.left = min(limit, bucket.left + (now - bucket.at) * limit)
        bucket.at = now
        return bucket

    def _forget_full(self, limit: float) -> None:
        full = [one for one in list(self._buckets) if self._refilled(one, limit).left >= limit]
        for partition in full:
            del self._buckets[partition]
