"""Units a second of a partition, on a clock that a test sets."""

import pytest

from local.cloud.gaps import partition_meter
from local.cloud.gaps.partition_meter import (
    EVENTUAL,
    STRONG,
    TRANSACTIONAL,
    PartitionMeter,
    read_units,
    write_units,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("size", "factor", "units"), [(0, STRONG, 1), (1024, STRONG, 1), (1025, STRONG, 2), (1025, TRANSACTIONAL, 4)]
)
def test_a_write_costs_a_unit_for_each_kilobyte_begun(size: int, factor: float, units: float) -> None:
    assert write_units(size, factor) == units


@pytest.mark.parametrize(
    ("size", "factor", "units"), [(0, EVENTUAL, 0.5), (4096, STRONG, 1), (4097, EVENTUAL, 1), (1, TRANSACTIONAL, 2)]
)
def test_a_read_costs_by_four_kilobytes(size: int, factor: float, units: float) -> None:
    assert read_units(size, factor) == units


def test_a_partition_has_its_units_anew_each_second() -> None:
    clock = Clock()
    meter = PartitionMeter(clock)
    meter.charge("hot", 5, 5)

    assert not meter.has_room("hot", 5)
    assert meter.has_room("cold", 5)
    clock.now = 1.0
    meter.charge("hot", 4, 5)
    assert meter.has_room("hot", 5)


def test_what_was_taken_too_much_is_paid_off_first() -> None:
    clock = Clock()
    meter = PartitionMeter(clock)
    meter.charge("hot", 15, 5)

    clock.now = 1.9
    assert not meter.has_room("hot", 5)
    clock.now = 2.1
    assert meter.has_room("hot", 5)


def test_partitions_that_are_full_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_meter, "MOST_PARTITIONS", 2)
    clock = Clock()
    meter = PartitionMeter(clock)
    meter.charge("one", 5, 5)
    meter.charge("two", 500, 5)

    clock.now = 10.0
    meter.charge("three", 1, 5)

    assert meter._buckets.keys() == {"two", "three"}
    assert not meter.has_room("two", 5)
