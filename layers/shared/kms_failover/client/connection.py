"""Connects a process to its region's state and to every region's KMS.

A cold start pays for what it uses: making a connection loads boto3 and a KMS client for each region that it is told
of; the state table, pydantic and the cryptography come with the first call.
"""

import functools
import logging
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from kms_failover.client.regional_kms import RegionalKms, configured_endpoint, plain_client
from kms_failover.domain.data_keys.endpoints import mistaken, shared_by_all
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.naming import Deployment
from kms_failover.errors import ConfigurationError

if TYPE_CHECKING:
    import boto3
    from botocore.model import OperationModel
    from mypy_boto3_kms import KMSClient

    from kms_failover.adapters.state_table import StateTable
    from kms_failover.client.bundler import Bundler
    from kms_failover.client.key_set_memory import KeySetMemory
    from kms_failover.client.reports import FaultReporter
    from kms_failover.client.routes import LastKnown, RouteReader
    from kms_failover.domain.key_set import KeySet

TABLE_TIMEOUT_SECONDS = 1.0  # a route that is not there at once is taken from memory
TABLE_ATTEMPTS = 2

logger = logging.getLogger(__name__)


class Connection:
    """For code that runs in `region` and uses the service deployed there under the name `deployment`."""

    def __init__(
        self,
        region: str,
        deployment: str | None,
        key_sets: "tuple[KeySet, ...]" = (),
        *,
        regions: tuple[str, ...] = (),
        settings: Settings | None = None,
        session: "boto3.Session | None" = None,
    ) -> None:
        """Connects `regions` and those of the key sets; ConfigurationError where one would be asked at another's."""
        if settings is not None and not isinstance(settings, Settings):
            raise ConfigurationError(f"settings must be Settings(...), not {settings!r}")
        if key_sets != ():  # whoever has a KeySet has loaded pydantic
            key_sets = _key_sets(key_sets)
        self.region = region
        self.settings = settings or Settings()
        self.kms = Regions(self.settings, self._report, session)
        for name in dict.fromkeys((region, *regions, *(m.region for one in key_sets for m in one.members))):
            self.kms.expect_own_endpoint(name)
        if deployment:  # its key sets may have a member in any region
            self.kms.expect_no_endpoint_for_all()
        self.client: KMSClient = self.kms[region].client  # the local region's
        self._deployment = Deployment(deployment) if deployment else None
        self._configured = key_sets
        self._deployed_as = deployment
        self._session = session
        self._last_known: LastKnown | None = None  # of the process that this one was forked from
        self._routes: RouteReader | None = None
        self._reporter: FaultReporter | None = None
        self._lock = threading.RLock()

    @property
    def plain(self) -> "KMSClient":
        """The local region's client as boto3 makes it, for what is not failed over."""
        return self.kms.plain_client(self.region)

    @property
    def bundler(self) -> "Bundler":
        with self._lock:
            return self._bundler

    @property
    def routes(self) -> "RouteReader":
        with self._lock:
            if self._routes is None:
                self._routes = self._new_routes()
            return self._routes

    def close(self) -> None:
        """End this connection's threads. Calls under way finish by themselves, within their time-outs."""
        self.kms.close()
        with self._lock:
            for threads in (self._routes, self._reporter):
                if threads is not None:
                    threads.close()

    def renewed(self) -> "Connection":
        """The same connection with clients and threads of its own, for a forked process. It knows what was known."""
        renewed = Connection(
            self.region, self._deployed_as, self._configured, settings=self.settings, session=self._session
        )
        renewed._last_known = self._last_known if self._routes is None else self._routes.last_known
        return renewed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @cached_property
    def _bundler(self) -> "Bundler":
        from kms_failover.client.bundler import Bundler

        return Bundler(self.region, self.kms, self.settings)

    def _new_routes(self) -> "RouteReader":
        from kms_failover.client.account_filter import AccountFilter
        from kms_failover.client.key_set_memory import KeySetMemory
        from kms_failover.client.routes import NOTHING_KNOWN, RouteReader

        configured = self._configured
        folder = self.settings.memory_folder
        memory = KeySetMemory(None if folder is None else Path(folder), self._deployed_as or "", self.region)
        return RouteReader(
            self.region,
            self._state,
            AccountFilter(self._accounts(configured, memory)),
            configured,
            refresh_seconds=self.settings.route_refresh_seconds,
            memory=memory,
            last_known=self._last_known or NOTHING_KNOWN,
        )

    def _accounts(self, configured: "tuple[KeySet, ...]", memory: "KeySetMemory") -> Callable[[], frozenset[str]]:
        """Those that the caller named, else those of the key sets that he gave, else his own."""
        from kms_failover.client.own_account import OwnAccount
        from kms_failover.domain.data_keys.accounts import accounts_of

        known = frozenset(self.settings.accounts) or accounts_of(configured)
        if known:
            return lambda: known
        own = OwnAccount(self.region, memory, self._session)
        return lambda: frozenset({own()})

    @cached_property
    def _state(self) -> "StateTable | None":
        import boto3

        from kms_failover.adapters.aws_config import aws_config
        from kms_failover.adapters.state_table import StateTable

        if self._deployment is None:
            return None
        config = aws_config(TABLE_TIMEOUT_SECONDS, TABLE_ATTEMPTS)
        dynamodb = (self._session or boto3).resource("dynamodb", region_name=self.region, config=config)
        return StateTable(dynamodb.Table(self._deployment.state_table), self.region)

    def _report(self, region: str, code: str) -> None:
        with self._lock:
            if self._reporter is None and self._state is not None:
                from kms_failover.client.reports import FaultReporter

                self._reporter = FaultReporter(self.region, self._state)
            reporter = self._reporter
        if reporter is not None:
            reporter(region, code)


def _refuse(reason: str, model: "OperationModel", **_event: object) -> None:
    """As KMS does where a key is not: other regions are asked, and this one is not reported as failing."""
    error: Any = {"Error": {"Code": "NotFoundException", "Message": reason}}
    raise ClientError(error, model.name)


def _key_sets(configured: object) -> "tuple[KeySet, ...]":
    """ConfigurationError for anything but KeySets of different names; it loads pydantic."""
    from kms_failover.domain.key_set import KeySet

    key_sets = tuple(configured) if isinstance(configured, list | tuple) else ()
    if not isinstance(configured, list | tuple) or not all(isinstance(one, KeySet) for one in key_sets):
        raise ConfigurationError(
            "key_sets must be a tuple of KeySet; read_key_sets(path).key_sets reads a key-sets.yaml"
        )
    if len({one.name for one in key_sets}) != len(key_sets):
        raise ConfigurationError("key_sets must have different names")
    return key_sets


class Regions(dict[str, RegionalKms]):
    """Connects to a region when it is first asked for, one at a time: making a boto3 client is not safe for threads."""

    def __init__(
        self,
        settings: Settings,
        on_fault: Callable[[str, str], None] = lambda _region, _code: None,
        session: "boto3.Session | None" = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._on_fault = on_fault
        self._session = session
        self._plain: dict[str, KMSClient] = {}
        self._lock = threading.Lock()

    def __missing__(self, region: str) -> RegionalKms:
        with self._lock:
            if region not in self:
                kms = RegionalKms.connect(region, self._settings, self._on_fault, self._session)
                self._look_at_endpoint(region, kms.client)
                self[region] = kms
            return self[region]

    def expect_own_endpoint(self, region: str) -> None:
        """Connects to the region. ConfigurationError where its endpoint is another region's."""
        wrong = mistaken(region, self[region].client.meta.endpoint_url)
        if wrong is not None:
            raise ConfigurationError(wrong)

    def expect_no_endpoint_for_all(self) -> None:
        """ConfigurationError where the configuration names one region's endpoint for all, whichever they will be."""
        wrong = shared_by_all(configured_endpoint(self._session), self._settings.endpoints)
        if wrong is not None:
            raise ConfigurationError(wrong)

    @staticmethod
    def _look_at_endpoint(region: str, client: "KMSClient") -> None:
        """Of a region that joins later: it is never asked, what it says instead is why, and the others go on."""
        wrong = mistaken(region, client.meta.endpoint_url)
        if wrong is not None:
            logger.error(wrong)
            client.meta.events.register_first("before-call.kms", functools.partial(_refuse, wrong))

    def plain_client(self, region: str) -> "KMSClient":
        """With boto3's own time-outs, retries and checks of parameters."""
        with self._lock:
            if region not in self._plain:
                self._plain[region] = plain_client(region, self._settings, self._session)
            return self._plain[region]

    def close(self) -> None:
        for kms in tuple(self.values()):
            kms.close()
