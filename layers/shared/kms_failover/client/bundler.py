"""Data keys over several regions: make one, open one, complete its bundle. What FailoverKms and rewrapping stand on."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.client.call import UNTIL_WOKEN, Wakeup, wait_for
from kms_failover.client.race import Answer, Attempt, Terms, no_answer, race
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.client.wraps import Wraps
from kms_failover.domain.data_keys.bundle import Bundle, Kind, Wrap, bundle_commitment
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.route import Route, in_order
from kms_failover.errors import BundleError, ConfigurationError, RegionUnavailableError

FAILED = "it failed a moment ago"
THROTTLE_BASE_SECONDS = 0.1  # doubled each turn, with full jitter, as botocore's (facts 3.4)

T = TypeVar("T")


@dataclass(frozen=True, repr=False)
class PlaintextKey:
    """A plaintext data key and who opened it. No repr: it would show the key."""

    plaintext: bytes
    member: MemberKey
    response: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class NewBundle:
    """A new data key in its bundle. `missing` are regions that cannot open it yet. No repr: it would show the key."""

    plaintext: bytes
    bundle: Bundle
    member: MemberKey
    missing: tuple[str, ...]
    response: Mapping[str, Any]


@dataclass(frozen=True)
class Completion:
    """`missing` are regions that still cannot open it; `member`, who opened it, if that was needed."""

    bundle: Bundle
    missing: tuple[str, ...]
    member: MemberKey | None


class Bundler:
    """One for a process; safe for threads. `region` is where it runs: the nearest wrap is that region's."""

    def __init__(self, region: str, kms: Mapping[str, RegionalKms], settings: Settings) -> None:
        self.region = region
        self._kms = kms
        self._settings = settings
        self._wraps = Wraps(kms, settings)

    def make(self, key_set: KeySet, route: Route, request: Mapping[str, Any], context: Mapping[str, str]) -> NewBundle:
        """GenerateDataKey at the route's first usable region, Encrypt at the others, one bundle of all."""
        self._expect_enough_regions(key_set)
        call = dict(request) | ({"EncryptionContext": dict(context)} if context else {})
        answer = self._ask(
            self._by_route(key_set, route), "generate_data_key", lambda member: call | {"KeyId": member.arn}
        )
        plaintext: bytes = answer.response["Plaintext"]
        commitment = bundle_commitment(plaintext, key_set.name, Kind.DATA_KEY, context)
        return self._made(key_set, Kind.DATA_KEY, plaintext, commitment, context, answer)

    def seal(
        self, key_set: KeySet, route: Route, payload: bytes, commitment: bytes, context: Mapping[str, str]
    ) -> NewBundle:
        """Encrypt `payload` (already with its nonce, see Kind.MESSAGE) at every region; one wrap is enough."""
        self._expect_enough_regions(key_set)
        call = {"Plaintext": payload, "EncryptionContext": dict(context)}
        answer = self._ask(self._by_route(key_set, route), "encrypt", lambda member: call | {"KeyId": member.arn})
        return self._made(key_set, Kind.MESSAGE, payload, commitment, context, answer)

    def open(self, bundle: Bundle, key_set: KeySet, route: Route, context: Mapping[str, str]) -> PlaintextKey:
        """The nearest usable wrap that opens to the committed key; only member keys are ever asked.

        Raises:
            BundleError: no wrap of the bundle is under a member key of its key set.
            CommitmentError: a wrap opened to another key, and no other wrap to the right one.
        """
        return self._open(bundle, key_set, route, context)[0]

    def open_blob(self, blob: bytes, key_set: KeySet, context: Mapping[str, str]) -> PlaintextKey:
        """A plain KMS blob under one of the member keys; which one, the blob does not tell.

        Another region's blob is answered with AccessDenied (facts 2.2), so that goes on to the next member here.
        """
        answer = self._ask(
            self._nearest_first(key_set.members),
            "decrypt",
            lambda member: _decryption(member, blob, context),
            goes_on_after=lambda error: code_of(error) == "AccessDeniedException",
        )
        return PlaintextKey(answer.response["Plaintext"], _member(key_set, answer.region), answer.response)

    def complete(self, bundle: Bundle, key_set: KeySet, route: Route, context: Mapping[str, str]) -> Completion:
        """The bundle with every wrap that can be made now. A complete one is not opened."""
        if not bundle.lacking(key_set):
            return Completion(bundle, (), None)
        opened, answer = self._open(bundle, key_set, route, context)
        wrapped = self._wraps.complete(bundle, key_set, opened.plaintext, context, answer, trials_allowed=True)
        return Completion(wrapped.bundle, _regions(wrapped.lacking), opened.member)

    def encrypt_under(self, member: MemberKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """One wrap under one member key; RegionUnavailableError if its region cannot be asked."""
        call = {"KeyId": member.arn, "Plaintext": plaintext, "EncryptionContext": dict(context)}
        blob: bytes = self._call(member, "encrypt", call)["CiphertextBlob"]
        return blob

    def decrypt_under(self, member: MemberKey, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Open with one member key and no other; boto3's own error if it refuses."""
        plaintext: bytes = self._call(member, "decrypt", _decryption(member, blob, context))["Plaintext"]
        return plaintext

    def _expect_enough_regions(self, key_set: KeySet) -> None:
        if self._settings.min_wraps > len(key_set.members):
            has = f"key set {key_set.name!r} has {len(key_set.members)} member keys"
            raise ConfigurationError(f"{has}, and min_wraps is {self._settings.min_wraps}")

    # Regions

    def _by_route(self, key_set: KeySet, route: Route) -> list[MemberKey]:
        """Member keys in the route's order; those that are out come last, never not at all."""
        return sorted(in_order(key_set, route), key=self._is_out)

    def _nearest_first(self, members: Sequence[MemberKey]) -> list[MemberKey]:
        return sorted(members, key=lambda m: (self._is_out(m), m.region != self.region))

    def _is_out(self, member: MemberKey) -> bool:
        return self._kms[member.region].is_out(member.arn)

    def _open(
        self, bundle: Bundle, key_set: KeySet, route: Route, context: Mapping[str, str]
    ) -> tuple[PlaintextKey, Answer]:
        blobs = bundle.blobs_by_member(key_set)
        if not blobs:
            raise BundleError(f"no wrap of this bundle is under a member key of {key_set.name!r}")
        answer = self._ask(
            self._nearest_first([m for m in self._by_route(key_set, route) if m.arn in blobs]),
            "decrypt",
            lambda member: _decryption(member, blobs[member.arn], context),
            accept=lambda response: bundle.verify(response["Plaintext"], context),
        )
        opened = PlaintextKey(answer.response["Plaintext"], _member(key_set, answer.region), answer.response)
        return opened, answer

    def _ask(
        self,
        members: Sequence[MemberKey],
        operation: str,
        call: Callable[[MemberKey], dict[str, Any]],
        *,
        goes_on_after: Callable[[BaseException], bool] = lambda _error: False,
        accept: Callable[[dict[str, Any]], None] = lambda _response: None,
    ) -> Answer:
        """Race the members; once more if every region failed that way: a stall of our own looks just like it."""
        attempts = [Attempt(self._kms[m.region], operation, call(m)) for m in members]
        self._try_open_ones(members[1:], operation, call)
        settings = self._settings
        terms = Terms(
            deadline=time.monotonic() + settings.deadline_seconds,
            call_seconds=settings.connect_timeout_seconds + settings.read_timeout_seconds,
            goes_on_after=goes_on_after,
            accept=accept,
        )
        return self._patiently(lambda: race(attempts, terms), self._kms[members[0].region], terms.deadline)

    def _try_open_ones(
        self, members: Sequence[MemberKey], operation: str, call: Callable[[MemberKey], dict[str, Any]]
    ) -> None:
        """What is out gets one trial now and then, beside the caller's work: nobody waits for it."""
        for member in members:
            kms = self._kms[member.region]
            if kms.claims_trial(member.arn, time.monotonic()):
                kms.submit(operation, call(member))

    def _call(self, member: MemberKey, operation: str, call: dict[str, Any]) -> dict[str, Any]:
        """One region and no other. What is out is not waited for, except by one trial now and then."""
        kms = self._kms[member.region]
        if kms.is_out(member.arn) and not kms.claims_trial(member.arn, time.monotonic()):
            raise RegionUnavailableError(member.region, FAILED)
        deadline = time.monotonic() + self._settings.deadline_seconds
        return self._patiently(lambda: _answer_of_one(kms, operation, call, deadline), kms, deadline, region_attempts=1)

    def _patiently(
        self, ask: Callable[[], T], kms: RegionalKms, deadline: float, *, region_attempts: int | None = None
    ) -> T:
        """Ask again after a region's fault or a throttle, so many times in all, never after the deadline.

        A throttle is waited out, never failed over (facts 3.2); where they have become the rule, it is not even that:
        retries would be part of the load.
        """
        turns = {
            FaultClass.THROTTLE: self._settings.throttle_attempts,
            FaultClass.REGION: region_attempts or self._settings.region_attempts,
        }
        turn = 1
        while True:
            try:
                return ask()
            except KMS_ERRORS as error:
                fault = classify(error)
                if fault is None or turn >= turns.get(fault, 1) or time.monotonic() >= deadline:
                    raise
                if fault is FaultClass.THROTTLE and not kms.throttle_retries.spend():
                    raise
            if fault is FaultClass.THROTTLE:
                pause = random.uniform(0, THROTTLE_BASE_SECONDS * 2**turn)  # noqa: S311  # jitter is no secret
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            turn += 1

    # Wraps

    def _made(
        self,
        key_set: KeySet,
        kind: Kind,
        payload: bytes,
        commitment: bytes,
        context: Mapping[str, str],
        answer: Answer,
    ) -> NewBundle:
        maker = _member(key_set, answer.region)
        bundle = Bundle(key_set.name, kind, commitment, (Wrap(maker.arn, answer.response["CiphertextBlob"]),))
        wrapped = self._wraps.complete(bundle, key_set, payload, context, answer)
        missing, wanted = _regions(wrapped.lacking), self._settings.min_wraps
        there = len(key_set.members) - len(missing)
        if there < wanted:
            for error in wrapped.errors:
                if classify(error) is not FaultClass.REGION:
                    raise error  # a throttle or a refusal: another region would not help
            raise RegionUnavailableError(", ".join(missing), f"{there} wraps where min_wraps is {wanted}")
        return NewBundle(payload, wrapped.bundle, maker, missing, answer.response)


def _answer_of_one(kms: RegionalKms, operation: str, parameters: dict[str, Any], deadline: float) -> dict[str, Any]:
    """RegionUnavailableError as soon as the region is known to be out, whoever found that out."""
    wakeup = Wakeup()
    call = kms.submit(operation, parameters, wakeup)
    wait_for([call], wakeup, deadline, UNTIL_WOKEN, lambda _call: None if kms.went_out(call) else UNTIL_WOKEN)
    if not call.future.done():
        kms.give_up(call)
        raise RegionUnavailableError(kms.region, FAILED) if kms.went_out(call) else no_answer((call,))
    try:
        return call.future.result()
    except KMS_ERRORS as error:
        if classify(error) is FaultClass.REGION and call.sent_at is not None:
            raise RegionUnavailableError(kms.region, code_of(error)) from error
        raise


def _decryption(member: MemberKey, blob: bytes, context: Mapping[str, str]) -> dict[str, Any]:
    return {"KeyId": member.arn, "CiphertextBlob": blob, "EncryptionContext": dict(context)}


def _member(key_set: KeySet, region: str) -> MemberKey:
    member = key_set.member_in(region)
    assert member is not None  # noqa: S101  # only members were asked
    return member


def _regions(members: Sequence[MemberKey]) -> tuple[str, ...]:
    return tuple(member.region for member in members)
