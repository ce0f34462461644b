"""What an operator reads of a sweep and of a reimport."""

from dataclasses import asdict
from typing import Any

import pytest

from functions.reimport.handler import _answer as answer_of
from kms_failover.domain.key_material.material import Concern
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.objects.sweep import SweepResult
from kms_failover_command.answer_text import text
from kms_failover_command.work_text import _DEBTS, _DONE
from tests.domain.strategies import NOON, WEST

EXECUTION = "arn:aws:states:us-west-2:111122223333:execution:kms-failover-backfill:a"
GOES_ON = "  each goes on by itself: status shows the bucket's coverage when it has ended"
QUEUED = "debt: 3 objects queued, to be repaid now; 2 left for the next run"


def swept(**counts: Any) -> dict[str, Any]:
    """As the function answers: its numbers alone."""
    result = asdict(SweepResult(queued=3, remaining=2, **counts))
    return {name: count for name, count in result.items() if isinstance(count, int)}


def test_a_sweep_says_what_it_queued_and_which_backfills_go_on() -> None:
    lines = text({"Debt": swept(), "Backfills": [EXECUTION, EXECUTION]}).splitlines()

    assert lines == [QUEUED, f"backfill begun: {EXECUTION}", f"backfill begun: {EXECUTION}", GOES_ON]


def test_a_sweep_says_of_each_debt_that_is_not_queued_why() -> None:
    lines = text({"Debt": swept(parked=4, dropped=5, waiting=6, overdue=7), "Backfills": []}).splitlines()

    assert lines == [
        QUEUED,
        "  4 debts wait for a region, a key set or a person",
        "  6 debts were sent by an earlier run, and nobody has tried them since",
        "  5 debts are owed no more: their bucket or region has left the key set",
        "  7 debts are OVERDUE: the log of the sweep function names the oldest",
        GOES_ON,
    ]


def test_each_count_and_each_action_has_words() -> None:
    assert set(_DEBTS) == swept().keys() - {"queued", "remaining"}
    assert set(_DONE) == set(Action)


def test_a_reimport_says_what_it_did_and_shows_the_new_material() -> None:
    done = Reimport("orders", WEST, Action.RESTORE, "it had expired", "0a1b", NOON, "Enabled")

    assert text({"Reimport": [answer_of(done)]}).splitlines() == [
        "orders in us-west-2: restored: it had expired",
        "  material 0a1b, valid to 2026-11-23 12:00:00 UTC; KMS shows Enabled",
    ]


def test_a_reimport_that_people_must_finish_says_so() -> None:
    waits = Reimport("orders", WEST, Action.NOTHING, "no", concern=Concern.SEVERAL_MATERIALS)

    assert text({"Reimport": [answer_of(waits)]}).splitlines() == [
        "orders in us-west-2: nothing imported: no",
        "  NEEDS YOU (several materials): look at the status",
    ]


def test_a_reimport_that_looked_at_nothing_says_so() -> None:
    assert text({"Reimport": []}).startswith("no key was looked at: another run is at work")


@pytest.mark.parametrize("answer", [{"Reimport": None}, {"Debt": {}, "Backfills": []}, {"Debt": {"queued": 3}}])
def test_an_answer_of_another_version_is_shown_whole(answer: dict[str, Any]) -> None:
    shown = text(answer)

    assert all(f'"{name}"' in shown for name in answer)
