"""One runner at a time: the lease in the state table, between two who ask for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from kms_failover.adapters.lease import LONGEST_SECONDS, MARGIN_SECONDS, TableLease
from tests.adapters.tables import create_state_table
from tests.domain.strategies import NOON, WEST

RUN_SECONDS = 100.0


@dataclass
class Two:
    table: Any
    now: Any = NOON

    def __post_init__(self) -> None:
        self.one, self.other = self.lease(), self.lease()

    def lease(self, region: str = WEST) -> TableLease:
        return TableLease(self.table, region, "reimport", lambda: self.now)


@pytest.fixture
def two() -> Iterator[Two]:
    with mock_aws():
        yield Two(create_state_table(WEST))


def test_one_of_two_has_it(two: Two) -> None:
    assert two.one.acquire(RUN_SECONDS)
    assert not two.other.acquire(RUN_SECONDS)


def test_once_released_it_is_the_others(two: Two) -> None:
    two.one.acquire(RUN_SECONDS)

    assert two.one.release()

    assert two.other.acquire(RUN_SECONDS)


def test_who_knocks_keeps_the_holder_from_leaving_once(two: Two) -> None:
    two.one.acquire(RUN_SECONDS)
    assert two.other.knock()
    assert two.other.knock()

    assert not two.one.release()

    assert not two.other.acquire(RUN_SECONDS)
    assert two.one.release()


def test_nobody_hears_a_knock_where_nobody_is(two: Two) -> None:
    assert not two.other.knock()

    two.one.acquire(RUN_SECONDS)
    two.one.release()

    assert not two.other.knock()


def test_a_runner_that_died_holds_nobody_up_for_longer_than_it_could_have_run(two: Two) -> None:
    two.one.acquire(RUN_SECONDS)
    two.now += timedelta(seconds=RUN_SECONDS)
    assert not two.other.acquire(RUN_SECONDS)
    two.now += timedelta(seconds=MARGIN_SECONDS + 2)

    assert not two.other.knock()

    assert two.other.acquire(RUN_SECONDS)


def test_who_was_overtaken_takes_nothing_from_the_new_holder(two: Two) -> None:
    two.one.acquire(RUN_SECONDS)
    two.now += timedelta(seconds=RUN_SECONDS + MARGIN_SECONDS + 2)
    two.other.acquire(RUN_SECONDS)

    two.one.give_up()

    assert two.one.release()
    assert not two.lease().acquire(RUN_SECONDS)


def test_given_up_it_is_free_whoever_knocked(two: Two) -> None:
    two.one.acquire(RUN_SECONDS)
    two.other.knock()

    two.one.give_up()

    assert two.other.acquire(RUN_SECONDS)


def test_each_region_has_its_own(two: Two) -> None:
    two.one.acquire(RUN_SECONDS)

    assert two.lease("eu-west-1").acquire(RUN_SECONDS)


def test_a_table_that_does_not_answer_is_no_lease(two: Two) -> None:
    two.table.meta.client.delete_table(TableName="prod-state")

    with pytest.raises(ClientError):
        two.one.acquire(RUN_SECONDS)


@pytest.mark.parametrize("spoiled", [{}, {"held_until": "later"}, {"held_until": None}, {"held_until": 10**12}])
def test_an_item_that_no_runner_can_have_written_is_taken_over(two: Two, spoiled: dict[str, Any]) -> None:
    two.table.put_item(Item={"pk": f"lease#{WEST}", "sk": "reimport", "holder": "x", "knocks": 0} | spoiled)

    assert two.one.acquire(RUN_SECONDS)
    assert not two.other.acquire(RUN_SECONDS)


def test_the_longest_run_that_lambda_allows_is_waited_for(two: Two) -> None:
    two.one.acquire(LONGEST_SECONDS)

    assert not two.other.acquire(RUN_SECONDS)
