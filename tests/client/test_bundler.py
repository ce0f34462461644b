"""Data keys over several regions, below the drop-in client: breakers, trials, and one region by itself."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ProxyConnectionError
from urllib3.exceptions import ProxyError

from kms_failover.client.bundler import NewBundle
from kms_failover.domain.data_keys.bundle import Bundle, Kind, Wrap
from kms_failover.errors import BundleError, CommitmentError, RegionUnavailableError
from tests.client.kms_world import CONTEXT, SETTINGS, Later, World, aws_error, timed_out, unreachable
from tests.domain.strategies import EAST, WEST, arn


def make(world: World) -> NewBundle:
    return world.bundler.make(world.key_set, world.route, {"KeySpec": "AES_256"}, CONTEXT)


def out(world: World, region: str, *, since: float = 0.0) -> None:
    """Its breaker is open, as if for a long time; with `since` in the future no trial is due."""
    world.kms[region].fails = unreachable
    for _ in range(2):
        world.regional[region].breaker.faulted(since)


def test_a_region_that_is_out_is_asked_last_and_wraps_nothing(world: World) -> None:
    out(world, EAST, since=float("inf"))

    made = make(world)

    assert made.member.region == WEST
    assert made.missing == (EAST,)
    assert world.kms[EAST].calls == []


def test_a_region_that_is_out_gets_one_trial_beside_the_work(world: World) -> None:
    out(world, EAST, since=float("-inf"))
    world.kms[EAST].fails = None

    made = make(world)
    world.regional[EAST]._threads.shutdown(wait=True)

    assert made.member.region == WEST
    assert world.kms[EAST].operations.count("generate_data_key") == 1
    assert not world.regional[EAST].breaker.is_open


def test_when_every_region_is_out_they_are_asked_all_the_same(world: World) -> None:
    for region in (EAST, WEST):
        out(world, region, since=float("inf"))
        world.kms[region].fails = None

    made = make(world)

    assert made.member.region == EAST


def test_one_region_alone_is_not_waited_for_while_it_is_out(world: World) -> None:
    out(world, EAST, since=float("inf"))

    with pytest.raises(RegionUnavailableError, match="failed a moment ago"):
        world.bundler.encrypt_under(world.key_set.members[0], b"m", CONTEXT)

    assert world.kms[EAST].calls == []


def test_one_region_alone_that_fails_says_which_and_how(world: World) -> None:
    world.kms[EAST].fails = unreachable

    with pytest.raises(RegionUnavailableError) as error:
        world.bundler.encrypt_under(world.key_set.members[0], b"m", CONTEXT)

    assert (error.value.region, error.value.code) == (EAST, "EndpointConnectionError")
    assert error.value.another_region_may_succeed


def test_one_region_alone_round_trips(world: World) -> None:
    member = world.key_set.members[1]

    blob = world.bundler.encrypt_under(member, b"m", CONTEXT)

    assert world.bundler.decrypt_under(member, blob, CONTEXT) == b"m"
    with pytest.raises(ClientError):
        world.bundler.decrypt_under(world.key_set.members[0], blob, CONTEXT)


def test_a_bundle_of_nobody_here_is_refused_before_anybody_is_asked(world: World) -> None:
    stranger = Bundle("orders", Kind.DATA_KEY, bytes(32), (Wrap(arn(EAST), b"blob"),))

    with pytest.raises(BundleError, match="no wrap"):
        world.bundler.open(stranger, world.key_set, world.route, CONTEXT)

    assert world.kms[EAST].calls == []


def test_a_wrap_that_opens_to_another_key_is_never_used(world: World) -> None:
    bundle = make(world).bundle
    false = Bundle(bundle.key_set, bundle.kind, bytes(32), bundle.wraps)

    with pytest.raises(CommitmentError):
        world.bundler.open(false, world.key_set, world.route, CONTEXT)


def test_a_complete_bundle_costs_no_call(world: World) -> None:
    bundle = make(world).bundle
    world.forget_calls()

    done = world.bundler.complete(bundle, world.key_set, world.route, CONTEXT)

    assert (done.bundle, done.missing, done.member) == (bundle, (), None)
    assert world.kms[EAST].calls == world.kms[WEST].calls == []


def test_completing_while_a_region_is_still_lost_keeps_what_there_is(world: World) -> None:
    world.kms[WEST].fails = unreachable
    bundle = make(world).bundle

    done = world.bundler.complete(bundle, world.key_set, world.route, CONTEXT)

    assert (done.bundle, done.missing) == (bundle, (WEST,))


def test_completing_gives_a_region_that_is_out_its_trial_and_uses_the_answer(world: World) -> None:
    world.kms[WEST].fails = unreachable
    bundle = make(world).bundle
    out(world, WEST, since=float("-inf"))
    world.kms[WEST].fails = None

    done = world.bundler.complete(bundle, world.key_set, world.route, CONTEXT)

    assert done.missing == ()
    assert [wrap.region for wrap in done.bundle.wraps] == [EAST, WEST]
    assert not world.regional[WEST].breaker.is_open


def test_a_moment_in_which_every_region_fails_is_survived(world: World) -> None:
    for region in (EAST, WEST):
        world.kms[region].fails = once(world, region)

    made = make(world)

    assert len(made.plaintext) == 32
    assert made.member.region == EAST


def test_regions_that_fail_twice_are_not_asked_for_ever(world: World) -> None:
    for region in (EAST, WEST):
        world.kms[region].fails = unreachable

    with pytest.raises(EndpointConnectionError):
        make(world)

    assert len(world.kms[EAST].calls) == len(world.kms[WEST].calls) == 2


@pytest.mark.parametrize("code", ["ThrottlingException", "LimitExceededException"])
def test_a_throttle_is_waited_out_a_bounded_number_of_times_and_reaches_no_other_region(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    waits: list[float] = []
    clock = SimpleNamespace(sleep=waits.append, monotonic=time.monotonic)
    monkeypatch.setattr("kms_failover.client.bundler.time", clock)
    world.kms[EAST].fails = aws_error(code)

    with pytest.raises(ClientError, match=code):
        make(world)

    assert world.kms[EAST].operations == ["generate_data_key"] * SETTINGS.throttle_attempts
    assert world.kms[WEST].calls == []
    assert len(waits) == SETTINGS.throttle_attempts - 1
    assert not world.regional[EAST].breaker.is_open


def test_where_throttles_are_the_rule_they_are_not_even_retried(world: World) -> None:
    world.kms[EAST].fails = aws_error("ThrottlingException")
    while world.regional[EAST].throttle_retries.spend():
        pass

    with pytest.raises(ClientError, match="ThrottlingException"):
        make(world)

    assert len(world.kms[EAST].calls) == 1


def test_after_the_deadline_there_is_no_second_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Later()
    monkeypatch.setattr("kms_failover.client.bundler.time", clock)

    def late() -> Exception:
        clock.pass_by(SETTINGS.deadline_seconds)
        return unreachable()

    for region in (EAST, WEST):
        world.kms[region].fails = late

    with pytest.raises(EndpointConnectionError):
        make(world)

    assert len(world.kms[EAST].calls) == 1


def test_a_silent_region_is_not_asked_for_its_wrap_as_well(world: World) -> None:
    world.silence(EAST)

    made = make(world)

    assert made.missing == (EAST,)
    assert world.kms[EAST].operations == ["generate_data_key"]


def test_where_all_are_out_the_one_that_answers_is_not_kept_waiting_for_the_silent_ones(world: World) -> None:
    world.silence(EAST)
    for region in (EAST, WEST):
        for _ in range(2):
            world.regional[region].breaker.faulted(float("inf"))

    made = make(world)

    assert made.member.region == WEST


def test_a_throttle_behind_another_regions_refusal_is_waited_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kms_failover.client.bundler.THROTTLE_BASE_SECONDS", 0.0)
    world.kms[EAST].fails = aws_error("DisabledException")
    world.kms[WEST].fails = aws_error("ThrottlingException")

    with pytest.raises(ClientError, match="ThrottlingException"):
        make(world)

    assert len(world.kms[WEST].calls) == SETTINGS.throttle_attempts


@pytest.mark.parametrize(("known", "seconds"), [(True, 0.2), (False, 1.0)])
def test_a_wrap_is_waited_for_by_the_regions_own_tail_where_that_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: float, *, known: bool
) -> None:
    monkeypatch.undo()
    for _ in range(100 if known else 0):
        world.regional[WEST].latency.add(0.001)

    patience = world.bundler._wraps._wrap_patience(world.key_set.members[1])

    assert patience == seconds


def once(world: World, region: str) -> Callable[[], Exception]:
    def fail() -> Exception:
        world.kms[region].fails = None
        return timed_out()

    return fail


def refused_by_proxy() -> Exception:
    word = OSError("Tunnel connection failed: 502 Bad Gateway")
    return ProxyConnectionError(proxy_url="http://proxy", error=ProxyError("Unable to connect to proxy", word))


@pytest.mark.parametrize("region", [EAST, WEST], ids=["the first", "a wrap's"])
def test_what_a_proxy_says_of_one_region_counts_where_another_was_answered(world: World, region: str) -> None:
    world.kms[region].fails = refused_by_proxy

    made = [make(world) for _ in range(3)]

    assert {one.missing for one in made} == {(region,)}
    assert world.faults == [(region, "ProxyConnectionError")]
    assert len(world.kms[region].calls) <= 4


def test_what_a_proxy_says_of_every_region_is_no_regions_fault(world: World) -> None:
    for region in (EAST, WEST):
        world.kms[region].fails = refused_by_proxy

    for _ in range(3):
        with pytest.raises(ProxyConnectionError):
            make(world)

    assert world.faults == []
