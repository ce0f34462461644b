"""What the status says of a bucket's coverage."""

from datetime import timedelta

import pytest

from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.coverage import coverage
from kms_failover.domain.objects.debt import Debt
from kms_failover_command.answer_text import _coverage as in_words
from tests.domain.memory_state import MemoryState
from tests.domain.objects.rewrap_world import HERE, NOW, arn, key_set

BUCKET = f"orders-{HERE}"
BEGUN = Backfill(key_set="orders", bucket=BUCKET, region=HERE, key_arn=arn(HERE), execution="arn:of:run", began_at=NOW)
ENDED = BEGUN.but(ended_at=NOW + timedelta(hours=1), listed=10**6, failed=0)
LATER = BEGUN.but(began_at=NOW + timedelta(days=1), execution="arn:of:another")


@pytest.mark.parametrize(
    ("begun", "ending"),
    [(BEGUN, ", 0 objects owed, 0 refused"), (LATER, "; a later one, of 2026-11-24 12:00 UTC, has not ended")],
)
def test_what_became_of_a_later_backfill_stands_at_the_end(begun: Backfill, ending: str) -> None:
    assert in_words(covered_by(begun, ENDED)).endswith(ending)


def test_no_share_is_rounded_up_to_all() -> None:
    owed = Debt(key_set="orders", owed_to=HERE, bucket=BUCKET, key="a", since=NOW)

    all_of_them = in_words(covered_by(BEGUN, ENDED))
    all_but_one = in_words(covered_by(BEGUN, ENDED, owed=owed))

    assert all_of_them == (
        "100% covered of 1000000 objects listed at 2026-11-23 12:00:00 UTC, 0 objects owed, 0 refused"
    )
    assert all_but_one.startswith("99.99% covered")


def covered_by(*backfills: Backfill, owed: Debt | None = None) -> dict[str, object]:
    state = MemoryState(HERE, key_set())
    for backfill in backfills:
        state.put_backfill(backfill)
    if owed is not None:
        state.put_debt(owed)
    return dict(coverage(state, key_set(), HERE, 99)[BUCKET])
