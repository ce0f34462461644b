"""KMS in two or three regions, strict, whose calls can be made to fail or to wait; nothing here sleeps."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from kms_failover.client.account_filter import AccountFilter
from kms_failover.client.bundler import Bundler
from kms_failover.client.failover_kms import FailoverKms
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.client.routes import RouteReader
from kms_failover.client.wraps import Wraps
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.route import Route, first_route
from local.strict_kms import mock_strict_kms
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import ACCOUNT, EAST, NOON, WEST

FOREVER = 60.0  # seconds; longer than any test, so that a slow machine changes no outcome
AT_ONCE = 0.01  # seconds; only where the region that is waited for never answers anyway
CONTEXT = {"order": "42"}
MOTOS_ACCOUNT = "123456789012"
SETTINGS = Settings(deadline_seconds=FOREVER)


def timed_out() -> Exception:
    return ReadTimeoutError(endpoint_url="https://kms", error="no answer")


def unreachable() -> Exception:
    return EndpointConnectionError(endpoint_url="https://kms", error="no such name")


def aws_error(code: str, status: int = 400) -> Callable[[], Exception]:
    response: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return lambda: ClientError(response, "Any")


def late_after(kms: RegionalKms, seconds: float, *, silent_after: float | None = None) -> None:
    """What its tail comes to: when one call is late, and when the region is silent to several; by default the same."""
    kms.latency.hedge_delay_seconds = seconds
    kms.latency.silence_seconds = seconds if silent_after is None else silent_after


def any_account() -> AccountFilter:
    """Any that a test's keys are in; a stranger's is none of them."""
    return AccountFilter(lambda: frozenset({ACCOUNT, MOTOS_ACCOUNT}))


class Kms:
    """One region's boto3 client. Every call raises `fails`, says `answers`, or waits for `release` while `silent`."""

    def __init__(self, region: str) -> None:
        self.client = boto3.client("kms", region_name=region)
        self.meta, self.exceptions = self.client.meta, self.client.exceptions
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fails: Callable[[], Exception] | None = None
        self.answers: dict[str, Any] | None = None
        self.silent = False
        self.sends = True  # else what `fails` or is `silent` does so before a request has left
        self.begun, self.release = Event(), Event()

    def _call(self, operation: str, parameters: dict[str, Any]) -> Any:
        self.calls.append((operation, parameters))
        if self.sends and (self.silent or self.fails or self.answers is not None):
            self.send(operation)
        if self.silent:
            self.begun.set()
            self.release.wait(FOREVER)
            raise timed_out()
        if self.fails is not None:
            raise self.fails()
        if self.answers is not None:
            return self.answers
        return getattr(self.client, operation)(**parameters)

    def generate_data_key(self, **parameters: Any) -> Any:
        return self._call("generate_data_key", parameters)

    def encrypt(self, **parameters: Any) -> Any:
        return self._call("encrypt", parameters)

    def decrypt(self, **parameters: Any) -> Any:
        return self._call("decrypt", parameters)

    def __getattr__(self, name: str) -> Any:
        """What a client has beside its operations."""
        return getattr(self.client, name)

    def send(self, operation: str) -> None:
        """What botocore tells when a request leaves."""
        request = AWSRequest("POST", url="http://127.0.0.1").prepare()
        self.meta.events.emit(f"before-send.kms.{operation}", request=request)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


class Later:
    """Stands for the module `time`, or for the awake clock, in another module; `pass_by` makes it later there."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self.sleep = time.sleep

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    now = monotonic

    def keep(self, seconds: float) -> None: ...

    def pass_by(self, seconds: float) -> None:
        self._ahead += seconds


class World:
    """Runs in `here`; `key_set` "orders" has a key in each region, in their order; `related` ones are multi-Region."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *regions: str,
        here: str = EAST,
        related: tuple[str, ...] = (),
        settings: Settings = SETTINGS,
    ) -> None:
        self._monkeypatch = monkeypatch
        self.kms = {region: Kms(region) for region in regions}
        arns = {region: self.new_key(region) for region in regions} | self._related(related)
        members = tuple(MemberKey(region=region, arn=arn) for region, arn in arns.items())
        self.key_set = KeySet(name="orders", members=members)
        self.faults: list[tuple[str, str]] = []
        clients: dict[str, Any] = dict(self.kms)
        self.regional = {
            region: RegionalKms(region, client, settings, on_fault=lambda r, code: self.faults.append((r, code)))
            for region, client in clients.items()
        }
        self.bundler = Bundler(here, self.regional, settings)
        self.state = MemoryState(here, self.key_set)
        state: Any = self.state
        self.routes = RouteReader(here, state, any_account())
        connection: Any = SimpleNamespace(
            region=here,
            bundler=self.bundler,
            routes=self.routes,
            client=clients[here],
            plain=self.kms[here].client,
            settings=settings,
            close=self.close_connection,
        )
        self.failover = FailoverKms(connection)
        self.patience(FOREVER)

    def patience(self, seconds: float) -> None:
        """How long a silent region is waited for before the next one is asked, and for a further wrap."""
        for kms in self.regional.values():
            late_after(kms, seconds)
        self._monkeypatch.setattr(Wraps, "_wrap_patience", lambda _wraps, _member: seconds)

    def new_key(self, region: str) -> str:
        arn: str = self.kms[region].client.create_key()["KeyMetadata"]["Arn"]
        return arn

    def _related(self, regions: tuple[str, ...]) -> dict[str, str]:
        if not regions:
            return {}
        first = self.kms[regions[0]].client
        primary = first.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
        for region in regions[1:]:
            first.replicate_key(KeyId=primary, ReplicaRegion=region)
        return {region: primary.replace(regions[0], region) for region in regions}

    @property
    def route(self) -> Route:
        return first_route(self.key_set, self.bundler.region, NOON)

    def arn(self, region: str) -> str:
        member = self.key_set.member_in(region)
        assert member is not None
        return member.arn

    def silence(self, region: str) -> None:
        self.kms[region].silent = True
        self.patience(AT_ONCE)

    def forget_calls(self) -> None:
        for kms in self.kms.values():
            kms.calls.clear()

    def close_connection(self) -> None:
        self.routes.close()
        for kms in self.regional.values():
            kms.close()

    def close(self) -> None:
        for kms in self.kms.values():
            kms.release.set()
        self.failover.close()
        for regional in self.regional.values():
            regional._threads.shutdown(wait=True)


@contextmanager
def kms_world(monkeypatch: pytest.MonkeyPatch, *regions: str, **options: Any) -> Iterator[World]:
    with mock_strict_kms():
        world = World(monkeypatch, *(regions or (EAST, WEST)), **options)
        try:
            yield world
        finally:
            world.close()


# What most tests ask of it


def code_of(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def generate(world: World, **parameters: Any) -> dict[str, Any]:
    asked = {"KeyId": "orders", "KeySpec": "AES_256", "EncryptionContext": CONTEXT}
    return world.failover.generate_data_key(**asked | parameters)


def opened(world: World, blob: bytes, **parameters: Any) -> dict[str, Any]:
    return world.failover.decrypt(CiphertextBlob=blob, **{"EncryptionContext": CONTEXT} | parameters)
