"""Builds the concrete classes, on first use, once for the life of an execution environment."""

import functools
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import boto3
from botocore.config import Config

from kms_failover.adapters.aws_config import aws_config
from kms_failover.adapters.recent_key_sets import RecentKeySets
from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.transport_logs import hold_back_transport_debug
from kms_failover.client.account_filter import AccountFilter
from kms_failover.domain.data_keys.accounts import accounts_of
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.naming import Place

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from kms_failover.adapters.idempotent_signals import IdempotentSignals
    from kms_failover.client.data_key_api import DataKeyApi
    from kms_failover.domain.key_material.reimport import ReimportService
    from kms_failover.domain.objects.backfill import BackfillService
    from kms_failover.domain.objects.rewrap import RewrapService
    from kms_failover.domain.objects.sweep import SweepService
    from kms_failover.domain.routing.controller import Controller
    from kms_failover.domain.routing.probe import ProbeService
    from kms_failover.domain.runbook.commands import Runbook

AWS_TIMEOUT_SECONDS = 5.0  # for services beside KMS; a function's own time-out is longer
IMPATIENT_SECONDS = 3.0  # of a message: SNS answers in tens of milliseconds, and the next run sends what is left
PROBE_SECONDS = 1.0  # for what the probe's rounds wait for: with both attempts 2 s of 10, 4 s at the very worst
PROBE_ATTEMPTS = 2  # a single error of AWS, or a connection that has been closed meanwhile, fails no minute
COPY_SECONDS = 100  # one CopyObject of up to 5 GB, within the rewrap function's own time-out
COPY_ATTEMPTS = 2
ACCOUNTS = Path(__file__).with_name("accounts.txt")  # whose member keys may be asked too (decision 0021), if it exists
AWS_ATTEMPTS = 3  # botocore's standard total (facts 3.4)


logger = logging.getLogger(__name__)


class LambdaContext(Protocol):
    """What is read of Lambda's context object."""

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


def deployment(context: LambdaContext) -> str:
    """Its name, which tells its metrics from those of another one in the same account and region."""
    return Place.of_function(context.invoked_function_arn).deployment.name


P = ParamSpec("P")
T = TypeVar("T")


def now() -> datetime:
    return datetime.now(UTC)


def _once(build: Callable[Concatenate[Place, P], T]) -> Callable[Concatenate[LambdaContext, P], T]:
    """Built when first asked for by a function of its place, and kept; `__wrapped__` is what keeps it."""
    kept = cast("Callable[Concatenate[Place, P], T]", functools.cache(build))

    @functools.wraps(kept)
    def built(context: LambdaContext, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return kept(Place.of_function(context.invoked_function_arn), *args, **kwargs)

    return built


# The imports below stand in the functions: a cold start loads what its own function needs.


@_once
def data_keys(place: Place, configuration: Path | None = None) -> "DataKeyApi":
    """`configuration`: a `key-sets.yaml` that serves while the state table cannot be read; it need not exist."""
    from kms_failover.client.data_key_api import DataKeyApi
    from kms_failover.client.failover_kms import FailoverKms

    hold_back_transport_debug()
    key_sets: tuple[KeySet, ...] = ()
    if configuration is not None and configuration.exists():
        from kms_failover.adapters.key_sets_file import read_key_sets

        key_sets = read_key_sets(configuration).key_sets
    settings = Settings(accounts=tuple(_accounts(place) | accounts_of(key_sets)))
    return DataKeyApi(FailoverKms.connect(place.region, place.deployment.name, key_sets, settings=settings))


@_once
def probe(place: Place) -> "ProbeService":
    from kms_failover.adapters.prober import KmsProber
    from kms_failover.domain.routing.probe import ProbeService

    hold_back_transport_debug()
    quick = aws_config(PROBE_SECONDS, PROBE_ATTEMPTS)
    state, wake = _state(place, quick), _waker(place, quick)
    configured = RecentKeySets(state)
    key_sets = _permitted(place, configured)
    return ProbeService(place.region, key_sets, KmsProber(), state, wake, now, time.sleep, random.random, configured)


@_once
def signals(place: Place) -> "IdempotentSignals":
    from kms_failover.adapters.idempotent_signals import IdempotentSignals
    from kms_failover.domain.routing.signals import SignalService

    state = _state(place)
    service = SignalService(place.region, RecentKeySets(state), state, _waker(place), _key_probers(place), now)
    return IdempotentSignals(service, place.deployment.state_table, place.region, _client("dynamodb", place))


@_once
def controller(place: Place) -> "Controller":
    from kms_failover.adapters.announcer import SnsAndEventBridge
    from kms_failover.domain.routing.controller import Controller

    announcer = SnsAndEventBridge(_impatient("sns", place), _impatient("events", place), place)
    return Controller(_state(place), announcer, _key_prober(place), now)


@_once
def rewrap_service(place: Place) -> "RewrapService":
    from kms_failover.adapters.objects import S3Objects
    from kms_failover.client.connection import Connection
    from kms_failover.client.rewrap_keys import RewrapKeys
    from kms_failover.domain.objects.rewrap import RewrapService

    hold_back_transport_debug()
    settings = Settings(accounts=tuple(_accounts(place)))
    connection = Connection(place.region, place.deployment.name, settings=settings)

    def keys_for(key_set: KeySet) -> RewrapKeys:
        _, route = connection.routes.find(key_set.name)  # which may know an older key set than this one
        return RewrapKeys(connection.bundler, key_set, route)

    copying = aws_config(AWS_TIMEOUT_SECONDS, COPY_ATTEMPTS, COPY_SECONDS)
    objects = S3Objects(boto3.client("s3", region_name=place.region, config=copying))
    state = _state(place)
    key_sets = RecentKeySets(state, AccountFilter(lambda: _accounts(place)))
    return RewrapService(key_sets, key_sets.anew, keys_for, objects, state, place.region, now)


@_once
def sweep_service(place: Place) -> "SweepService":
    from kms_failover.adapters.queue import SqsRewrapQueue
    from kms_failover.domain.objects.sweep import Chance, SweepService

    state, sqs = _state(place), _client("sqs", place)
    queue = SqsRewrapQueue(sqs, sqs.get_queue_url(QueueName=place.deployment.rewrap_queue)["QueueUrl"])
    chance = Chance(lambda: f"{random.getrandbits(32):08x}", random.shuffle)  # fairness, no secret
    return SweepService(state.key_sets, state, queue, place.region, chance, now)


@_once
def backfill_service(place: Place) -> "BackfillService":
    from kms_failover.adapters.map_runs import StepFunctionsMapRuns
    from kms_failover.domain.objects.backfill import BackfillService

    state, map_runs = _state(place), StepFunctionsMapRuns(_client("stepfunctions", place))
    return BackfillService(state.key_sets, state, map_runs, place.region, now)


@_once
def reimport_service(place: Place) -> "ReimportService":
    from kms_failover.adapters.custody import SecretsManagerCustody
    from kms_failover.adapters.key_import import ImportableKeys
    from kms_failover.adapters.lease import TableLease
    from kms_failover.adapters.sns_topic import SnsTopic
    from kms_failover.adapters.waker import FunctionWaker
    from kms_failover.domain.key_material.ports import Ports
    from kms_failover.domain.key_material.reimport import ReimportService

    hold_back_transport_debug()
    state = _state(place)
    custody = SecretsManagerCustody(_client("secretsmanager", place), place.region)
    keys = ImportableKeys(_client("kms", place), place.region)
    ports = Ports(state, custody, keys, place.region, now)
    topic = SnsTopic(_impatient("sns", place), place.changes_topic)
    myself = FunctionWaker(_client("lambda", place), place.deployment.function("reimport"))
    lease = TableLease(_table(place), place.region, "reimport", now)
    key_sets = _permitted(place, state.key_sets)
    return ReimportService(key_sets, ports, lease, topic, lambda nth: myself(continued=nth), time.sleep)


@_once
def runbook(place: Place) -> "Runbook":
    from kms_failover.adapters.starter import LambdaStarter
    from kms_failover.domain.runbook.commands import Runbook

    once = aws_config(AWS_TIMEOUT_SECONDS, attempts=1, read_seconds=LambdaStarter.PATIENCE_SECONDS)
    functions = boto3.client("lambda", region_name=place.region, config=once)
    starter = LambdaStarter(functions, _client("stepfunctions", place), place)
    return Runbook(_state(place), starter, _waker(place), now, lambda: _accounts(place))


def _state(place: Place, config: Config | None = None) -> StateTable:
    from kms_failover.adapters.state_table.unreadable_metric import UnreadableMetric

    return StateTable(_table(place, config), place.region, UnreadableMetric(place.deployment.name))


def _table(place: Place, config: Config | None = None) -> "Table":
    dynamodb = boto3.resource("dynamodb", region_name=place.region, config=config or _config())
    return dynamodb.Table(place.deployment.state_table)


def _waker(place: Place, config: Config | None = None) -> Callable[[], None]:
    from kms_failover.adapters.waker import FunctionWaker

    client = boto3.client("lambda", region_name=place.region, config=config or _config())
    return FunctionWaker(client, place.deployment.function("controller"))


def _key_prober(place: Place) -> Callable[[tuple[str, ...]], None]:
    """Has the probe ask the keys of the named key sets now; the controller repeats what it still wants to know."""
    ask_in = _key_probers(place)

    def ask(names: tuple[str, ...]) -> None:
        ask_in(place.region, names)

    return ask


def _key_probers(place: Place) -> Callable[[str, tuple[str, ...]], bool]:
    """The same of any region's probe; False where it could not be reached."""
    from kms_failover.adapters.waker import FunctionWaker

    @functools.cache
    def probe_in(region: str) -> FunctionWaker:
        client = boto3.client("lambda", region_name=region, config=_impatience())
        return FunctionWaker(client, place.deployment.function("probe"))

    return lambda region, names: probe_in(region).reaches(key_sets=names)


def _client(service: Any, place: Place) -> Any:
    return boto3.client(service, region_name=place.region, config=_config())


def _impatient(service: Any, place: Place) -> Any:
    return boto3.client(service, region_name=place.region, config=_impatience())


def _impatience() -> Config:
    """For what must not hold up anything else: one attempt, and not a long one."""
    return aws_config(IMPATIENT_SECONDS, attempts=1)


def _config() -> Config:
    return aws_config(AWS_TIMEOUT_SECONDS, AWS_ATTEMPTS)


def _permitted(place: Place, key_sets: Callable[[], tuple[KeySet, ...]]) -> Callable[[], tuple[KeySet, ...]]:
    """Of those that send something to member keys: only members in accounts that the deployment has allowed."""
    permitted = AccountFilter(lambda: _accounts(place))
    return lambda: permitted(key_sets())


def _accounts(place: Place) -> frozenset[str]:
    """The deployment's own, and those in ACCOUNTS, one a line, which somebody has deployed with the code."""
    named = ACCOUNTS.read_text("utf-8").split() if ACCOUNTS.exists() else ()
    return frozenset({place.account, *named})
