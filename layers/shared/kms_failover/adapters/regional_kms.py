"""One region's KMS as a process sees it: a client with short timeouts, threads of its own, and a breaker."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from kms_failover.adapters.classify import classify, code_of
from kms_failover.domain.breaker import Breaker
from kms_failover.domain.fault import FaultClass

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

CONNECT_TIMEOUT_SECONDS = 1.0  # facts 3.5: botocore's own 60 s would outlast most callers
READ_TIMEOUT_SECONDS = 2.0  # the same; KMS answers in milliseconds, a far region in a few hundred
THREADS = 32  # a dead region holds at most these, and none of another region's

logger = logging.getLogger(__name__)


@dataclass
class RegionalKms:
    """`submit` never blocks; whatever the region does, only this region's threads wait for it."""

    region: str
    client: "KMSClient"
    breaker: Breaker = field(default_factory=Breaker)
    on_fault: Callable[[str, str], None] = lambda _region, _code: None
    _threads: ThreadPoolExecutor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"kms-{self.region}")

    @classmethod
    def connect(cls, region: str, on_fault: Callable[[str, str], None]) -> "RegionalKms":
        """`AWS_ENDPOINT_URL_KMS` and the shared configuration are honoured, as boto3 does."""
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": 1, "mode": "standard"},  # another region is the retry
            max_pool_connections=THREADS,
            tcp_keepalive=True,
        )
        return cls(region, boto3.client("kms", region_name=region, config=config), on_fault=on_fault)

    def submit(self, operation: str, parameters: dict[str, Any]) -> Future[dict[str, Any]]:
        """Call `operation` (snake case, as on the boto3 client); the future raises what boto3 raises."""
        return self._threads.submit(self._call, operation, parameters)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            response: dict[str, Any] = getattr(self.client, operation)(**parameters)
        except Exception as error:
            self._record(classify(error), error)
            raise
        self.breaker.succeeded()
        return response

    def _record(self, fault: FaultClass | None, error: Exception) -> None:
        if fault is FaultClass.REGION:
            if self.breaker.faulted(time.monotonic()):
                logger.warning("KMS in %s is out: %s", self.region, code_of(error))
                self.on_fault(self.region, code_of(error))
        elif isinstance(error, ClientError):
            self.breaker.succeeded()  # KMS answered, if only with a refusal
