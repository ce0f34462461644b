"""A backfill's record says as much as is really known of it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kms_failover.domain.objects.backfill import Backfill, BackfillService, Phase, RunCounts, Step
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.object_record import OBJECT_CHANGED, REFUSED
from kms_failover.errors import EventFormatError, NotCountedError, ObjectChangedError, UnknownBucketError
from tests.domain.memory_state import MemoryState
from tests.domain.objects.rewrap_world import HERE, NOW, THERE, arn, key_set

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = f"orders-{HERE}"


class World:
    def __init__(self, counted: RunCounts | Exception | None = None) -> None:
        self.state = MemoryState(HERE, key_set())
        self.result = counted
        self.executions: dict[str, str] = {}  # those that have ended, and how
        self.meanwhile: Callable[[], object] = lambda: None
        self.service = BackfillService(self.state.key_sets, self.state, self, HERE, lambda: NOW)

    def counted(self, execution: str) -> RunCounts | None:
        assert execution == "run"
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def ended_as(self, execution: str) -> str:
        self.meanwhile()
        return self.executions.get(execution, "")

    def noted(self) -> list[tuple[str, str]]:
        return [(one.execution, one.reason) for one in self.service.note_ended_without_result()]

    def reason_of(self, phase: Phase) -> str | None:
        found = self.state.backfill("orders", BUCKET, phase)
        return found.reason if found else None

    def run(self, error: str = "") -> bool:
        self.service.record(Step(Phase.BEGUN, BUCKET, "run"))
        return self.service.record(Step(Phase.ENDED, BUCKET, "run", error)).is_complete


@pytest.mark.parametrize(
    ("counted", "error", "complete"),
    [
        (RunCounts(20, 20), "", True),
        (RunCounts(0, 0), "", True),
        (RunCounts(20, 19), "", False),
        (RunCounts(20, 20), "States.ItemReaderFailed", False),
        (None, "", False),
    ],
)
def test_a_backfill_is_complete_if_every_object_that_was_listed_was_looked_at(
    counted: RunCounts | None,
    error: str,
    complete: bool,  # noqa: FBT001  # a parametrised example
) -> None:
    world = World(counted)

    assert world.run(error) is complete

    ended = world.state.backfill("orders", BUCKET, Phase.ENDED)
    assert ended is not None
    assert (ended.key_arn, ended.listed) == (arn(HERE), counted.listed if counted else None)


def debt(**changes: Any) -> Debt:
    fields = {"key_set": "orders", "owed_to": HERE, "bucket": BUCKET, "key": "k", "since": NOW, "tried_at": NOW}
    return Debt.model_validate(fields | {"code": "AccessDeniedException"} | changes)


def test_a_backfill_fails_by_each_object_whose_own_look_failed() -> None:
    world = World(RunCounts(20, 20))
    for key in ("a", "b"):
        world.state.put_debt(debt(key=key))

    assert not world.run()

    ended = world.state.backfill("orders", BUCKET, Phase.ENDED)
    assert ended is not None
    assert ended.failed == 2


def test_no_more_failures_are_told_than_objects_were_listed() -> None:
    """A child that failed counts with its whole batch, of which some may have been recorded."""
    world = World(RunCounts(2, 0))
    world.state.put_debt(debt())
    world.run()

    ended = world.state.backfill("orders", BUCKET, Phase.ENDED)

    assert ended is not None
    assert ended.failed == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "ReadTimeoutError", "waits_for": [THERE]},
        {"code": ""},
        {"code": REFUSED},
        {"code": OBJECT_CHANGED},
        {"tried_at": NOW - timedelta(seconds=1)},
        {"tried_at": None},
        {"owed_to": THERE},
        {"bucket": f"orders-{THERE}"},
    ],
    ids=["an outage", "no wrap yet", "refused", "overwritten", "before it", "of version 1", "elsewhere", "another's"],
)
def test_what_else_is_owed_fails_no_backfill(changes: dict[str, Any]) -> None:
    world = World(RunCounts(20, 20))
    world.state.put_debt(debt(**changes))

    assert world.run()


def test_the_code_of_an_overwritten_object_is_the_errors_name() -> None:
    assert ObjectChangedError.__name__ == OBJECT_CHANGED


@pytest.mark.parametrize("lacking", [{"ended_at": None}, {"listed": None}, {"failed": None}, {"reason": "stopped"}])
def test_a_record_that_lacks_anything_is_of_no_complete_one(lacking: dict[str, object]) -> None:
    """Whoever wrote it: an older version's may have no counts, and no reason either."""
    place = {"key_set": "orders", "bucket": BUCKET, "region": HERE, "key_arn": arn(HERE), "execution": "run"}
    whole = Backfill.model_validate(place | {"began_at": NOW, "ended_at": NOW, "listed": 1, "failed": 0})

    assert whole.is_complete
    assert not whole.but(**lacking).is_complete


def test_one_that_listed_nothing_says_so() -> None:
    world = World(None)
    world.run()

    assert world.reason_of(Phase.ENDED) == "it listed nothing"


def test_an_end_without_a_begin_is_not_kept() -> None:
    world = World(RunCounts(20, 20))

    ended = world.service.record(Step(Phase.ENDED, BUCKET, "run"))

    assert (ended.is_complete, ended.reason) == (False, "no record of its begin can be read")
    assert world.state.backfill("orders", BUCKET, Phase.ENDED) is None


def test_counts_that_are_not_final_are_not_recorded() -> None:
    world = World(NotCountedError("2 objects have not ended"))

    with pytest.raises(NotCountedError):
        world.run()

    assert world.state.backfill("orders", BUCKET, Phase.ENDED) is None


def test_one_that_another_has_overtaken_proves_nothing() -> None:
    world = World(RunCounts(20, 20))
    world.service.record(Step(Phase.BEGUN, BUCKET, "another"))

    assert not world.service.record(Step(Phase.ENDED, BUCKET, "run")).is_complete


def test_the_end_of_one_that_was_overtaken_hides_nothing_that_the_other_has_proved() -> None:
    world = World(RunCounts(20, 20))
    world.service.record(Step(Phase.BEGUN, BUCKET, "former"))
    world.run()

    world.service.record(Step(Phase.ENDED, BUCKET, "former"))

    ended = world.state.backfill("orders", BUCKET, Phase.ENDED)
    assert ended is not None
    assert (ended.execution, ended.is_complete) == ("run", True)


def test_one_that_was_aborted_is_noted_once_and_what_the_former_has_proved_stays() -> None:
    world = World(RunCounts(20, 20))
    world.run()
    world.service.record(Step(Phase.BEGUN, BUCKET, "another"))
    going_on = world.noted()
    world.executions["another"] = "ABORTED"

    noted = [world.noted(), world.noted()]

    assert (going_on, noted) == ([], [[("another", "ABORTED")], []])
    ended = world.state.backfill("orders", BUCKET, Phase.ENDED)
    assert ended is not None
    assert (ended.execution, ended.is_complete, world.reason_of(Phase.BEGUN)) == ("run", True, "ABORTED")


def test_one_whose_end_is_recorded_is_not_asked_for() -> None:
    world = World(RunCounts(20, 19))
    world.run()
    world.executions["run"] = "FAILED"

    assert world.noted() == []


def test_an_end_that_is_recorded_meanwhile_stands() -> None:
    world = World(RunCounts(20, 20))
    world.service.record(Step(Phase.BEGUN, BUCKET, "run"))
    world.executions["run"] = "SUCCEEDED"
    world.meanwhile = lambda: world.service.record(Step(Phase.ENDED, BUCKET, "run"))

    assert (world.noted(), world.reason_of(Phase.BEGUN)) == ([], "")


def test_one_that_begins_meanwhile_is_not_taken_for_the_one_before() -> None:
    world = World(RunCounts(20, 20))
    world.service.record(Step(Phase.BEGUN, BUCKET, "former"))
    world.executions["former"] = "ABORTED"
    world.meanwhile = lambda: world.service.record(Step(Phase.BEGUN, BUCKET, "run"))

    world.noted()

    assert world.service.record(Step(Phase.ENDED, BUCKET, "run")).is_complete


def test_one_that_is_driven_on_after_all_ends_as_any_other() -> None:
    """Step Functions calls it a redrive."""
    world = World(RunCounts(20, 20))
    world.service.record(Step(Phase.BEGUN, BUCKET, "run"))
    world.executions["run"] = "FAILED"
    world.noted()

    assert world.service.record(Step(Phase.ENDED, BUCKET, "run")).is_complete


@pytest.mark.parametrize("bucket", ["nobodys", f"orders-{THERE}"])
def test_a_bucket_of_no_key_set_here_is_not_backfilled(bucket: str) -> None:
    with pytest.raises(UnknownBucketError):
        World().service.record(Step(Phase.BEGUN, bucket, "run"))


@pytest.mark.parametrize("event", [{"Backfill": "paused"}, {"Backfill": 7}, {"Backfill": "begun", "bucket": None}])
def test_another_request_is_refused(event: dict[str, object]) -> None:
    with pytest.raises(EventFormatError):
        Step.read(event)


def test_what_names_no_step_is_none() -> None:
    assert Step.read({"key_set": "orders"}) is None
