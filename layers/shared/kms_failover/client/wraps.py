"""The wraps that a bundle lacks: made in parallel, in every region that is worth asking, under one deadline."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import ProxyConnectionError

from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.client.call import Call, News
from kms_failover.client.race import FOR_NEWS_ONLY, Answer
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
        may_try: bool = False,
    ) -> WrapResult:
        """Encrypt at every region that lacks a wrap, in parallel; what fails is debt, not an error.

        A defect is raised: an exception that is no word of KMS or the network, as of a botocore hook of the caller's.

        Regions are waited for by the awake clock, `wrap_deadline_seconds` in all; our own stalls come on top of that,
        by `deadline_seconds` at most.

        `may_try`: a region that is out gets its trial here, for nobody waits for this bundle.
        """
        call = {"Plaintext": plaintext, "EncryptionContext": dict(context)}
        limit = time.monotonic() + self._settings.deadline_seconds
        patience_left = self._settings.wrap_deadline_seconds
        tried: set[str] = set()
        errors: list[BaseException] = []
        while True:
            lacking = bundle.lacking(key_set)
            asked = self._worth_asking([m for m in lacking if m.arn not in tried], answer, may_try=may_try)
            if not asked:
                return WrapResult(bundle, lacking, tuple(errors))
            tried |= {member.arn for member in asked}
            news = News()
            calls = {m.arn: self._kms[m.region].submit("encrypt", call | {"KeyId": m.arn}, news) for m in asked}
            self._await(calls.values(), news, min(max(map(self._wrap_patience, asked)), patience_left), limit)
            patience_left = max(0.0, patience_left - max(call.seconds for call in calls.values()))
            fresh = tuple(wrap for arn, call in calls.items() if (wrap := self._wrap(arn, call, errors)) is not None)
            _expect_no_defect(errors)
            bundle = bundle.with_wraps(fresh, key_set)

    def _await(self, calls: Iterable[Call], news: News, patience: float, limit: float) -> None:
        """Until each has ended or is not worth waiting for: late, in a region that is out, or behind others in vain."""
        pause = patience
        while calls and time.monotonic() < limit:
            news.wait(min(pause, limit - time.monotonic()))
            calls = [call for call in calls if not call.future.done() and self._has_hope(call, patience)]
            pauses = [call.patience_left(patience) for call in calls]
            pause = min((left for left in pauses if left is not None), default=FOR_NEWS_ONLY)

    def _has_hope(self, call: Call, patience: float) -> bool:
        kms = self._kms[call.region]
        if kms.went_out(call) or kms.passes_over(call):
            return False
        left = call.patience_left(patience)
        if left is None or left > 0:
            return True
        kms.late(call)
        return False

    def _worth_asking(self, members: Sequence[MemberKey], answer: Answer, *, may_try: bool) -> list[MemberKey]:
        """One of each family of related keys: its wrap opens in all their regions. If it fails, another is asked."""
        chosen: list[MemberKey] = []
        for member in members:
            covered = any(member.opens(other.arn) for other in chosen)
            if not covered and self._is_worth_asking(member, answer, may_try=may_try):
                chosen.append(member)
        return chosen

    def _is_worth_asking(self, member: MemberKey, answer: Answer, *, may_try: bool) -> bool:
        """A silent region must not cost a second wait, unless the caller wants its wrap or nothing."""
        kms = self._kms[member.region]
        if kms.is_out(member.arn):
            return may_try and kms.claims_trial(member.arn, time.monotonic())
        failed = answer.failed.get(member.region)
        if failed is not None and classify(failed) is not FaultClass.REGION:
            return may_try  # it would refuse again; a wrap that did not open says nothing of a new one
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
