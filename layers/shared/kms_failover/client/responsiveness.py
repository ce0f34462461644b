"""What one region's answers and silences say about it: whether to ask it, to wait for it, or to ask another as well."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    ProxyConnectionError,
    ReadTimeoutError,
)

from kms_failover.adapters.classify import classify, code_of
from kms_failover.client.awake import AWAKE
from kms_failover.client.call import Call
from kms_failover.client.own_limits import lacks_descriptors
from kms_failover.domain.data_keys.breaker import Breaker
from kms_failover.domain.data_keys.budget import Budget
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.data_keys.latency import SEVERAL, Latency
from kms_failover.domain.data_keys.settings import Settings

HEDGES_AT_ONCE = 64  # every thread of a region twice: when it falls silent, all of them are overtaken before it is out
RETRIES_AT_ONCE, RETRIES_PER_CALL = 100, 0.2  # of throttles, as botocore's quota: 500 tokens, 5 a retry, 1 a success

logger = logging.getLogger(__name__)

# Errors that a stall of our own brings about as well: a handshake that we left half done, a peer that tired of us
_MAY_BE_OURS = (ConnectTimeoutError, ReadTimeoutError, ConnectionClosedError)


class Responsiveness:
    """Its breakers, its tail and its budgets, for all threads.

    A subclass makes the calls. It keeps `_under_way` and `_sent`, and ends each call with `_answered` or `_record`.
    This is a base and not a part, so that a call of KMS costs no further Python calls.
    """

    def __init__(self, region: str, settings: Settings, on_fault: Callable[[str, str], None]) -> None:
        self.region = region
        self.breaker = self._new_breaker(settings)
        self.latency = Latency(
            settings.first_hedge_delay_seconds, settings.min_hedge_delay_seconds, settings.max_hedge_delay_seconds
        )
        self.hedges = Budget(HEDGES_AT_ONCE, settings.hedge_budget)
        self.throttle_retries = Budget(RETRIES_AT_ONCE, RETRIES_PER_CALL)
        self._settings = settings
        self._on_fault = on_fault
        self._keys: dict[str, Breaker] = {}
        self._under_way: set[Call] = set()
        self._sent: set[Call] = set()  # of these
        self._answered_at = float("-inf")  # on the awake clock
        self._is_late = False
        self._silent: deque[Call] = deque(maxlen=HEDGES_AT_ONCE)
        self._witnesses = threading.Semaphore(settings.faults_to_open)

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

    # For whoever waits

    def went_out(self, call: Call) -> bool:
        """Since it was begun: nobody need wait for its own time-out."""
        return self.breaker.openings > call.openings and self.breaker.is_open

    def passes_over(self, call: Call) -> bool:
        """It still waits for a thread, and those that have one wait in vain."""
        return self._is_late and not call.has_thread

    def seconds_until_late(self, call: Call) -> float:
        """Until another region is asked beside this call: sooner if several others wait in vain as well.

        Infinite for a call that has not been sent. For several the last one to be sent decides: whoever waits for that
        one learns here when they all are late, and `late` tells the others.
        """
        if call.sent_at is None:
            return float("inf")
        late_at = call.sent_at + self.latency.hedge_delay_seconds
        silent_at = max(call.sent_at, self._silent_to_several_since()) + self.latency.silence_seconds
        return min(late_at, silent_at) - AWAKE.now()

    def is_silent_to(self, call: Call) -> bool:
        """Later than this region's own standard; what waits for credentials or, in health, for a thread is not."""
        return self.passes_over(call) or self.seconds_until_late(call) <= 0

    def late(self, call: Call) -> None:
        """It has not been answered in time. If nothing was since it was sent, all who wait look again as well."""
        if self._is_newest(call) and not self._is_late:
            self._is_late = True
            for other in tuple(self._under_way):
                other.wake()

    def may_overtake(self, call: Call) -> bool:
        """Within the budget; beyond it by as many at a time as it takes to know that the region is out."""
        if self.hedges.spend():
            return True
        if not self._witnesses.acquire(blocking=False):
            return False
        call.future.add_done_callback(lambda _future: self._witnesses.release())
        return True

    def overtaken(self, call: Call) -> None:
        """Another region answered first although this one had a head start: silence need not last to a time-out.

        A call that was not sent says nothing about the region. One that is not late by itself yet counts when it is.
        """
        self.give_up(call)
        if call.future.done() or call.sent_at is None:
            return
        if call.seconds >= self._faulty_after_seconds:
            self._fault_of_silence(call, "overtaken")
        else:
            self._silent.append(call)

    def give_up(self, call: Call) -> None:
        """Nobody waits for it any more: what has no thread yet is not called at all."""
        if call.future.cancel():
            self._under_way.discard(call)

    def refused_by_proxy(self) -> None:
        """While another region was answered: so it is the way to this one that is broken."""
        self._fault(ProxyConnectionError.__name__)

    @property
    def _faulty_after_seconds(self) -> float:
        """Before its tail is known a region may only be far: then as long as a wrap may take."""
        latency = self.latency
        return latency.hedge_delay_seconds if latency.is_known else self._settings.wrap_deadline_seconds

    def _silent_to_several_since(self) -> float:
        """Since when nothing was heard although several wait, on the awake clock; infinite if only a few wait."""
        sent = sorted(call.sent_at for call in tuple(self._sent) if call.sent_at is not None)
        return max(self._answered_at, sent[SEVERAL - 1]) if len(sent) >= SEVERAL else float("inf")

    def _count_silence(self) -> None:
        """Calls that were overtaken before they were late by themselves, and have not been answered since."""
        for call in tuple(self._silent):
            if call.future.done():
                self._forget(call)
            elif call.seconds >= self._faulty_after_seconds:
                self._forget(call)
                self._fault_of_silence(call, "silent")

    def _forget(self, call: Call) -> None:
        with suppress(ValueError):  # another thread was faster
            self._silent.remove(call)

    @staticmethod
    def _new_breaker(settings: Settings) -> Breaker:
        return Breaker(settings.faults_to_open, settings.breaker_open_seconds)

    # What its answers say about it

    def _answered(self, call: Call) -> None:
        """An answer after the wrap deadline is of no use to a caller: it is a fault, as silence is."""
        seconds = call.seconds
        self.latency.add(seconds)
        self.hedges.earn()
        self.throttle_retries.earn()
        if seconds < self._settings.wrap_deadline_seconds:
            self._region_answered()
        elif call.counts_now():
            self._fault("slow")

    def _record(self, call: Call, key_arn: str, error: Exception) -> None:
        fault = classify(error)
        if call.sent_at is None or isinstance(error, ProxyConnectionError):
            return  # the credentials' fault, or a hook's; what a proxy says counts once it is known to work
        if not isinstance(error, ClientError) and lacks_descriptors():
            return  # no region can be reached without a socket
        if fault is FaultClass.REGION:
            if isinstance(error, _MAY_BE_OURS):
                if not call.was_stalled:
                    self._fault_of_silence(call, code_of(error))
            elif call.counts_now():
                self._fault(code_of(error))
        elif isinstance(error, ClientError):  # KMS answered, if only with a refusal
            self._region_answered()
            if fault is FaultClass.KEY:
                self._keys.setdefault(key_arn, self._new_breaker(self._settings)).faulted(time.monotonic())

    def _region_answered(self) -> None:
        self._answered_at = AWAKE.now()
        self._is_late = False
        self.breaker.succeeded()

    def _is_newest(self, call: Call) -> bool:
        """The region has answered nothing since this call was sent."""
        return call.sent_at is not None and call.sent_at > self._answered_at

    def _fault_of_silence(self, call: Call, code: str) -> None:
        """Unless the region has answered since."""
        if self._is_newest(call) and call.counts_now():
            self._fault(code)

    def _fault(self, code: str) -> None:
        openings = self.breaker.openings
        if self.breaker.faulted(time.monotonic()):
            if self.breaker.openings > openings:
                logger.warning("KMS in %s is out: %s", self.region, code)
                for call in tuple(self._under_way):
                    call.wake()
            self._on_fault(self.region, code)
