"""The controller: any number of runs end in the same route, each change is announced, nobody waits for anybody."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import Failback, MemberKey
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.optimistic_write import MAX_CONFLICTS
from kms_failover.errors import WriteConflictError
from tests.domain.memory_state import MemoryState, held
from tests.domain.routing.controller_world import (
    FAULT,
    OK,
    World,
    contended,
    lose_east,
    verdict_of_east,
)
from tests.domain.strategies import EAST, NOON, WEST, arn, key_set, observation


def test_the_first_run_writes_the_key_sets_own_order_and_announces_nothing() -> None:
    world = World()

    routes = world.controller.run()

    assert [judgement.route.regions for judgement in routes] == [(EAST, WEST)]
    assert world.state.judgement("orders") == routes[0]
    assert world.announcements.changed == []


def test_a_lost_region_moves_the_route_announces_it_once_and_keeps_it_as_history() -> None:
    world = World()
    world.controller.run()
    lose_east(world)

    runs = [world.controller.run() for _ in range(3)]

    assert {judgements[0].route.regions for judgements in runs} == {(WEST, EAST)}
    assert [route.epoch for route in world.announcements.changed] == [1]
    assert [route.epoch for route in world.state.history("orders")] == [1]
    stored = world.state.judgement("orders")
    assert stored is not None
    assert stored.is_announced


def test_no_observations_at_all_never_move_the_route() -> None:
    world = World()
    before = world.controller.run()

    world.now += timedelta(hours=3)
    after = world.controller.run()

    assert [judgement.route for judgement in after] == [judgement.route for judgement in before]


@given(st.lists(st.integers(0, 2), max_size=6))
def test_extra_runs_in_between_end_in_the_same_route(extra_runs: list[int]) -> None:
    world, calm = World(), World()
    world.controller.run()
    calm.controller.run()

    for number, seconds in enumerate((0, 10, 20, 30)):
        world.round_at(seconds, FAULT)
        calm.round_at(seconds, FAULT)
        for _ in range(sum(extra_runs[number : number + 1])):
            world.controller.run()
    ended, calmly = world.controller.run(), calm.controller.run()

    assert ended[0].route.regions == calmly[0].route.regions == (WEST, EAST)
    assert len(world.announcements.changed) == len(calm.announcements.changed) == 1


def test_a_key_fault_moves_its_own_key_set_only() -> None:
    invoices = key_set(name="invoices").but(
        members=tuple(MemberKey(region=r, arn=arn(r, "1234")) for r in (EAST, WEST))
    )
    world = World(key_set(), invoices)
    for seconds in (0, 10):
        world.round_at(seconds, OK)
        world.own_round_at(seconds, Outcome.KEY_FAULT, "invoices")

    judgements = world.controller.run()

    assert {judgement.key_set: judgement.route.regions for judgement in judgements} == {
        "invoices": (WEST, EAST),
        "orders": (EAST, WEST),
    }


def test_throttles_and_refusals_never_move_a_route() -> None:
    world = World()
    for seconds in range(0, 300, 10):
        world.round_at(seconds, Outcome.INCONCLUSIVE)

    judgements = world.controller.run()

    assert judgements[0].route.regions == (EAST, WEST)


def test_an_intent_of_another_region_counts_and_the_newest_wins() -> None:
    world = World()
    there = MemoryState(EAST, key_set())
    here = Intent(mode=Mode.FORCE, region=WEST, epoch=1, written_in=WEST, author="ana", reason="r")
    newer = Intent(mode=Mode.HOLD, epoch=2, written_in=EAST, author="bob", reason="r")
    world.state.put_intent("orders", here)
    there.put_intent("orders", newer)
    world.state._intents |= there._intents  # the global table brings it over

    world.controller.run()
    lose_east(world)
    judgements = world.controller.run()

    assert judgements[0].route.regions == (EAST, WEST)


def test_who_was_overtaken_decides_again_from_what_is_there() -> None:
    state, controller = contended(MAX_CONFLICTS)

    judgements = controller.run()

    assert state.route("orders") == judgements[0].route
    assert judgements[0].health[EAST].verdict is Verdict.IMPAIRED
    assert judgements[0].route.regions == (EAST, WEST)  # held meanwhile


def test_who_is_overtaken_again_and_again_says_so() -> None:
    _, controller = contended(MAX_CONFLICTS + 1)

    with pytest.raises(ExceptionGroup) as error:
        controller.run()

    assert [type(one) for one in error.value.exceptions] == [WriteConflictError]


def test_an_automatic_return_waits_for_the_debt_and_is_announced_with_it() -> None:
    world = World(key_set(failback=Failback.AUTOMATIC))
    lose_east(world)
    world.controller.run()
    world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key="k", since=NOON))
    for seconds in (615, 625):
        world.round_at(seconds, OK)
        owing = world.controller.run()

    world.state.clear_debt(held(next(world.state.debts("orders"))))
    repaid = world.controller.run()

    assert owing[0].route.regions == (WEST, EAST)
    assert repaid[0].route.regions == (EAST, WEST)
    assert world.announcements.changed[-1].evidence[-1] == f"owed to {EAST}: 0 objects"


def test_observations_of_other_regions_are_not_this_controllers() -> None:
    world = World()
    for seconds in (0, 10, 20):
        seen = observation(seconds, FAULT).but(observer=EAST)
        world.see(seen)
    world.now = NOON + timedelta(seconds=20)

    world.controller.run()

    assert verdict_of_east(world) is Verdict.UNKNOWN


def test_an_event_given_twice_is_one_observation() -> None:
    world = World()
    world.round_at(0, FAULT)
    agreeing = observation(5, FAULT, Source.ALARM)
    before: datetime = world.now

    world.see(agreeing, agreeing, agreeing)
    world.controller.run()

    assert world.now == before
    assert verdict_of_east(world) is Verdict.SUSPECT


def test_a_return_that_an_operator_insists_on_tells_all_that_is_owed() -> None:
    world = World()
    world.controller.run()
    lose_east(world)
    world.controller.run()
    for number in range(7):
        world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key=f"{number}", since=NOON))
    for seconds in (700, 720):
        world.round_at(seconds, OK)
        world.controller.run()
    order = Intent(failback=True, insist=True, epoch=1, written_in=WEST, author="ana", reason="r", at=world.now)
    world.state.put_intent("orders", order)

    (back,) = world.controller.run()

    assert back.route.regions[0] == EAST
    assert back.route.evidence[-1] == f"owed to {EAST}: 7 objects"


def test_an_order_that_comes_after_the_judgement_was_read_is_obeyed() -> None:
    """Intents are read last: whoever has read an older judgement cannot write over the order's own."""
    world = World()
    world.controller.run()
    lose_east(world)
    read = world.state.judgements

    def read_and_be_overtaken() -> dict[str, Judgement]:
        found = read()
        hold = Intent(mode=Mode.HOLD, epoch=1, written_in=WEST, author="ana", reason="r")
        world.state._intents["orders", WEST] = hold
        return found

    world.state.judgements = read_and_be_overtaken  # type: ignore[method-assign]  # the order comes between
    judgements = world.controller.run()

    assert judgements[0].route.regions == (EAST, WEST)


# News: each loss and each return is told, whatever the route does about it


# A return is told when the key has answered: before that nobody knows whether the region can be used
