"""The wraps that a bundle lacks: made in parallel, in every region that is worth asking, under one deadline."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import ProxyConnectionError

from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.client.call import UNTIL_WOKEN, Call, Wakeup, wait_for
from kms_failover.client.race import Answer
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.domain.data_keys.bundle import Bundle, Wrap
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WrapResult:
    """`lacking` are member keys that still open none of the wraps, `errors` why some of them do not."""

    bundle: Bundle
    lacking: tuple[MemberKey, ...]
    errors: tuple[BaseException, ...]


class Wraps:
    def __init__(self, kms: Mapping[str, RegionalKms], settings: Settings) -> None:
        self._kms = kms
        self._settings = settings

    def complete(
        self,
        bundle: Bundle,
        key_set: KeySet,
        plaintext: bytes,
        context: Mapping[str, str],
        answer: Answer,
        *,
        trials_allowed: bool = False,
    ) -> WrapResult:
        """Encrypt at every region that lacks a wrap, in parallel; what fails is debt, not an error.

        A defect is raised: an exception that is no word of KMS or the network, as of a botocore hook of the caller's.

        Regions are waited for by the awake clock, `wrap_deadline_seconds` in all; our own stalls come on top of that,
        by `deadline_seconds` at most.

        `trials_allowed`: a region that is out gets its trial here, for nobody waits for this bundle.
        """
        call = {"Plaintext": plaintext, "EncryptionContext": dict(context)}
        limit = time.monotonic() + self._settings.deadline_seconds
        patience_left = self._settings.wrap_deadline_seconds
        tried: set[str] = set()
        errors: list[BaseException] = []
        while True:
            lacking = bundle.lacking(key_set)
            untried = [member for member in lacking if member.arn not in tried]
            asked = self._worth_asking(untried, answer, trials_allowed=trials_allowed)
            if not asked:
                return WrapResult(bundle, lacking, tuple(errors))
            tried |= {member.arn for member in asked}
            wakeup = Wakeup()
            calls = {m.arn: self._kms[m.region].submit("encrypt", call | {"KeyId": m.arn}, wakeup) for m in asked}
            patience = min(max(map(self._wrap_patience, asked)), patience_left)
            wait_for(calls.values(), wakeup, limit, patience, partial(self._look, patience=patience))
            patience_left = max(0.0, patience_left - max(call.seconds for call in calls.values()))
            fresh = tuple(wrap for arn, call in calls.items() if (wrap := self._wrap(arn, call, errors)) is not None)
            _expect_no_defect(errors)
            bundle = bundle.with_wraps(fresh, key_set)

    def _look(self, call: Call, patience: float) -> float | None:
        """None: it is late, in a region that is out, or behind others that wait in vain."""
        kms = self._kms[call.region]
        if kms.went_out(call) or kms.passes_over(call):
            return None
        left = call.patience_left(patience)
        if left is None:
            return UNTIL_WOKEN
        if left <= 0:
            kms.late(call)
            return None
        return left

    def _worth_asking(self, members: Sequence[MemberKey], answer: Answer, *, trials_allowed: bool) -> list[MemberKey]:
        """One of each family of related keys: its wrap opens in all their regions. If it fails, another is asked."""
        chosen: list[MemberKey] = []
        for member in members:
            covered = any(member.opens(other.arn) for other in chosen)
            if not covered and self._is_worth_asking(member, answer, trials_allowed=trials_allowed):
                chosen.append(member)
        return chosen

    def _is_worth_asking(self, member: MemberKey, answer: Answer, *, trials_allowed: bool) -> bool:
        """A silent region must not cost a second wait, unless the caller wants its wrap or nothing."""
        kms = self._kms[member.region]
        if kms.is_out(member.arn):
            return trials_allowed and kms.claims_trial(member.arn, time.monotonic())
        failed = answer.failed.get(member.region)
        if failed is not None and classify(failed) is not FaultClass.REGION:
            return trials_allowed  # it would refuse again; a wrap that did not open says nothing of a new one
        return member.region not in answer.silent or self._settings.min_wraps > 1

    def _wrap_patience(self, member: MemberKey) -> float:
        """How long a new data key waits for this wrap: by the region's own tail, where that is known."""
        settings, latency = self._settings, self._kms[member.region].latency
        if settings.min_wraps > 1 or not latency.is_known:
            return settings.wrap_deadline_seconds
        patience = max(settings.first_hedge_delay_seconds, latency.hedge_delay_seconds)
        return min(patience, settings.wrap_deadline_seconds)

    def _wrap(self, key_arn: str, call: Call, errors: list[BaseException]) -> Wrap | None:
        """The wrap, if it was made in time; `errors` is added to if it was refused."""
        if not call.future.done():
            self._kms[call.region].overtaken(call)
            logger.warning("no wrap for %s: no answer in time", call.region)
            return None
        error = call.future.exception()
        if error is not None:
            errors.append(error)
            if isinstance(error, ProxyConnectionError) and classify(error) is FaultClass.REGION:
                self._kms[call.region].refused_by_proxy()
            logger.warning("no wrap for %s: %s", call.region, code_of(error))
            return None
        return Wrap(key_arn, call.future.result()["CiphertextBlob"])


def _expect_no_defect(errors: Iterable[BaseException]) -> None:
    """What says nothing of a KMS is raised, as in the first region: else all that is new would be degraded by it."""
    for error in errors:
        if not isinstance(error, KMS_ERRORS):
            raise error
