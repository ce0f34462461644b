"""One region's KMS as a process sees it: a client with short time-outs, and threads of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import boto3
import botocore
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider

from kms_failover.adapters.answers import answer_of
from kms_failover.adapters.classify import KMS_ERRORS
from kms_failover.client.awake import AWAKE
from kms_failover.client.call import Call, Wakeup
from kms_failover.client.responsiveness import Responsiveness
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.version import __version__

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# Seen in CloudTrail. A fixed text: botocore would put its own together twice a call, an eighth of what a call costs
USER_AGENT = f"kms-failover/{__version__} Boto3/{boto3.__version__} Botocore/{botocore.__version__}"


class RegionalKms(Responsiveness):
    """`submit` does not block while this is open; whatever the region does, only this region's threads wait for it."""

    def __init__(
        self,
        region: str,
        client: "KMSClient",
        settings: Settings,
        on_fault: Callable[[str, str], None] = lambda _region, _code: None,
        credentials: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(region, settings, on_fault)
        self.client = client
        self._credentials = credentials
        self._judged_within = 2 * max(settings.wrap_deadline_seconds, settings.max_hedge_delay_seconds)
        self._threads = ThreadPoolExecutor(settings.threads_per_region, thread_name_prefix=f"kms-{region}")
        self._own = threading.local()
        client.meta.events.register("before-send.kms", self._on_send)  # after signing, so with credentials at hand

    @classmethod
    def connect(
        cls,
        region: str,
        settings: Settings,
        on_fault: Callable[[str, str], None],
        session: "boto3.Session | None" = None,
    ) -> "RegionalKms":
        """`AWS_ENDPOINT_URL_KMS` and the shared configuration are honoured, as boto3 does."""
        config = Config(
            connect_timeout=settings.connect_timeout_seconds,
            read_timeout=settings.read_timeout_seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},  # another region is the retry
            max_pool_connections=settings.threads_per_region,
            tcp_keepalive=True,
            parameter_validation=False,  # done before, once for all regions
            user_agent=USER_AGENT,
        )
        maker = session or boto3
        client = maker.client("kms", region_name=region, config=config, endpoint_url=settings.endpoints.get(region))
        owner = session or boto3.DEFAULT_SESSION
        return cls(region, client, settings, on_fault, lambda: owner and owner.get_credentials())

    # Calls

    def submit(self, operation: str, parameters: dict[str, Any], wakeup: Wakeup | None = None) -> Call:
        """Call `operation` (snake case, as on the boto3 client); the future raises what boto3 raises.

        `wakeup` wakes its thread when the call ends, when the region goes out, and when it is late while this waits
        for a thread.
        """
        call = Call(self.region, self.breaker.openings, wakeup)
        self._under_way.add(call)
        try:
            call.future = self._threads.submit(copy_context().run, self._perform, call, operation, parameters)
        except RuntimeError:  # closed, or the process ends: what was under way ends well, in the caller's own thread
            call.future = Future()
            try:
                call.future.set_result(self._perform(call, operation, parameters))
            except Exception as error:  # noqa: BLE001  # the future raises it, as it would have
                call.future.set_exception(error)
        if wakeup is not None:
            call.future.add_done_callback(wakeup.wake)
        return call

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The same in the caller's own thread: saves the hand-over where nobody can overtake."""
        return self._perform(Call(self.region), operation, parameters)

    @property
    def has_credentials(self) -> bool:
        """Nothing is to be fetched, for seconds or for ever, before the next request can be sent."""
        needs_refresh: Callable[[], bool] | None = getattr(self._credentials(), "refresh_needed", None)
        return needs_refresh is None or not needs_refresh()

    def close(self) -> None:
        """What has been begun goes on to its end."""
        self._threads.shutdown(wait=False)

    def _perform(self, call: Call, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        call.has_thread = True
        self._own.call = call
        try:
            response = answer_of(self.client, self.region, operation, parameters)
        except KMS_ERRORS as error:
            self._record(call, parameters["KeyId"], error)
            raise
        finally:
            self._own.call = None
            self._under_way.discard(call)
            self._sent.discard(call)
        self._answered(call)
        self._keys.pop(parameters["KeyId"], None)
        return response

    def _on_send(self, **_event: object) -> None:
        """Also of calls that the client's owner makes beside these, which have no clock."""
        call: Call | None = getattr(self._own, "call", None)
        if call is not None:
            AWAKE.keep(self._judged_within)
            self._sent.add(call)  # first: whoever is told that it was sent counts it among those that wait
            call.sent()


def configured_endpoint(session: "boto3.Session | None" = None) -> str | None:
    """What AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL or the shared configuration name for KMS, as botocore finds it."""
    own = (session or boto3.DEFAULT_SESSION or boto3.Session())._session  # noqa: SLF001  # where boto3 keeps botocore's, which reads the configuration
    if own.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    found = ConfiguredEndpointProvider(own.full_config, own.get_scoped_config(), "kms").provide()
    return None if found is None else str(found)


def plain_client(region: str, settings: Settings, session: "boto3.Session | None" = None) -> "KMSClient":
    """As boto3 makes it, at the same endpoint."""
    config = Config(user_agent_extra=f"kms-failover/{__version__}")
    maker = session or boto3
    return maker.client("kms", region_name=region, config=config, endpoint_url=settings.endpoints.get(region))
