"""The probe's round trip against real KMS endpoints."""

import hmac
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from kms_failover.adapters.answers import answer_of
from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.key_set import MemberKey
from kms_failover.domain.routing.observation import Outcome
from kms_failover.domain.routing.probe import NOT_ASKED, RoundTrip

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

CONNECT_TIMEOUT_SECONDS = 1.0  # facts 3.5
READ_TIMEOUT_SECONDS = 2.0  # two calls and two connects stay below a round's deadline
PARALLEL = 16  # calls: with 2 s each, 64 silent keys fit into the 8 s of a round
ROUND_TRIP_ATTEMPTS = 3  # of a round trip whose faults are answered at once, as botocore's own standard (facts 3.4)
TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError)  # the finding itself, and too slow to be asked about again
CONTEXT = {"kms-failover": "probe"}

_OUTCOMES = {
    FaultClass.REGION: Outcome.REGION_FAULT,
    FaultClass.KEY: Outcome.KEY_FAULT,
    FaultClass.CALLER: Outcome.REFUSED,
    FaultClass.THROTTLE: Outcome.INCONCLUSIVE,  # a throttle is no outage: neither a fault nor an answer
    FaultClass.CIPHERTEXT: Outcome.INCONCLUSIVE,
}


class KmsProber:
    """Keeps a client a region, for the life of the execution environment.

    What has not ended at the deadline goes on in its thread. Such threads do not pile up: what waits for one is
    withdrawn, what runs ends with the client's time-outs, 6 s at the latest (a name server that is silent takes longer;
    but then a round asks one key of that region), and of all rounds together no more than 16 run.
    """

    def __init__(self) -> None:
        self._clients: dict[str, KMSClient] = {}
        self._threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="probe")

    def round_trips(self, members: Sequence[MemberKey], within_seconds: float) -> dict[str, RoundTrip]:
        clients = {member.region: self._client(member.region) for member in members}
        calls = {member.arn: _Call(clients[member.region], member) for member in members}
        for call in calls.values():
            call.future = self._threads.submit(call.run)
        wait([call.future for call in calls.values()], timeout=within_seconds)
        return {arn: call.outcome() for arn, call in calls.items()}

    def _client(self, region: str) -> "KMSClient":
        if region not in self._clients:
            config = Config(
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                retries={"total_max_attempts": 1, "mode": "standard"},
                max_pool_connections=PARALLEL,
            )
            self._clients[region] = boto3.client("kms", region_name=region, config=config)
        return self._clients[region]


class _Call:
    """One key's round trip, under way."""

    future: Future[RoundTrip]

    def __init__(self, client: "KMSClient", member: MemberKey) -> None:
        self._client = client
        self._member = member
        self._started_at: float | None = None

    def run(self) -> RoundTrip:
        self._started_at = time.monotonic()
        return _round_trip(self._client, self._member, self._started_at)

    def outcome(self) -> RoundTrip:
        """At the deadline. Silence counts for a call that has had its time, not for one that was begun too late."""
        self.future.cancel()
        if self.future.done() and not self.future.cancelled():
            return self.future.result()
        if self._started_at is None or _since(self._started_at) < READ_TIMEOUT_SECONDS * 1000:
            return RoundTrip(outcome=Outcome.INCONCLUSIVE, code=NOT_ASKED)
        return RoundTrip(outcome=Outcome.REGION_FAULT, code="DeadlineExceeded", latency_ms=_since(self._started_at))


def _round_trip(client: "KMSClient", member: MemberKey, start: float) -> RoundTrip:
    """A region fault that comes at once is asked about again: a region that fails some calls is not lost."""
    for attempt in range(1, ROUND_TRIP_ATTEMPTS + 1):
        try:
            return _attempt(client, member, start)
        except KMS_ERRORS as error:
            fault = classify(error)
            if fault is None:
                raise
            again = fault is FaultClass.REGION and not isinstance(error, TIMEOUTS) and attempt < ROUND_TRIP_ATTEMPTS
            if not again:
                outcome = _OUTCOMES[fault]
                return RoundTrip(outcome=outcome, code=code_of(error), latency_ms=_since(start))
    raise AssertionError("the last attempt returns or raises")


def _attempt(client: "KMSClient", member: MemberKey, start: float) -> RoundTrip:
    call = {"KeyId": member.arn, "EncryptionContext": CONTEXT}
    made = answer_of(client, member.region, "generate_data_key", call | {"KeySpec": "AES_256"})
    opened = answer_of(client, member.region, "decrypt", call | {"CiphertextBlob": made["CiphertextBlob"]})
    if not hmac.compare_digest(made["Plaintext"], opened["Plaintext"]):
        return RoundTrip(outcome=Outcome.REGION_FAULT, code="RoundTripMismatch", latency_ms=_since(start))
    return RoundTrip(outcome=Outcome.OK, latency_ms=_since(start))


def _since(start: float) -> float:
    return (time.monotonic() - start) * 1000
