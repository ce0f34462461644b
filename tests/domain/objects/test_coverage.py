"""Coverage counts nothing that nobody has proved."""

from datetime import timedelta

import pytest

from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.coverage import coverage
from kms_failover.domain.objects.debt import Debt, Refusal
from tests.domain.memory_state import MemoryState
from tests.domain.objects.rewrap_world import HERE, NOW, THERE, arn, key_set

BUCKET = f"orders-{HERE}"
BEGUN = Backfill(key_set="orders", bucket=BUCKET, region=HERE, key_arn=arn(HERE), execution="arn:of:run", began_at=NOW)
ENDED = BEGUN.but(ended_at=NOW + timedelta(hours=1), listed=4, failed=0)


class World:
    def __init__(self, *backfills: Backfill) -> None:
        self.state = MemoryState(HERE, key_set())
        for backfill in backfills:
            self.state.put_backfill(backfill)

    def owe(self, key: str, owed_to: str = HERE, bucket: str = BUCKET) -> None:
        self.state.put_debt(Debt(key_set="orders", owed_to=owed_to, bucket=bucket, key=key, since=NOW))

    def refuse(self, key: str, bucket: str = BUCKET) -> None:
        self.state.put_refusal(Refusal(key_set="orders", bucket=bucket, key=key, since=NOW, reason="r"))

    def covered(self, at_most: int = 99) -> dict[str, object]:
        found = coverage(self.state, key_set(), HERE, at_most)
        assert list(found) == [BUCKET]
        return dict(found[BUCKET])


def test_a_bucket_that_nobody_has_looked_at_is_unknown() -> None:
    covered = World().covered()

    assert covered["Share"] is None
    assert "no backfill has looked at every object yet: sweep starts one" in str(covered["Unknown"])


def test_a_bucket_whose_first_backfill_has_not_ended_is_unknown() -> None:
    covered = World(BEGUN).covered()

    assert covered["Share"] is None
    assert "has not ended" in str(covered["Unknown"])


def test_what_each_object_was_proved_to_is_the_share() -> None:
    assert World(BEGUN, ENDED).covered()["Share"] == 1.0


def test_a_later_backfill_that_has_not_ended_takes_nothing_back() -> None:
    later = BEGUN.but(began_at=NOW + timedelta(days=1), execution="arn:of:another")

    assert World(later, ENDED).covered()["Share"] == 1.0


LATER = BEGUN.but(began_at=NOW + timedelta(days=1), execution="arn:of:another")
ABORTED = LATER.but(reason="ABORTED")


@pytest.mark.parametrize(
    ("begun", "later"),
    [
        (BEGUN, ""),
        (BEGUN.but(reason="FAILED"), ""),  # its end was recorded all the same
        (LATER, "a later one, of 2026-11-24 12:00 UTC, has not ended"),
        (ABORTED, "A LATER ONE, of 2026-11-24 12:00 UTC, CAME TO NOTHING: its execution is ABORTED"),
    ],
)
def test_beside_what_a_backfill_proved_stands_what_became_of_a_later_one(begun: Backfill, later: str) -> None:
    covered = World(begun, ENDED).covered()

    assert (covered["Share"], covered["Later"]) == (1.0, later)


def test_where_none_has_ended_the_one_that_was_aborted_is_named() -> None:
    covered = World(ABORTED).covered()

    assert (covered["Share"], covered["Later"]) == (None, "")
    assert "the one of 2026-11-24 12:00 UTC came to nothing: its execution is ABORTED" in str(covered["Unknown"])


def test_what_is_owed_or_refused_since_counts_although_a_later_one_was_aborted() -> None:
    world = World(ABORTED, ENDED)
    world.owe("a")

    assert world.covered()["Share"] == 0.75


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"failed": 1}, "1 of 4 objects failed"),
        ({"failed": None, "listed": None, "reason": "States.ItemReaderFailed"}, "failed, States.ItemReaderFailed"),
        ({"key_arn": arn(THERE)}, "member key is another one"),
        ({"listed": 0}, "there was no object"),
    ],
)
def test_what_a_backfill_did_not_prove_is_unknown(changes: dict[str, object], why: str) -> None:
    covered = World(BEGUN, ENDED.but(**changes)).covered()

    assert covered["Share"] is None
    assert why in str(covered["Unknown"])


def test_what_is_owed_here_and_what_is_refused_count_against_it_each_object_once() -> None:
    world = World(BEGUN, ENDED)
    world.owe("a")
    world.refuse("a")
    world.refuse("b")
    world.owe("c", owed_to=THERE)
    world.owe("d", bucket=f"orders-{THERE}")
    world.refuse("e", bucket=f"orders-{THERE}")

    covered = world.covered()

    assert (covered["Share"], covered["Owed"], covered["Refused"]) == (0.5, 1, 2)


def test_more_than_can_be_counted_is_no_share() -> None:
    world = World(BEGUN, ENDED)
    for key in "abc":
        world.refuse(key)

    covered = world.covered(at_most=3)

    assert (covered["Share"], covered["OwedIsMore"]) == (None, True)
