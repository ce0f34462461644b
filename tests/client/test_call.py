"""How a thread waits for calls under way: for each to end, for no other longer than it is worth, never too long."""

import time
from concurrent.futures import Future

from kms_failover.client.call import UNTIL_WOKEN, Call, Wakeup, wait_for
from tests.client.kms_world import AT_ONCE, FOREVER


def under_way(wakeup: Wakeup) -> Call:
    call = Call("us-east-1", wakeup=wakeup)
    call.future = Future()
    return call


def wait(calls: list[Call], wakeup: Wakeup, looks: dict[Call, list[float | None]], seconds: float = FOREVER) -> None:
    """`looks`: what is said of each call at one look after the other; every look wakes for the next."""

    def look(call: Call) -> float | None:
        wakeup.wake()
        return looks[call].pop(0)

    wait_for(calls, wakeup, time.monotonic() + seconds, UNTIL_WOKEN, look)


def test_a_call_that_has_ended_is_waited_for_no_longer() -> None:
    wakeup = Wakeup()
    call = under_way(wakeup)
    call.future.set_result({})
    wakeup.wake()

    wait([call], wakeup, {call: []})

    assert call.future.done()


def test_what_is_not_worth_waiting_for_is_not_looked_at_again_while_others_are() -> None:
    wakeup = Wakeup()
    hopeless, hopeful = under_way(wakeup), under_way(wakeup)
    looks: dict[Call, list[float | None]] = {hopeless: [None, 1.0], hopeful: [FOREVER, None]}
    wakeup.wake()

    wait([hopeless, hopeful], wakeup, looks)

    assert looks == {hopeless: [1.0], hopeful: []}


def test_it_looks_again_after_the_shortest_pause_of_any_call_without_news() -> None:
    wakeup = Wakeup()
    patient, impatient = under_way(wakeup), under_way(wakeup)
    looks: dict[Call, list[float | None]] = {patient: [FOREVER, None], impatient: [AT_ONCE, None]}

    began = time.monotonic()
    wait_for([patient, impatient], wakeup, began + FOREVER, AT_ONCE, lambda call: looks[call].pop(0))

    assert time.monotonic() - began < FOREVER / 2
    assert looks == {patient: [], impatient: []}


def test_nothing_is_waited_for_beyond_the_deadline_whatever_a_look_says() -> None:
    wakeup = Wakeup()
    call = under_way(wakeup)

    began = time.monotonic()
    wait([call], wakeup, {call: [FOREVER] * 1000}, seconds=AT_ONCE)

    assert AT_ONCE <= time.monotonic() - began < FOREVER
    assert not call.future.done()
