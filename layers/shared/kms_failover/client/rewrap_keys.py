"""KMS as rewrapping sees it: one key set, from one region (the port `domain.objects.rewrap.Keys`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.classify import classify, code_of
from kms_failover.client.bundler import Bundler
from kms_failover.domain.data_keys.bundle import Bundle, is_bundle
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.objects.s3_envelope import MADE_BY_THE_CLIENT
from kms_failover.domain.routing.route import Route
from kms_failover.errors import (
    BundleError,
    ConfigurationError,
    RegionUnavailableError,
    WrapRefusedError,
    WrapUnavailableError,
)

# How KMS says that a blob is not under the key that was named (facts 2.1, 2.2); the first also that we may not ask
_DENIED = "AccessDeniedException"
_NOT_UNDER_THIS_KEY = frozenset({_DENIED, "IncorrectKeyException", "InvalidCiphertextException"})
_TRIAL_CONTEXT = {MADE_BY_THE_CLIENT: "kms-failover"}  # the role may use no other (facts 6.1)
_TRIAL = bytes(32)  # no secret


class RewrapKeys:
    def __init__(self, bundler: Bundler, key_set: KeySet, route: Route) -> None:
        member = key_set.member_in(bundler.region)
        if member is None:
            lacks = "may not use its" if bundler.region in key_set.wanted_regions else "has no"  # decision 21
            raise ConfigurationError(f"key set {key_set.name!r} {lacks} member key in {bundler.region}")
        self.region = bundler.region
        self._bundler = bundler
        self._key_set = key_set
        self._route = route
        self._local = member

    def open_locally(self, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        """With the local member key and no other; None if the blob, or no wrap of the bundle, is under it.

        Raises:
            RegionUnavailableError: the region is out, or its member key cannot be used; either may pass.
            BundleError: the local key refuses the wrap that the bundle has for it, and another member key opens one.
            WrapRefusedError: each key refuses the wrap that the bundle has for it.
            CommitmentError: the local wrap opens to another key than the bundle's.
        """
        if is_bundle(blob):
            return self._open_bundle_locally(Bundle.parse(blob), context)
        try:
            return self._locally(self._bundler.decrypt_under, blob, context)
        except ClientError as error:
            if _is_elsewhere(error):
                return None
            raise

    def open_anywhere(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """With whichever member key opens it.

        Raises:
            WrapUnavailableError: no key that could be asked opens it, and not every key could be asked.
            WrapRefusedError: every member key of this key set was asked and none opens it.
        """
        if is_bundle(blob):
            bundle = Bundle.parse(blob)
            with self._told_apart(bundle, context):
                return self._bundler.open(bundle, self._key_set, self._route, context).plaintext
        return self._ask_each(((member, blob) for member in self._nearest_first()), context)

    def wrap_locally(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        return self._locally(self._bundler.encrypt_under, data_key, context)

    def complete(self, bundle: bytes, context: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
        """The bundle with every wrap that can be made now, and the regions that still cannot open it."""
        parsed = Bundle.parse(bundle)
        with self._told_apart(parsed, context):
            completed = self._bundler.complete(parsed, self._key_set, self._route, context)
        return bytes(completed.bundle), completed.missing

    @contextmanager
    def _told_apart(self, bundle: Bundle, context: Mapping[str, str]) -> Iterator[None]:
        """The bundler names one refusal. Whether it may pass is what all of the bundle's keys say, each by itself."""
        try:
            yield
        except (ClientError, BotoCoreError, RegionUnavailableError) as error:
            if classify(error) not in {FaultClass.REGION, FaultClass.KEY, FaultClass.CIPHERTEXT} and not (
                isinstance(error, ClientError) and _is_elsewhere(error)
            ):
                raise
            self._ask_for_each_wrap(bundle, context)
            raise  # one has just opened it: nothing is wrong with the bundle

    def _ask_for_each_wrap(self, bundle: Bundle, context: Mapping[str, str]) -> None:
        """Raises as `open_anywhere`."""
        blobs = bundle.blobs_by_member(self._key_set)
        self._ask_each(((m, blobs[m.arn]) for m in self._nearest_first() if m.arn in blobs), context)

    def _ask_each(self, blobs: Iterable[tuple[MemberKey, bytes]], context: Mapping[str, str]) -> bytes:
        """The first that opens. A key that is disabled, or waits for its material, may open it later.

        So may one that we may not use: that is raised as KMS says it.
        """
        unavailable: dict[str, str] = {}
        refusals: list[tuple[MemberKey, ClientError]] = []
        for member, blob in blobs:
            try:
                return self._bundler.decrypt_under(member, blob, context)
            except RegionUnavailableError as error:
                unavailable[member.region] = error.code
            except ClientError as error:
                if classify(error) is FaultClass.KEY:
                    unavailable[member.region] = code_of(error)
                elif classify(error) is FaultClass.CIPHERTEXT or _is_elsewhere(error):
                    refusals.append((member, error))
                else:
                    raise
        if unavailable:
            raise WrapUnavailableError(tuple(unavailable), ", ".join(dict.fromkeys(unavailable.values())))
        for member, refusal in refusals:
            if code_of(refusal) == _DENIED and not self._may_use(member):
                raise refusal
        raise WrapRefusedError([f"{code_of(refusal)} in {member.region}" for member, refusal in refusals])

    def _may_use(self, member: MemberKey) -> bool:
        """By a round trip of its own: KMS has one word for another region's blob and for a right that we lack."""
        try:
            blob = self._bundler.encrypt_under(member, _TRIAL, _TRIAL_CONTEXT)
            self._bundler.decrypt_under(member, blob, _TRIAL_CONTEXT)
        except ClientError as error:
            if code_of(error) != _DENIED:
                raise
            return False
        return True

    def _open_bundle_locally(self, bundle: Bundle, context: Mapping[str, str]) -> bytes | None:
        blob = bundle.blobs_by_member(self._key_set).get(self._local.arn)
        if blob is None:
            return None
        try:
            plaintext = self._locally(self._bundler.decrypt_under, blob, context)
        except ClientError as error:
            if not _is_elsewhere(error) or (code_of(error) == _DENIED and not self._may_use(self._local)):
                raise
            self._ask_for_each_wrap(bundle, context)
            raise BundleError(f"its wrap for {self.region} opens with no key: {code_of(error)}") from error
        bundle.verify(plaintext, context)
        return plaintext

    def _locally(
        self,
        call: Callable[[MemberKey, bytes, Mapping[str, str]], bytes],
        data: bytes,
        context: Mapping[str, str],
    ) -> bytes:
        try:
            return call(self._local, data, context)
        except ClientError as error:
            if classify(error) is FaultClass.KEY:
                raise RegionUnavailableError(self.region, code_of(error)) from error
            raise

    def _nearest_first(self) -> list[MemberKey]:
        return sorted(self._key_set.members, key=lambda member: member.region != self.region)


def _is_elsewhere(error: ClientError) -> bool:
    return code_of(error) in _NOT_UNDER_THIS_KEY
