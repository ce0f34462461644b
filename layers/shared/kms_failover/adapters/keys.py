"""KMS as rewrapping sees it: one key set, from one region (the port `domain.rewrapping.Keys`)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.classify import classify, code_of
from kms_failover.adapters.engine import Engine
from kms_failover.domain.bundle import Bundle, is_bundle
from kms_failover.domain.fault import FaultClass
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.route import Route
from kms_failover.errors import ConfigurationError, RegionUnavailableError

# How KMS says that a blob is not under the key that was named (facts 2.1, 2.2)
_NOT_UNDER_THIS_KEY = frozenset({"AccessDeniedException", "IncorrectKeyException", "InvalidCiphertextException"})


class KeySetKeys:
    def __init__(self, engine: Engine, key_set: KeySet, route: Route) -> None:
        member = key_set.member_in(engine.region)
        if member is None:
            raise ConfigurationError(f"key set {key_set.name!r} has no member key in {engine.region}")
        self.region = engine.region
        self._engine = engine
        self._key_set = key_set
        self._route = route
        self._local = member

    def open_locally(self, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        """With the local member key and no other; None if the blob, or no wrap of the bundle, is under it.

        Raises:
            RegionUnavailableError: the region is out, or its member key cannot be used; either may pass.
        """
        if is_bundle(blob):
            return self._open_bundle_locally(Bundle.parse(blob), context)
        try:
            return self._locally(self._engine.decrypt_under, blob, context)
        except ClientError as error:
            if _is_elsewhere(error):
                return None
            raise

    def open_anywhere(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """With whichever member key opens it.

        Raises:
            RegionUnavailableError: no key that could be asked opens it, and not every key could be asked.
            ClientError: every member key was asked and none opens it; the last refusal.
        """
        if is_bundle(blob):
            with self._waiting_for_a_region():
                return self._engine.open(Bundle.parse(blob), self._key_set, self._route, context).plaintext
        unavailable: RegionUnavailableError | None = None
        refusal: ClientError | None = None
        for member in self._nearest_first():
            try:
                return self._engine.decrypt_under(member, blob, context)
            except RegionUnavailableError as error:
                unavailable = error
            except ClientError as error:
                if classify(error) not in {FaultClass.KEY, FaultClass.CIPHERTEXT} and not _is_elsewhere(error):
                    raise
                refusal = error
        raise unavailable or refusal or ConfigurationError(f"key set {self._key_set.name!r} has no member keys")

    def wrap_locally(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        return self._locally(self._engine.encrypt_under, data_key, context)

    def complete(self, bundle: bytes, context: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
        """The bundle with every wrap that can be made now, and the regions that still cannot open it."""
        with self._waiting_for_a_region():
            completed = self._engine.complete(Bundle.parse(bundle), self._key_set, self._route, context)
        return bytes(completed.bundle), completed.missing

    @contextmanager
    def _waiting_for_a_region(self) -> Iterator[None]:
        """A bundle that opens only where KMS is out, or where the key cannot be used, opens later: it becomes debt."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            if classify(error) in {FaultClass.REGION, FaultClass.KEY}:
                raise RegionUnavailableError(self.region, code_of(error)) from error
            raise

    def _open_bundle_locally(self, bundle: Bundle, context: Mapping[str, str]) -> bytes | None:
        blob = bundle.blobs_by_member(self._key_set).get(self._local.arn)
        if blob is None:
            return None
        plaintext = self._locally(self._engine.decrypt_under, blob, context)
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
