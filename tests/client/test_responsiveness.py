"""What a region's answers and silences say about it: its breaker knows an answer from a silence."""

import time

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kms_failover.client.call import Wakeup
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.domain.data_keys.latency import SEVERAL
from kms_failover.domain.data_keys.settings import Settings
from tests.client.kms_world import FOREVER, Later, World, aws_error, late_after, timed_out
from tests.client.region_calls import (
    client_of,
    cold_overtaking,
    encrypt,
    fault_twice,
    know_the_tail,
    overtake,
    start_silent,
    until_late,
)
from tests.domain.strategies import EAST


def test_two_region_faults_open_the_breaker_and_are_reported(world: World, kms: RegionalKms) -> None:
    fault_twice(world, kms)

    assert kms.breaker.is_open
    assert world.faults == [(EAST, "ReadTimeoutError")]


def test_a_good_answer_closes_the_breaker(world: World, kms: RegionalKms) -> None:
    fault_twice(world, kms)
    world.kms[EAST].fails = None

    encrypt(world, kms)

    assert not kms.breaker.is_open


@pytest.mark.parametrize("modeled", [True, False])
def test_a_refusal_is_an_answer_and_closes_the_breaker(world: World, kms: RegionalKms, *, modeled: bool) -> None:
    fault_twice(world, kms)
    world.kms[EAST].fails = None if modeled else aws_error("AccessDeniedException")
    world.kms[EAST].client.disable_key(KeyId=world.arn(EAST))

    with pytest.raises(ClientError):
        encrypt(world, kms)

    assert not kms.breaker.is_open


# Overtaken, slow


def test_two_calls_that_were_overtaken_put_a_region_out_long_before_its_time_outs(
    world: World, kms: RegionalKms
) -> None:
    overtake(world, kms)
    after_one = kms.breaker.is_open

    overtake(world, kms)

    assert not after_one
    assert kms.breaker.is_open
    assert world.faults == [(EAST, "overtaken")]


def test_a_region_that_is_silent_to_several_is_late_sooner_than_to_one(
    world: World, kms: RegionalKms, clock: Later
) -> None:
    late_after(kms, 500.0, silent_after=200.0)
    calls = [start_silent(world, kms) for _ in range(SEVERAL - 1)]
    clock.pass_by(300.0)
    to_few = until_late(kms, calls[0]), kms.is_silent_to(calls[0])
    calls.append(start_silent(world, kms))
    just_now = [until_late(kms, call) for call in calls]
    clock.pass_by(200.0)

    assert to_few == (200, False)
    assert just_now == [200] * SEVERAL
    assert [kms.is_silent_to(call) for call in calls] == [True] * SEVERAL


@pytest.mark.parametrize("passed", [0.0, 199.0, 200.0, 201.0])
def test_whoever_looks_a_moment_too_soon_learns_when_to_look_again(
    world: World, kms: RegionalKms, clock: Later, passed: float
) -> None:
    late_after(kms, 500.0, silent_after=200.0)
    calls = [start_silent(world, kms) for _ in range(SEVERAL)]

    clock.pass_by(passed)

    assert until_late(kms, calls[-1]) == 200 - passed


def test_an_answer_ends_the_silence_to_several(world: World, kms: RegionalKms, clock: Later) -> None:
    late_after(kms, 500.0, silent_after=200.0)
    calls = [start_silent(world, kms) for _ in range(SEVERAL)]
    clock.pass_by(200.0)
    silent = until_late(kms, calls[0])
    world.kms[EAST].silent = False
    encrypt(world, kms)

    assert silent == 0
    assert until_late(kms, calls[0]) == 200  # it begins anew


def test_calls_that_have_ended_are_no_silence(world: World, kms: RegionalKms, clock: Later) -> None:
    late_after(kms, 500.0, silent_after=200.0)
    calls = [start_silent(world, kms) for _ in range(SEVERAL)]
    world.kms[EAST].release.set()
    for call in calls:
        call.future.exception(FOREVER)
    clock.pass_by(200.0)

    assert until_late(kms, calls[0]) == 300


def test_a_call_overtaken_early_is_a_fault_only_once_it_is_late_by_itself(
    world: World, kms: RegionalKms, clock: Later
) -> None:
    know_the_tail(kms)
    late_after(kms, 500.0, silent_after=200.0)
    calls = [start_silent(world, kms) for _ in range(SEVERAL)]
    clock.pass_by(200.0)
    for call in calls:
        kms.overtaken(call)
    early = kms.is_out("k")
    clock.pass_by(300.0)

    assert not early
    assert kms.is_out("k")
    assert set(world.faults) == {(EAST, "silent")}


def test_a_call_that_is_overtaken_and_then_times_out_is_one_fault(world: World, kms: RegionalKms) -> None:
    call = overtake(world, kms)

    world.kms[EAST].release.set()

    assert isinstance(call.future.exception(FOREVER), ReadTimeoutError)
    assert not kms.breaker.is_open


def test_an_answer_that_comes_late_but_in_time_for_a_wrap_proves_the_region(world: World, kms: RegionalKms) -> None:
    overtake(world, kms)
    overtake(world, kms)

    world.kms[EAST].silent = False
    encrypt(world, kms)

    assert not kms.breaker.is_open


def test_a_call_that_still_waits_for_a_thread_says_nothing_about_the_region(world: World) -> None:
    kms = RegionalKms(EAST, client_of(world), Settings(threads_per_region=1))
    late_after(kms, 0.0)
    world.kms[EAST].silent = True
    started = kms.submit("encrypt", {"KeyId": "k"})
    waiting = [kms.submit("encrypt", {"KeyId": "k"}) for _ in range(3)]

    for call in waiting:
        kms.overtaken(call)
    world.kms[EAST].release.set()
    started.future.exception(FOREVER)
    kms.close()

    assert all(call.future.cancelled() for call in waiting)
    assert not kms.breaker.is_open


def test_a_call_that_has_not_waited_its_regions_own_time_says_nothing_either(world: World, kms: RegionalKms) -> None:
    for _ in range(2):
        overtake(world, kms, delay=FOREVER)

    assert not kms.breaker.is_open


def test_an_answer_too_late_for_any_wrap_is_a_fault_like_silence(world: World, clock: Later) -> None:
    kms = RegionalKms(EAST, client_of(world), Settings(faults_to_open=1))
    world.kms[EAST].client.meta.events.register_last("before-send.kms", lambda **_event: clock.pass_by(1.0))

    kms.call("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"})
    kms.close()

    assert kms.breaker.is_open


# Our own stalls, and what is no wakeup


def test_a_time_out_after_a_stall_of_our_own_is_no_fault(
    world: World, kms: RegionalKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = Later()
    monkeypatch.setattr("kms_failover.client.call.time", asleep)

    def freeze() -> Exception:
        asleep.pass_by(60.0)
        return timed_out()

    world.kms[EAST].fails = freeze
    for _ in range(2):
        with pytest.raises(ReadTimeoutError):
            encrypt(world, kms)

    assert not kms.breaker.is_open


def test_a_time_out_of_a_call_that_is_older_than_the_latest_answer_is_no_fault(world: World, kms: RegionalKms) -> None:
    silent = [start_silent(world, kms) for _ in range(2)]
    world.kms[EAST].silent = False
    encrypt(world, kms)

    world.kms[EAST].release.set()

    assert {type(call.future.exception(FOREVER)) for call in silent} == {ReadTimeoutError}
    assert not kms.breaker.is_open


def test_an_error_that_came_before_anything_was_sent_says_nothing(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].sends = False

    fault_twice(world, kms)

    assert not kms.breaker.is_open


def test_a_call_that_was_not_sent_is_never_silent(world: World, kms: RegionalKms, clock: Later) -> None:
    world.kms[EAST].sends = False
    calls = [cold_overtaking(world, kms) for _ in range(2)]

    clock.pass_by(FOREVER)

    assert not kms.is_out("k")
    assert not any(kms.is_silent_to(call) for call in calls)


def test_whoever_waits_for_a_thread_is_told_when_the_region_is_late_and_when_it_is_heard_again(world: World) -> None:
    kms = RegionalKms(EAST, client_of(world), Settings(threads_per_region=1))
    started, wakeup = start_silent(world, kms), Wakeup()
    waiting = kms.submit("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"}, wakeup)

    kms.late(started)
    wakeup.wait(FOREVER)
    passed_over = kms.passes_over(waiting)
    world.kms[EAST].silent = False
    world.kms[EAST].release.set()
    waiting.future.result(FOREVER)
    kms.close()

    assert passed_over
    assert not kms._is_late


def test_whoever_waits_is_told_when_the_region_goes_out(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].silent = True
    wakeup = Wakeup()
    before = kms.submit("encrypt", {"KeyId": "k"}, wakeup)
    for _ in range(2):
        kms._fault("test")

    wakeup.wait(FOREVER)
    after = kms.submit("encrypt", {"KeyId": "k"})

    assert (kms.went_out(before), kms.went_out(after)) == (True, False)


# One key


def test_a_key_fault_puts_that_key_out_and_no_other(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].client.disable_key(KeyId=world.arn(EAST))
    other = world.new_key(EAST)

    for _ in range(2):
        with pytest.raises(ClientError):
            encrypt(world, kms)

    assert kms.is_out(world.arn(EAST))
    assert not kms.is_out(other)
    assert not kms.breaker.is_open
    assert world.faults == []


def test_a_key_that_works_again_is_in_again(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].fails = aws_error("KMSInvalidStateException")
    for _ in range(2):
        with pytest.raises(ClientError):
            encrypt(world, kms)
    world.kms[EAST].fails = None

    encrypt(world, kms)

    assert not kms.is_out(world.arn(EAST))


# A region that is not known yet


def test_a_cold_region_that_was_overtaken_may_only_be_far(world: World, kms: RegionalKms) -> None:
    for _ in range(2):
        cold_overtaking(world, kms)

    assert not kms.is_out("k")


def test_a_cold_region_that_stays_silent_is_out_once_no_wrap_would_wait_for_it(
    world: World, kms: RegionalKms, clock: Later
) -> None:
    for _ in range(2):
        cold_overtaking(world, kms)

    clock.pass_by(Settings().wrap_deadline_seconds)

    assert kms.is_out("k")


def test_a_key_that_is_out_is_tried_now_and_then(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].fails = aws_error("DisabledException")
    for _ in range(2):
        with pytest.raises(ClientError):
            encrypt(world, kms)
    now = time.monotonic()

    claims = [kms.claims_trial(world.arn(EAST), at) for at in (now, now + 5.1, now + 5.2)]

    assert claims == [False, True, False]


def test_who_waits_is_told_when_a_region_goes_out_again_in_the_moment_in_which_it_came_back(
    world: World, kms: RegionalKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault_twice(world, kms)
    world.kms[EAST].fails = None
    waiting = start_silent(world, kms)
    told: list[object] = []
    monkeypatch.setattr(waiting, "wake", lambda: told.append(waiting))
    faulted = kms.breaker.faulted

    def after_an_answer(now: float) -> bool:
        kms.breaker.succeeded()
        faulted(now)
        return faulted(now)

    monkeypatch.setattr(kms.breaker, "faulted", after_an_answer)
    kms.refused_by_proxy()

    assert told == [waiting]
