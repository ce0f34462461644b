"""Data keys over several regions: make one, open one, complete its bundle. What FailoverKms and rewrapping stand on."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

from kms_failover.adapters.classify import classify, code_of
from kms_failover.adapters.race import DEADLINE_SECONDS, Answer, Attempt, race
from kms_failover.adapters.regional_kms import RegionalKms
from kms_failover.domain.bundle import Bundle, Kind, Wrap, commit
from kms_failover.domain.fault import FaultClass
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.route import Route
from kms_failover.errors import BundleError, RegionUnavailableError

THROTTLE_TURNS = 3  # botocore's standard total (facts 3.4): a throttle is waited out, never failed over (facts 3.2)
REGION_TURNS = 2  # every region failed; those that fail twice are out
THROTTLE_BASE_SECONDS = 0.1
WRAP_DEADLINE_SECONDS = 1.0  # how long a new data key waits for its other wraps; what is late is debt

logger = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class Opened:
    """A plaintext data key and who opened it. No repr: it would show the key."""

    plaintext: bytes
    member: MemberKey
    overtaken: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Made:
    """A new data key in its bundle. `missing` are regions that cannot open it yet. No repr: it would show the key."""

    plaintext: bytes
    bundle: Bundle
    member: MemberKey
    missing: tuple[str, ...]


class Engine:
    """One for a process; safe for threads. `region` is where it runs: the nearest wrap is that region's."""

    def __init__(self, region: str, kms: Mapping[str, RegionalKms]) -> None:
        self.region = region
        self._kms = kms

    def make(self, key_set: KeySet, route: Route, request: Mapping[str, Any], context: Mapping[str, str]) -> Made:
        """GenerateDataKey at the route's first usable region, Encrypt at the others, one bundle of all."""
        members = self._by_route(key_set, route)
        call = dict(request) | {"EncryptionContext": dict(context)}
        answer = self._ask(members, "generate_data_key", lambda member: call | {"KeyId": member.arn})
        plaintext: bytes = answer.response["Plaintext"]
        maker = _member(key_set, answer.region)
        bundle = Bundle(
            key_set.name,
            Kind.DATA_KEY,
            commit(plaintext, key_set.name, Kind.DATA_KEY, context),
            (Wrap(maker.arn, answer.response["CiphertextBlob"]),),
        )
        bundle, missing = self._complete(bundle, key_set, plaintext, context, skip=answer.overtaken)
        return Made(plaintext, bundle, maker, missing)

    def seal(
        self, key_set: KeySet, route: Route, payload: bytes, commitment: bytes, context: Mapping[str, str]
    ) -> Made:
        """Encrypt `payload` (already with its nonce, see Kind.MESSAGE) at every region; one wrap is enough."""
        members = self._by_route(key_set, route)
        call = {"Plaintext": payload, "EncryptionContext": dict(context)}
        answer = self._ask(members, "encrypt", lambda member: call | {"KeyId": member.arn})
        maker = _member(key_set, answer.region)
        wrap = Wrap(maker.arn, answer.response["CiphertextBlob"])
        bundle = Bundle(key_set.name, Kind.MESSAGE, commitment, (wrap,))
        bundle, missing = self._complete(bundle, key_set, payload, context, skip=answer.overtaken)
        return Made(payload, bundle, maker, missing)

    def open(self, bundle: Bundle, key_set: KeySet, route: Route, context: Mapping[str, str]) -> Opened:
        """The nearest usable wrap; only member keys are ever asked, and the commitment is checked.

        Raises:
            BundleError: no wrap of the bundle is under a member key of its key set.
            CommitmentError: a wrap opened to another key.
        """
        wraps = _wraps_by_member(bundle, key_set)
        if not wraps:
            raise BundleError(f"no wrap of this bundle is under a member key of {key_set.name!r}")
        members = self._nearest_first([m for m in self._by_route(key_set, route) if m.arn in wraps])

        def call(member: MemberKey) -> dict[str, Any]:
            return _decryption(member, wraps[member.arn], context)

        answer = self._ask(members, "decrypt", call)
        bundle.verify(answer.response["Plaintext"], context)
        return Opened(answer.response["Plaintext"], _member(key_set, answer.region), answer.overtaken)

    def open_blob(self, blob: bytes, key_set: KeySet, context: Mapping[str, str]) -> Opened:
        """A plain KMS blob under one of the member keys; which one, the blob does not tell.

        Another region's blob is answered with AccessDenied (facts 2.2), so that goes on to the next member here.
        """
        answer = self._ask(
            self._nearest_first(key_set.members),
            "decrypt",
            lambda member: _decryption(member, blob, context),
            goes_on_after=lambda error: code_of(error) == "AccessDeniedException",
        )
        return Opened(answer.response["Plaintext"], _member(key_set, answer.region), answer.overtaken)

    def complete(
        self, bundle: Bundle, key_set: KeySet, route: Route, context: Mapping[str, str]
    ) -> tuple[Bundle, tuple[str, ...]]:
        """The bundle with every wrap that can be made now, and the regions that still cannot open it."""
        if not self._lacking(bundle, key_set):
            return bundle, ()
        opened = self.open(bundle, key_set, route, context)
        return self._complete(bundle, key_set, opened.plaintext, context, skip=opened.overtaken, may_try=True)

    def encrypt_under(self, member: MemberKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """One wrap under one member key; RegionUnavailableError if its region cannot be asked."""
        call = {"KeyId": member.arn, "Plaintext": plaintext, "EncryptionContext": dict(context)}
        blob: bytes = self._call(member.region, "encrypt", call)["CiphertextBlob"]
        return blob

    def decrypt_under(self, member: MemberKey, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Open with one member key and no other; boto3's own error if it refuses."""
        plaintext: bytes = self._call(member.region, "decrypt", _decryption(member, blob, context))["Plaintext"]
        return plaintext

    def close(self) -> None:
        for kms in self._kms.values():
            kms.close()

    # Regions

    def _by_route(self, key_set: KeySet, route: Route) -> list[MemberKey]:
        """Member keys in the route's order; regions whose breaker is open come last, never not at all."""
        order = {region: at for at, region in enumerate(route.regions)}
        members = sorted(key_set.members, key=lambda m: order.get(m.region, len(order)))
        return sorted(members, key=lambda m: self._kms[m.region].breaker.is_open)

    def _nearest_first(self, members: Sequence[MemberKey]) -> list[MemberKey]:
        return sorted(members, key=lambda m: (self._kms[m.region].breaker.is_open, m.region != self.region))

    def _ask(self, members: Sequence[MemberKey], operation: str, call: Any, **options: Any) -> Answer:
        """Race the members; once more if every region failed that way: a stall of our own looks just like it."""
        attempts = [
            Attempt(m.region, lambda m=m: self._kms[m.region].submit(operation, call(m)))  # type: ignore[misc]  # a default binds the loop's member
            for m in members
        ]
        self._try_open_ones(members[1:], operation, call)
        deadline = time.monotonic() + DEADLINE_SECONDS

        def ask() -> Answer:
            return race(attempts, deadline_seconds=max(0.0, deadline - time.monotonic()), **options)

        return _patiently(ask, {FaultClass.THROTTLE: THROTTLE_TURNS, FaultClass.REGION: REGION_TURNS}, deadline)

    def _try_open_ones(self, members: Sequence[MemberKey], operation: str, call: Any) -> None:
        """A region that is out gets one trial now and then, beside the caller's work: nobody waits for it."""
        for member in members:
            kms = self._kms[member.region]
            if kms.breaker.claims_trial(time.monotonic()):
                kms.submit(operation, call(member))

    def _call(self, region: str, operation: str, call: dict[str, Any]) -> dict[str, Any]:
        """One region and no other. A region that is out is not waited for, except by one trial now and then."""
        kms = self._kms[region]
        if kms.breaker.is_open and not kms.breaker.claims_trial(time.monotonic()):
            raise RegionUnavailableError(region, "its breaker is open")
        try:
            return _patiently(lambda: kms.submit(operation, call).result(), {FaultClass.THROTTLE: THROTTLE_TURNS})
        except Exception as error:
            if classify(error) is FaultClass.REGION:
                raise RegionUnavailableError(region, code_of(error)) from error
            raise

    # Wraps

    def _complete(
        self,
        bundle: Bundle,
        key_set: KeySet,
        plaintext: bytes,
        context: Mapping[str, str],
        skip: Sequence[str],
        *,
        may_try: bool = False,
    ) -> tuple[Bundle, tuple[str, ...]]:
        """Encrypt at every region that lacks a wrap, in parallel, under one deadline. A silent region is not asked.

        `may_try`: a region whose breaker is open gets its trial here, for nobody waits for this bundle.
        """
        call = {"Plaintext": plaintext, "EncryptionContext": dict(context)}
        futures = {}
        for member in self._lacking(bundle, key_set):
            kms = self._kms[member.region]
            usable = not kms.breaker.is_open or (may_try and kms.breaker.claims_trial(time.monotonic()))
            if member.region not in skip and usable:
                futures[kms.submit("encrypt", call | {"KeyId": member.arn})] = member
        done, _ = wait(futures, timeout=WRAP_DEADLINE_SECONDS)
        fresh = [
            Wrap(futures[future].arn, future.result()["CiphertextBlob"])
            for future in done
            if future.exception() is None
        ]
        for future in done:
            if (error := future.exception()) is not None:
                logger.warning("no wrap for %s: %s", futures[future].region, code_of(error))
        bundle = bundle.with_wraps(tuple(fresh))
        return bundle, tuple(member.region for member in self._lacking(bundle, key_set))

    @staticmethod
    def _lacking(bundle: Bundle, key_set: KeySet) -> list[MemberKey]:
        """Members whose region cannot open the bundle: a related multi-Region key needs no wrap of its own."""
        holders = [m for wrap in bundle.wraps if (m := key_set.member_by_arn(wrap.key_arn)) is not None]
        return [m for m in key_set.members if not any(m.opens_ciphertexts_of(holder) for holder in holders)]


def _patiently[T](ask: Callable[[], T], turns: Mapping[FaultClass, int], deadline: float = float("inf")) -> T:
    """Ask again after a fault of these classes, so many times in all, and never after the deadline."""
    turn = 1
    while True:
        try:
            return ask()
        except Exception as error:
            fault = classify(error)
            if fault is None or turn >= turns.get(fault, 1) or time.monotonic() >= deadline:
                raise
        if fault is FaultClass.THROTTLE:
            time.sleep(random.uniform(0, THROTTLE_BASE_SECONDS * 2**turn))  # noqa: S311  # full jitter, as botocore's
        turn += 1


def _wraps_by_member(bundle: Bundle, key_set: KeySet) -> dict[str, bytes]:
    """The blob each member key can open: its own wrap, or a related multi-Region key's."""
    found = {}
    for member in key_set.members:
        for wrap in bundle.wraps:
            holder = key_set.member_by_arn(wrap.key_arn)
            if holder is not None and member.opens_ciphertexts_of(holder):
                found[member.arn] = wrap.blob
    return found


def _decryption(member: MemberKey, blob: bytes, context: Mapping[str, str]) -> dict[str, Any]:
    return {"KeyId": member.arn, "CiphertextBlob": blob, "EncryptionContext": dict(context)}


def _member(key_set: KeySet, region: str) -> MemberKey:
    member = key_set.member_in(region)
    assert member is not None  # noqa: S101  # only members were asked
    return member
