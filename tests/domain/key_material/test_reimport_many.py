"""Many keys, little time: one runner, the most urgent first, and no key that cannot be healed holds up another."""

from datetime import timedelta
from itertools import pairwise

import pytest

from kms_failover.domain.key_material.concern import QUICK_TRIES
from kms_failover.domain.key_material.material import Concern, KeyView
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.reimport import MAX_CONTINUED
from kms_failover.domain.key_material.reimport_request import ReimportRequest
from kms_failover.domain.key_material.turn import LONGEST_WAIT
from kms_failover.errors import ImportRefusedError, RegionUnavailableError, ThrottledError
from tests.domain.key_material.reimport_world import HERE, LAMBDA_SECONDS, NOW, World, arn, world_of

MANY = 200
SCHEDULE = timedelta(minutes=15)


def runs_until_healed(world: World) -> int:
    """Each run as Lambda starts it: the first by an event, the others because the one before asked for them."""
    request = ReimportRequest()
    for run in range(1, MAX_CONTINUED + 2):
        before = len(world.continued)
        world.run(request)
        if len(world.continued) == before:
            return run
        request = ReimportRequest(continued=world.continued[-1])
    raise AssertionError("runs went on without an end")


@pytest.mark.parametrize("left", [timedelta(days=1), timedelta(minutes=-1)])
def test_the_most_urgent_key_comes_first(left: timedelta) -> None:
    """KMS may take material away some time after its end: what does not open any more comes before that."""
    world = world_of("due", "sooner", "gone")
    world.run()
    world.later(151)
    world.keys.keys[arn("sooner")].valid_to = world.now + left
    world.keys.lose("gone")
    world.ledger.records["gone"] = world.ledger.records["gone"].but(shown_valid_to=world.now)
    world.keys.tried.clear()

    world.run()

    assert world.keys.tried == [arn("gone"), arn("sooner"), arn("due")]


def test_keys_that_stay_pending_import_take_no_time_from_those_behind_them() -> None:
    """Findings F2: four such keys took all of every run for a month, and a healthy one lapsed."""
    hopeless = [f"a{number:02}" for number in range(10)]
    world = world_of(*hopeless, "zebra")
    for name in hopeless:
        world.keys.keys[arn(name)].settles_after = 10**6

    results = {result.key_set: result for result in world.run()}

    assert results["zebra"].action is Action.RESTORE
    assert world.passed < 100


def test_keys_that_hang_come_last_once_they_have_failed_often() -> None:
    """Each costs 15 s of a run's 100: they are dropped behind those that can be healed."""
    hanging = [f"a{number}" for number in range(8)]
    world = world_of(*hanging, "zebra")
    world.run()
    world.later(160)

    def hang(of: str) -> RegionUnavailableError:
        return RegionUnavailableError(HERE, of)

    for name in hanging:
        world.keys.keys[arn(name)].error = hang(name)
        world.keys.keys[arn(name)].valid_to = world.now + timedelta(days=5)
    world.keys.pass_seconds = lambda _seconds: world.pass_seconds(15)

    for _ in range(12):
        world.run()
        world.now += SCHEDULE

    assert world.ledger.records["zebra"].valid_to == world.keys.keys[arn("zebra")].valid_to
    assert arn("zebra") in world.keys.tried[9:]


def test_what_has_failed_often_comes_after_what_may_succeed_however_soon_it_expires() -> None:
    world = world_of("broken", "due")
    world.run()
    world.later(151)
    world.keys.keys[arn("broken")].valid_to = world.now + timedelta(days=1)
    world.keys.keys[arn("broken")].error = ImportRefusedError("other bytes")
    world.keys.keys[arn("due")].error = ThrottledError("later")
    for _ in range(QUICK_TRIES):
        world.run()
    world.keys.keys[arn("due")].error = None
    world.now += LONGEST_WAIT
    world.keys.tried.clear()

    world.run()

    assert world.keys.tried == [arn("due"), arn("broken")]


def test_a_run_leaves_off_in_time_and_the_next_goes_on_where_it_stopped() -> None:
    world = world_of(*(f"k{number:03}" for number in range(MANY)))

    runs = runs_until_healed(world)

    assert sorted(world.keys.tried) == sorted(arn(f"k{number:03}") for number in range(MANY))
    assert {key.state for key in world.keys.keys.values()} == {"Enabled"}
    assert runs == 4


def test_no_run_is_longer_than_lambda_lets_it_be() -> None:
    world = world_of(*(f"k{number:03}" for number in range(MANY)))
    for key in world.keys.keys.values():
        key.settles_after = 10**6

    world.run()

    assert world.seconds_left() > 0


def test_the_wait_for_keys_ends_with_the_runs_time_however_slow_the_import_was() -> None:
    world = world_of("orders")
    world.keys.keys[arn("orders")].settles_after = 10**6
    world.keys.pass_seconds = lambda _seconds: world.pass_seconds(85)

    world.run()

    assert world.seconds_left() >= 0


def test_the_lease_is_taken_for_no_longer_than_the_run_can_last() -> None:
    world = world_of("orders")
    world.run()

    assert world.lease.taken_for == [LAMBDA_SECONDS]


def test_what_a_run_did_not_reach_is_not_said_to_be_well() -> None:
    world = world_of(*(f"k{number:03}" for number in range(MANY)))

    results = world.run()

    left = [result for result in results if result.action is Action.NOTHING]
    assert left
    assert {result.reason for result in left} == {"not reached in this run: the next one goes on"}


def test_runs_that_ask_for_another_one_end() -> None:
    world = world_of("orders")
    world.keys.pass_seconds = lambda _seconds: world.pass_seconds(200)
    world.keys.keys[arn("orders")].error = ThrottledError("always")

    world.run(ReimportRequest(continued=MAX_CONTINUED))

    assert world.continued == []


def test_who_is_throttled_waits_within_the_run() -> None:
    world = world_of("orders")
    key = world.keys.keys[arn("orders")]
    key.error = ThrottledError("once")
    sleep = world.sleep

    def relieved(seconds: float) -> None:
        key.error = None
        sleep(seconds)

    object.__setattr__(world.service, "sleep", relieved)

    (result,) = world.run()

    assert (result.action, result.error) == (Action.RESTORE, None)
    assert world.ledger.records["orders"].failures == 0


def test_throttling_to_the_end_is_no_failure_and_goes_on_in_another_run() -> None:
    world = world_of("orders")
    world.keys.keys[arn("orders")].error = ThrottledError("always")

    (result,) = world.run()

    assert result.error is None
    assert world.ledger.records["orders"].failures == 0
    assert world.continued == [1]


def test_a_key_that_run_after_run_leaves_is_peoples_business_long_before_it_lapses() -> None:
    world = world_of("orders")
    world.run()
    expiry = world.ledger.records["orders"].valid_to
    assert expiry is not None
    world.keys.keys[arn("orders")].error = ThrottledError("always")
    at_risk = {}
    for days_left in (29, 16, 14, 1, -1):
        world.now = expiry - timedelta(days=days_left)
        at_risk[days_left] = world.whole_run().at_risk

    assert at_risk == {29: 0, 16: 0, 14: 1, 1: 1, -1: 1}


def test_what_a_later_version_is_concerned_about_stops_no_other_key() -> None:
    world = world_of("orders", "zebra")
    world.run()
    world.later(151)
    unknown = {"concern": "withheld", "failures": QUICK_TRIES, "failed_at": world.now, "failure": "x"}
    world.ledger.records["orders"] = world.ledger.records["orders"].but(**unknown)

    results = {result.key_set: result for result in world.run()}

    assert results["orders"].concern is Concern.FAILING
    assert results["zebra"].action is Action.RENEW


def test_a_key_that_failed_often_is_tried_less_and_less_and_says_so() -> None:
    world = world_of("orders")
    world.keys.keys[arn("orders")].error = ImportRefusedError("other bytes")
    tried_at = []
    for _ in range(4 * 24 * 2):
        before = len(world.keys.tried)
        (result,) = world.run()
        assert result.concern is Concern.FAILING
        assert "other bytes" in result.reason
        if len(world.keys.tried) > before:
            tried_at.append(world.now - NOW)
        world.now += SCHEDULE

    waits = [later - sooner for sooner, later in pairwise(tried_at)]

    assert waits[:2] == [SCHEDULE, SCHEDULE]
    assert waits == sorted(waits)
    assert max(waits) == LONGEST_WAIT
    assert "times in a row; next try after" in result.reason


def test_a_waiting_key_is_tried_at_once_when_a_person_orders_it() -> None:
    world = world_of("orders")
    key = world.keys.keys[arn("orders")]
    key.error = ImportRefusedError("other bytes")
    for _ in range(5):
        world.run()
    key.error = None

    (result,) = world.run(ReimportRequest(key_set="orders", force=True))

    assert (result.action, result.error, result.concern) == (Action.RESTORE, None, Concern.NONE)


def test_slow_looks_leave_time_to_import_what_they_found() -> None:
    world = world_of(*(f"k{number:03}" for number in range(MANY)))
    view = world.keys.view

    def slow(arn: str) -> KeyView:
        world.pass_seconds(15)
        return view(arn)

    world.keys.view = slow  # type: ignore[method-assign]  # a hung region

    world.run()
    world.run()

    assert len(world.keys.tried) >= 4
    assert len(set(world.keys.looked)) == len(world.keys.looked)
