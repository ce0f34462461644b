"""What many callers wait for at once: never for what the process knows already, and no region for our own delays."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import ClientError, ConnectTimeoutError

from kms_failover.client.failover_kms import FailoverKms
from kms_failover.client.failure import Failure
from kms_failover.domain.data_keys.latency import FEWEST, SEVERAL
from kms_failover.domain.data_keys.settings import ReservoirLimits, Settings
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import NotSentError, RegionUnavailableError
from tests.client.kms_world import (
    AT_ONCE,
    CONTEXT,
    FOREVER,
    World,
    generate,
    kms_world,
    late_after,
    opened,
    unreachable,
)
from tests.domain.strategies import EAST, WEST

THREADS, CALLERS = 2, 24
FEW_THREADS = Settings(threads_per_region=THREADS, deadline_seconds=FOREVER)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch, settings=FEW_THREADS) as made:
        yield made


def know_the_tails(world: World) -> None:
    for kms in world.regional.values():
        for _ in range(FEWEST - 1):  # at the tenth the delay would be set anew
            kms.latency.add(AT_ONCE)
        kms.latency._added += 1


def spend_the_budgets(world: World) -> None:
    for kms in world.regional.values():
        while kms.hedges.spend():
            pass


def burst(call: Callable[[], dict[str, Any]], callers: int = CALLERS) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(callers) as threads:
        return [one.result(FOREVER) for one in [threads.submit(call) for _ in range(callers)]]


def answered_by(answers: list[dict[str, Any]]) -> set[str]:
    return {answer["KmsFailover"]["AnsweredBy"] for answer in answers}


@pytest.mark.parametrize("budget", [True, False], ids=["with a budget", "without"])
@pytest.mark.parametrize("operation", ["generate", "decrypt"])
def test_no_caller_waits_for_a_time_out_of_a_region_that_others_have_found_silent(
    world: World, operation: str, *, budget: bool
) -> None:
    blob = generate(world)["CiphertextBlob"]
    know_the_tails(world)
    world.forget_calls()
    if not budget:
        spend_the_budgets(world)
    world.silence(EAST)

    answers = burst(lambda: generate(world) if operation == "generate" else opened(world, blob))

    assert answered_by(answers) == {WEST}
    assert len(world.kms[EAST].calls) == THREADS  # what its threads can hold; nobody else got that far
    assert world.regional[EAST].breaker.is_open


@pytest.mark.parametrize("operation", ["generate", "decrypt"])
def test_where_several_wait_in_vain_nobody_waits_as_long_as_for_one_late_call(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    settings = Settings(threads_per_region=SEVERAL, deadline_seconds=10 * FOREVER)  # of which half may be waited
    with kms_world(monkeypatch, settings=settings) as world:
        blob = generate(world)["CiphertextBlob"]
        know_the_tails(world)
        world.forget_calls()
        world.silence(EAST)
        late_after(world.regional[EAST], 10 * FOREVER, silent_after=AT_ONCE)

        answers = burst(lambda: generate(world) if operation == "generate" else opened(world, blob))

        assert answered_by(answers) == {WEST}
        assert len(world.kms[EAST].calls) == SEVERAL


def test_a_second_silence_soon_after_the_first_is_met_as_the_first_was(world: World) -> None:
    know_the_tails(world)
    world.silence(EAST)
    burst(lambda: generate(world))
    spend_the_budgets(world)
    world.kms[EAST].release.set()
    world.kms[EAST].silent = False
    world.patience(FOREVER)
    world.regional[EAST].submit("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"}).future.result(FOREVER)
    back = generate(world)
    world.forget_calls()
    world.kms[EAST].release.clear()
    world.silence(EAST)

    answers = burst(lambda: generate(world))

    assert answered_by([back]) == {EAST}
    assert answered_by(answers) == {WEST}
    assert len(world.kms[EAST].calls) == THREADS


def test_a_burst_into_a_silence_that_no_tail_is_known_of_yet_does_not_wait_for_threads(world: World) -> None:
    world.silence(EAST)

    answers = burst(lambda: generate(world))

    assert answered_by(answers) == {WEST}
    assert len(world.kms[EAST].calls) == THREADS


def test_no_wrap_is_waited_for_in_a_region_that_others_have_found_silent(world: World) -> None:
    know_the_tails(world)
    world.silence(WEST)
    late_after(world.regional[EAST], FOREVER)

    answers = burst(lambda: generate(world))

    assert all(answer["KmsFailover"]["MissingRegions"] == [WEST] for answer in answers)
    assert len(world.kms[WEST].calls) == THREADS


def test_one_region_alone_is_given_up_as_soon_as_others_have_found_it_out(world: World) -> None:
    world.kms[EAST].silent = True
    east = world.regional[EAST]
    with ThreadPoolExecutor(CALLERS) as threads:
        waiting = [
            threads.submit(world.bundler.encrypt_under, world.key_set.members[0], b"m", CONTEXT) for _ in range(CALLERS)
        ]
        assert world.kms[EAST].begun.wait(FOREVER)
        until(lambda: len(east._under_way) == CALLERS)
        for _ in range(2):
            east._fault("test")

        errors = [one.exception(FOREVER) for one in waiting]

    assert {type(error) for error in errors} == {RegionUnavailableError}
    assert len(world.kms[EAST].calls) <= THREADS


def until(holds: Callable[[], bool]) -> None:
    """Another thread is on its way there; bounded by the test's own patience."""
    for _ in range(int(FOREVER / AT_ONCE)):
        if holds():
            return
        threading.Event().wait(AT_ONCE)
    raise AssertionError("it never came so far")


# Our own delays

SLOW = AT_ONCE * 40  # beyond every patience that these tests set


def test_our_own_queue_degrades_no_key_and_blames_no_region(world: World) -> None:
    know_the_tails(world)
    world.patience(SLOW / 2)
    for region in (EAST, WEST):
        hold_all_threads(world, region)

    answers = burst(lambda: generate(world))

    assert answered_by(answers) == {EAST}
    assert not any(answer["KmsFailover"]["Degraded"] for answer in answers)
    assert world.faults == []


def hold_all_threads(world: World, region: str) -> None:
    """By something of ours: nothing is sent. And let them go again after a while."""
    kms = world.kms[region]
    kms.silent, kms.sends = True, False
    for _ in range(THREADS):
        world.regional[region].submit("encrypt", {"KeyId": "k"})
    until(lambda: len(kms.calls) == THREADS)
    kms.silent = False
    threading.Timer(SLOW, kms.release.set).start()


class Credentials:
    """As of a role that has to be assumed first. `slow` is called whenever they are fetched."""

    def __init__(self, slow: Callable[[], object]) -> None:
        self.fetched_by: list[str] = []
        self._slow = slow
        self._held: Any
        botocore_session: Any = botocore.session.get_session()
        botocore_session._credentials = self._held = DeferredRefreshableCredentials(self._fetch, "test")
        self.session = boto3.Session(botocore_session=botocore_session)

    def expire(self) -> None:
        self._held._expiry_time = datetime.now(UTC)

    def _fetch(self) -> dict[str, str]:
        self.fetched_by.append(threading.current_thread().name)
        self._slow()
        expiry = datetime.now(UTC) + timedelta(hours=1)
        return {"access_key": "a", "secret_key": "s", "token": "t", "expiry_time": expiry.isoformat()}


@contextmanager
def with_credentials(world: World, credentials: Credentials, **settings: Any) -> Iterator[FailoverKms]:
    """A client of its own for the world's keys."""
    own = Settings(**{"first_hedge_delay_seconds": AT_ONCE, "min_hedge_delay_seconds": AT_ONCE} | settings)
    with FailoverKms.connect(EAST, None, (world.key_set,), settings=own, session=credentials.session) as kms:
        yield kms


def a_while() -> None:
    threading.Event().wait(SLOW)


def test_slow_credentials_degrade_no_key_and_blame_no_region(world: World) -> None:
    calls: list[str] = []
    settings = {"wrap_deadline_seconds": SLOW / 2, "faults_to_open": 1, "max_hedge_delay_seconds": SLOW / 2}
    with with_credentials(world, Credentials(a_while), **settings) as kms:
        for region in (EAST, WEST):
            late_after(kms._connection.kms[region], FOREVER)
            kms._connection.kms[region].client.meta.events.register(
                "before-send.kms", lambda region=region, **_event: calls.append(region)
            )

        made = kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

        assert made["KmsFailover"]["AnsweredBy"] == EAST
        assert calls == [EAST, WEST]
        assert not any(one.breaker._faults for one in kms._connection.kms.values())


def test_credentials_that_never_come_end_at_the_deadline_and_are_no_regions_fault(world: World) -> None:
    come = threading.Event()
    deadline = {"deadline_seconds": SLOW, "max_hedge_delay_seconds": SLOW}
    with with_credentials(world, Credentials(lambda: come.wait(FOREVER)), **deadline) as kms:
        with pytest.raises(ClientError, match="credentials did not come") as refused:
            kms.generate_data_key(KeyId="orders", KeySpec="AES_256")
        come.set()

        assert isinstance(refused.value.__cause__, NotSentError)
        assert not Failure.of(refused.value).as_error["AnotherRegionMaySucceed"]
        assert not any(one.breaker._faults for one in kms._connection.kms.values())


def test_credentials_that_must_be_fetched_again_never_hold_the_callers_own_thread(world: World) -> None:
    come = threading.Event()
    settings = Settings(deadline_seconds=FOREVER)
    alone = KeySet(name="alone", members=world.key_set.members[:1])
    credentials = Credentials(lambda: len(credentials.fetched_by) > 1 and come.wait(FOREVER))
    with FailoverKms.connect(EAST, None, (alone,), settings=settings, session=credentials.session) as kms:
        for _ in range(FEWEST + 1):
            kms.generate_data_key(KeyId="alone", KeySpec="AES_256")
        credentials.expire()

        with ThreadPoolExecutor(1, thread_name_prefix="caller") as thread:
            made = thread.submit(lambda: kms.generate_data_key(KeyId="alone", KeySpec="AES_256"))
            until(lambda: len(credentials.fetched_by) > 1)
            come.set()
            made.result(FOREVER)

        assert credentials.fetched_by[1].startswith(f"kms-{EAST}")


def test_an_outage_of_sts_is_no_fault_of_kms(world: World) -> None:
    def fail() -> None:
        raise ConnectTimeoutError(endpoint_url="https://sts.us-east-1.amazonaws.com")

    with with_credentials(world, Credentials(fail), faults_to_open=1) as kms:
        with pytest.raises(ConnectTimeoutError, match="sts"):
            kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

        assert not any(one.breaker._faults for one in kms._connection.kms.values())


# Context variables

TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


def tenants_of_hooks(world: World) -> list[str]:
    """Whom the hooks of both regions see; a tracer is such a hook."""
    seen: list[str] = []
    for kms in world.kms.values():
        kms.client.meta.events.register_first("before-send.kms", lambda **_event: seen.append(TENANT.get()))
    return seen


def test_context_variables_reach_hooks_in_every_regions_threads(world: World) -> None:
    seen = tenants_of_hooks(world)
    TENANT.set("acme")

    made = generate(world)
    opened(world, made["CiphertextBlob"])

    assert seen == ["acme"] * 3


def test_context_variables_reach_the_threads_of_rewrap_many(world: World) -> None:
    world.kms[WEST].fails = unreachable
    blobs = [generate(world)["CiphertextBlob"] for _ in range(4)]
    world.kms[WEST].fails = None
    world.regional[WEST].breaker.succeeded()
    seen = tenants_of_hooks(world)
    TENANT.set("acme")

    answers = world.failover.rewrap_many([{"CiphertextBlob": blob, "EncryptionContext": CONTEXT} for blob in blobs])

    assert not any("Error" in answer for answer in answers)
    assert seen == ["acme"] * 8


def test_context_variables_reach_what_makes_keys_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(deadline_seconds=FOREVER, reservoir=ReservoirLimits(keys=1, makers=1))
    with kms_world(monkeypatch, settings=settings) as world:
        seen = tenants_of_hooks(world)
        TENANT.set("acme")

        for _ in range(2):
            generate(world)
        until(lambda: len(seen) >= 6)

        assert set(seen) == {"acme"}
