"""Which write stays when two Regions wrote the same item at almost the same time."""

from hypothesis import given
from hypothesis import strategies as st

from local.cloud.gaps.last_writer import Item, LastWriter

REGIONS = ("us-east-1", "us-west-2")
ITEM: Item = ("state", "route#orders", "us-east-1")

regions = st.sampled_from(REGIONS)
items = st.sampled_from([("state", "a", "x"), ("state", "a", "y"), ("other", "a", "x")])


def test_the_later_write_stays_in_both_regions() -> None:
    writers = LastWriter()
    east = writers.write("us-east-1", ITEM)
    west = writers.write("us-west-2", ITEM)

    assert not writers.arrive("us-west-2", ITEM, east)
    assert writers.arrive("us-east-1", ITEM, west)


def test_a_change_that_arrives_twice_is_taken_once() -> None:
    writers = LastWriter()
    stamp = writers.write("us-east-1", ITEM)

    assert writers.arrive("us-west-2", ITEM, stamp)
    assert not writers.arrive("us-west-2", ITEM, stamp)


def test_writes_to_other_items_do_not_meet() -> None:
    writers = LastWriter()
    stamp = writers.write("us-east-1", ITEM)
    writers.write("us-west-2", ("state", "route#orders", "us-west-2"))

    assert writers.arrive("us-west-2", ITEM, stamp)


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    writers = LastWriter(remembered=2)
    old = writers.write("us-east-1", ("state", "0", ""))
    for number in range(1, 3):
        writers.write("us-east-1", ("state", str(number), ""))

    assert writers.arrive("us-east-1", ("state", "0", ""), old)


@given(st.lists(st.tuples(regions, items), max_size=20), st.randoms(use_true_random=False))
def test_regions_agree_in_whatever_order_changes_arrive(writes: list[tuple[str, Item]], random: object) -> None:
    writers = LastWriter()
    held: dict[tuple[str, Item], int] = {}
    under_way: list[tuple[str, Item, int]] = []
    for region, item in writes:
        stamp = writers.write(region, item)
        held[region, item] = stamp
        under_way += [(other, item, stamp) for other in REGIONS if other != region]
    random.shuffle(under_way)  # type: ignore[attr-defined]  # hypothesis hands over a Random

    for region, item, stamp in under_way:
        if writers.arrive(region, item, stamp):
            held[region, item] = stamp

    for _, item in writes:
        assert held["us-east-1", item] == held["us-west-2", item]
