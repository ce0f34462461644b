"""The KMS endpoints that the cases run against."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

import boto3
from botocore.config import Config
from moto import mock_aws

from local.strict_kms import Installation, ReusedPairs, SettableClock, mock_strict_kms
from local.strict_kms.event_log import EventLog
from local.strict_kms.quotas import Limiter, Rates, unlimited
from local.strict_kms.server import StrictKmsServer

HOME, AWAY = "us-east-1", "us-west-2"
CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
PATIENT_ATTEMPTS = 10  # GetParametersForImport is throttled to one a second (facts 1.1)
AWS_PATIENCE_SECONDS = 60.0  # facts 1.8: eventually consistent, seconds, sometimes minutes


class SettableQuotas:
    """None, until a case wants AWS's."""

    def __init__(self) -> None:
        self.rates: Rates = unlimited

    def __call__(self, region: str, quota: str) -> float | None:
        return self.rates(region, quota)


@dataclass(frozen=True)
class Target:
    """A running endpoint.

    `clock`, `quotas` and `installation` are there where it is the strict KMS in this process; elsewhere time passes by
    itself, quotas are as they are, and events cannot be read.
    """

    connect: Callable[[str], Any]
    impatient: Callable[[str], Any] | None = None  # where `connect` waits throttles out: one that does not
    home: str = HOME
    away: str = AWAY
    clock: SettableClock | None = None
    quotas: SettableQuotas | None = None
    installation: Installation | None = None
    keeps_keys: bool = False  # they outlive the run, so their deletion is scheduled
    patience_seconds: float = 0.0

    def connect_impatiently(self, region: str) -> Any:
        return (self.impatient or self.connect)(region)


@dataclass(frozen=True)
class Opener:
    """`name` is what is printed; `key` is what is said on the command line and in results."""

    key: str
    name: str
    open: Callable[[], AbstractContextManager[Any]]  # what it gives is for the suite's own cases
    is_remote: bool = False
    is_the_users: bool = False  # reached with the credentials and settings of whoever runs the cases


# for endpoints that may have quotas
PATIENT = Config(
    retries={"total_max_attempts": PATIENT_ATTEMPTS, "mode": "standard"},
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
)
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)


def _client(region: str, config: Config = ONE_ATTEMPT, **options: Any) -> Any:
    """With a session of its own: moto replaces the default one. One attempt, so that a refusal shows at once."""
    return boto3.session.Session().client("kms", region_name=region, config=config, **options)


def fake_client(region: str, **options: Any) -> Any:
    return _client(region, aws_access_key_id="test", aws_secret_access_key="test", **options)


@contextmanager
def strict_in_process() -> Iterator[Target]:
    clock, quotas = SettableClock(), SettableQuotas()
    with mock_strict_kms(clock=clock, quotas=quotas, key_pairs=ReusedPairs()) as installation:
        yield Target(fake_client, clock=clock, quotas=quotas, installation=installation)


@contextmanager
def strict_over_http() -> Iterator[Target]:
    clock, quotas = SettableClock(), SettableQuotas()
    installation = Installation(clock=clock, sink=EventLog(), limiter=Limiter(quotas), key_pairs=ReusedPairs())
    server = StrictKmsServer(installation)
    server.start()
    try:
        yield Target(
            lambda region: fake_client(region, endpoint_url=server.url),
            clock=clock,
            quotas=quotas,
            installation=installation,
        )
    finally:
        server.stop()


@contextmanager
def plain_moto() -> Iterator[Target]:
    with mock_aws():
        yield Target(fake_client)


@contextmanager
def patched_moto() -> Iterator[Target]:
    """A moto with our patch, which has to be the one that is imported (see local/moto_patch)."""
    strict: Any = import_module("moto.kms.strict")
    clock, quotas = SettableClock(), SettableQuotas()
    with strict.mock_strict_kms(clock=clock, quotas=quotas, key_pairs=ReusedPairs()) as installation:
        yield Target(fake_client, clock=clock, quotas=quotas, installation=installation)


def endpoint(url: str, regions: tuple[str, str] = (HOME, AWAY)) -> Callable[[], AbstractContextManager[Target]]:
    """Any KMS endpoint that takes both Regions at one URL and any credentials, or those of the environment."""
    has_credentials = "AWS_ACCESS_KEY_ID" in os.environ

    @contextmanager
    def opened() -> Iterator[Target]:
        make = _client if has_credentials else fake_client
        yield Target(
            lambda region: make(region, config=PATIENT, endpoint_url=url),
            lambda region: make(region, endpoint_url=url),
            *regions,
            keeps_keys=True,
        )

    return opened


def aws_account(profile: str, regions: tuple[str, str] = (HOME, AWAY)) -> Callable[[], AbstractContextManager[Target]]:
    """A real account. Throttles are waited out, and what is eventually consistent is waited for."""

    @contextmanager
    def opened() -> Iterator[Target]:
        session = boto3.session.Session(profile_name=profile)
        yield Target(
            lambda region: session.client("kms", region_name=region, config=PATIENT),
            lambda region: session.client("kms", region_name=region, config=ONE_ATTEMPT),
            *regions,
            keeps_keys=True,
            patience_seconds=AWS_PATIENCE_SECONDS,
        )

    return opened


STRICT = (
    Opener("strict", "strict KMS, in process", strict_in_process),
    Opener("strict-http", "strict KMS, over HTTP", strict_over_http, is_remote=True),
)
MOTO = Opener("moto", f"plain moto {version('moto')}", plain_moto)
PATCHED_MOTO = Opener("moto-patched", "moto with our patch", patched_moto)
