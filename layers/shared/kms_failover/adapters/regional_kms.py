"""One region's KMS as a process sees it: a client with short time-outs, threads of its own, breakers, and its tail."""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from kms_failover import __version__
from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.domain.breaker import Breaker
from kms_failover.domain.budget import Budget
from kms_failover.domain.fault import FaultClass
from kms_failover.domain.kms_limits import MAX_BLOB_BYTES
from kms_failover.domain.latency import Latency
from kms_failover.domain.settings import Settings
from kms_failover.errors import MalformedAnswerError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

HEDGES_AT_ONCE = 64  # every thread of a region twice: when it falls silent, all of them are overtaken before it is out
RETRIES_AT_ONCE, RETRIES_PER_CALL = 100, 0.2  # of throttles, as botocore's quota: 500 tokens, 5 a retry, 1 a success

# What an answer must hold; botocore takes HTML with status 200 for an answer that holds nothing
_ANSWERS = {
    "generate_data_key": ("CiphertextBlob", "Plaintext"),
    "encrypt": ("CiphertextBlob",),
    "decrypt": ("Plaintext",),
}
# What botocore's parser raises over bytes that are no answer: not UTF-8, not Base64, JSON of another shape
_UNREADABLE = (ResponseParserError, ValueError, TypeError, AttributeError, KeyError)
_BYTES = {"AES_256": 32, "AES_128": 16}

# Seen in CloudTrail. A fixed text: botocore would put its own together twice a call, an eighth of what a call costs
USER_AGENT = f"kms-failover/{__version__} Boto3/{boto3.__version__} Botocore/{botocore.__version__}"

logger = logging.getLogger(__name__)


class Call:
    """One call under way. It counts as one fault at most, whether it is overtaken, fails, or both."""

    future: Future[dict[str, Any]]

    def __init__(self, region: str) -> None:
        self.region = region
        self.started_at: float | None = None
        self._uncounted = [True]

    def counts_now(self) -> bool:
        """True for the first caller only; taking from a list is atomic."""
        try:
            return self._uncounted.pop()
        except IndexError:
            return False


class RegionalKms:
    """`submit` does not block while this is open; whatever the region does, only this region's threads wait for it."""

    def __init__(
        self,
        region: str,
        client: "KMSClient",
        settings: Settings,
        on_fault: Callable[[str, str], None] = lambda _region, _code: None,
    ) -> None:
        self.region = region
        self.client = client
        self.breaker = self._new_breaker(settings)
        self.latency = Latency(
            settings.first_hedge_delay_seconds, settings.min_hedge_delay_seconds, settings.max_hedge_delay_seconds
        )
        self.hedges = Budget(HEDGES_AT_ONCE, settings.hedge_budget)
        self.throttle_retries = Budget(RETRIES_AT_ONCE, RETRIES_PER_CALL)
        self._settings = settings
        self._on_fault = on_fault
        self._keys: dict[str, Breaker] = {}
        self._silent: deque[Call] = deque(maxlen=HEDGES_AT_ONCE)
        self._threads = ThreadPoolExecutor(settings.threads_per_region, thread_name_prefix=f"kms-{region}")

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
        return cls(region, client, settings, on_fault)

    # Calls

    def submit(self, operation: str, parameters: dict[str, Any]) -> Call:
        """Call `operation` (snake case, as on the boto3 client); the future raises what boto3 raises."""
        call = Call(self.region)
        try:
            call.future = self._threads.submit(self._perform, call, operation, parameters)
        except RuntimeError:  # closed, or the process ends: what was under way ends well, in the caller's own thread
            call.future = Future()
            try:
                call.future.set_result(self._perform(call, operation, parameters))
            except Exception as error:  # noqa: BLE001  # the future raises it, as it would have
                call.future.set_exception(error)
        return call

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The same in the caller's own thread: saves the hand-over where nobody can overtake."""
        return self._perform(Call(self.region), operation, parameters)

    def overtaken(self, call: Call) -> None:
        """Another region answered first although this one had a head start: silence need not last to a time-out.

        A call that still waits for a thread says nothing about the region. Before its tail is known a region may only
        be far: then its silence counts once it has lasted longer than a wrap may take.
        """
        if call.future.cancel() or call.future.done() or call.started_at is None:
            return
        if not self.latency.is_known:
            self._silent.append(call)
        elif time.monotonic() - call.started_at >= self.latency.hedge_delay_seconds and call.counts_now():
            self._fault("overtaken")

    def close(self) -> None:
        """What has been begun goes on to its end."""
        self._threads.shutdown(wait=False)

    # Whether to ask this region at all

    def is_out(self, key_arn: str) -> bool:
        """Whether the region, or this member key in it, has failed and has not answered since."""
        if self._silent:
            self._count_silence()
        key = self._keys.get(key_arn)
        return self.breaker.is_open or (key is not None and key.is_open)

    def claims_trial(self, key_arn: str, now: float) -> bool:
        """True for one caller now and then, while it is out: that one may try, beside its real work."""
        if self.breaker.is_open:
            return self.breaker.claims_trial(now)
        key = self._keys.get(key_arn)
        return key is not None and key.claims_trial(now)

    def _count_silence(self) -> None:
        """Calls that were overtaken before the tail was known, and have not been answered since."""
        for call in tuple(self._silent):
            started_at = call.started_at
            if call.future.done():
                self._forget(call)
            elif started_at and time.monotonic() - started_at >= self._settings.wrap_deadline_seconds:
                self._forget(call)
                if call.counts_now():
                    self._fault("silent")

    def _forget(self, call: Call) -> None:
        with suppress(ValueError):  # another thread was faster
            self._silent.remove(call)

    @staticmethod
    def _new_breaker(settings: Settings) -> Breaker:
        return Breaker(settings.faults_to_open, settings.breaker_open_seconds)

    def _perform(self, call: Call, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        call.started_at = started_at = time.monotonic()
        try:
            response = answer_of(self.client, self.region, operation, parameters)
        except KMS_ERRORS as error:
            self._record(call, parameters["KeyId"], error)
            raise
        self._answered(call, time.monotonic() - started_at)
        self._keys.pop(parameters["KeyId"], None)
        return response

    # What its answers say about it

    def _answered(self, call: Call, seconds: float) -> None:
        """An answer after the wrap deadline is of no use to a caller: it is a fault, as silence is."""
        self.latency.add(seconds)
        self.hedges.earn()
        self.throttle_retries.earn()
        if seconds < self._settings.wrap_deadline_seconds:
            self.breaker.succeeded()
        elif call.counts_now():
            self._fault("slow")

    def _record(self, call: Call, key_arn: str, error: Exception) -> None:
        fault = classify(error)
        if fault is FaultClass.REGION:
            if call.counts_now():
                self._fault(code_of(error))
        elif isinstance(error, ClientError):  # KMS answered, if only with a refusal
            self.breaker.succeeded()
            if fault is FaultClass.KEY:
                self._keys.setdefault(key_arn, self._new_breaker(self._settings)).faulted(time.monotonic())

    def _fault(self, code: str) -> None:
        was_out = self.breaker.is_open
        if self.breaker.faulted(time.monotonic()):
            if not was_out:
                logger.warning("KMS in %s is out: %s", self.region, code)
            self._on_fault(self.region, code)


def plain_client(region: str, settings: Settings, session: "boto3.Session | None" = None) -> "KMSClient":
    """As boto3 makes it, at the same endpoint."""
    config = Config(user_agent_extra=f"kms-failover/{__version__}")
    maker = session or boto3
    return maker.client("kms", region_name=region, config=config, endpoint_url=settings.endpoints.get(region))


def answer_of(client: "KMSClient", region: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What boto3 answers and raises; MalformedAnswerError for an answer that is none, or lacks what was asked for."""
    try:
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
    except _UNREADABLE as error:
        if not _came_from_the_parser(error):
            raise  # credentials, a caller's hook, a defect: nothing that a region said
        raise MalformedAnswerError(region, f"an answer to {operation} that is no KMS answer") from error
    for name in _ANSWERS[operation]:
        if not isinstance(answer.get(name), bytes) or not answer[name]:
            raise MalformedAnswerError(region, f"an answer to {operation} without {name}")
    if len(answer.get("CiphertextBlob", b"")) > MAX_BLOB_BYTES:
        raise MalformedAnswerError(region, f"an answer to {operation} with more than a blob")
    wanted = parameters.get("NumberOfBytes") or _BYTES.get(parameters.get("KeySpec", ""))
    if wanted is not None and len(answer["Plaintext"]) != wanted:
        raise MalformedAnswerError(region, f"an answer to {operation} with a key of another length")
    return answer


def _came_from_the_parser(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "botocore.parsers":
            return True
        trace = trace.tb_next
    return False
