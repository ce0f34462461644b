"""One region's KMS as reimporting sees it (the port `domain.key_material.ports.MemberKeys`)."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kms_failover.adapters.classify import classify, code_of
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.key_material.material import KeyMaterial, KeyView
from kms_failover.domain.key_material.ports import PlainMaterial
from kms_failover.errors import (
    ImportRefusedError,
    KeyNotReadyError,
    KmsFailoverError,
    RegionUnavailableError,
    ThrottledError,
)

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

PARAMETERS_PAUSE_SECONDS = 1.1  # facts 1.1: GetParametersForImport is answered once a second in a region
IMPORT_ATTEMPTS = 2  # an expired token is replaced once; a fresh one is good for 24 hours (facts 1.1)
SENTINEL_BYTES = 32
MATERIALS_PER_PAGE = 100  # a key has 27 at most: the first, 25 rotated to, one pending (facts 1.5)
MATERIAL_PAGES = 3

# not listed: another kind of key; a state in which KMS does not say; a role or a key policy from before it was asked
_NOT_LISTED = frozenset({"UnsupportedOperationException", "KMSInvalidStateException", "AccessDeniedException"})
# of an import: other bytes than the key's; a replica whose primary has none yet, which error is UNCONFIRMED
_REFUSED = frozenset({"IncorrectKeyMaterialException", "UnsupportedOperationException"})
_NOT_READY = frozenset({"KMSInvalidStateException", "DisabledException"})


class ImportableKeys:
    """`sleep` and `clock` (monotonic seconds) keep GetParametersForImport below its quota, over all keys of a run."""

    def __init__(
        self,
        client: "KMSClient",
        region: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._region = region
        self._sleep = sleep
        self._clock = clock
        self._next_parameters = float("-inf")

    def view(self, arn: str) -> KeyView:
        shown = self.describe(arn)
        with self._translated():
            return replace(shown, materials=self._materials(arn))

    def describe(self, arn: str) -> KeyView:
        with self._translated():
            shown = self._client.describe_key(KeyId=arn)["KeyMetadata"]
        return KeyView(
            shown["KeyState"],
            shown.get("ValidTo"),
            shown.get("CurrentKeyMaterialId", ""),
            is_replica=shown.get("MultiRegionConfiguration", {}).get("MultiRegionKeyType") == "REPLICA",
        )

    def import_material(self, arn: str, fetch: Callable[[], PlainMaterial], valid_to: datetime, *, first: bool) -> str:
        """Repeating it with the same bytes only moves the expiry (facts 1.3)."""
        for attempt in range(1, IMPORT_ATTEMPTS + 1):
            with self._translated():
                try:
                    return self._import(arn, fetch, valid_to, first=first)
                except ClientError as error:
                    if code_of(error) != "ExpiredImportTokenException" or attempt == IMPORT_ATTEMPTS:
                        raise
        raise AssertionError("the last attempt returns or raises")

    def make_sentinel(self, arn: str, context: dict[str, str]) -> bytes:
        """A ciphertext of bytes that nobody has ever seen."""
        with self._translated():
            return self._client.generate_data_key_without_plaintext(
                KeyId=arn, NumberOfBytes=SENTINEL_BYTES, EncryptionContext=context
            )["CiphertextBlob"]

    def opens_sentinel(self, arn: str, sentinel: bytes, context: dict[str, str]) -> bool:
        with self._translated():
            try:
                self._client.decrypt(KeyId=arn, CiphertextBlob=sentinel, EncryptionContext=context)
            except ClientError as error:
                if classify(error) is FaultClass.CIPHERTEXT:
                    return False
                raise
        return True

    def _materials(self, arn: str) -> tuple[KeyMaterial, ...] | None:
        """Without IncludeKeyMaterial the first one would be left out (facts 1.5)."""
        found: list[KeyMaterial] = []
        request: dict[str, Any] = {"KeyId": arn, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": MATERIALS_PER_PAGE}
        try:
            for _ in range(MATERIAL_PAGES):
                page = self._client.list_key_rotations(**request)
                found += [_material(entry) for entry in page["Rotations"]]
                if not page.get("Truncated"):
                    break
                request["Marker"] = page["NextMarker"]
        except ClientError as error:
            if code_of(error) not in _NOT_LISTED:
                raise
            return None
        return tuple(found)

    def _import(self, arn: str, fetch: Callable[[], PlainMaterial], valid_to: datetime, *, first: bool) -> str:
        """No frame holds the bytes while KMS is asked: an error that comes of it carries its frames along."""
        self._keep_pace()
        parameters = self._client.get_parameters_for_import(
            KeyId=arn, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096"
        )
        public_key = load_der_public_key(parameters["PublicKey"])
        if not isinstance(public_key, RSAPublicKey):
            raise KmsFailoverError(f"GetParametersForImport of {arn} answered with a key that is not RSA")
        wrapped = public_key.encrypt(fetch().value, OAEP(MGF1(SHA256()), SHA256(), None))
        answer = self._client.import_key_material(
            KeyId=arn,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrapped,
            ExpirationModel="KEY_MATERIAL_EXPIRES",
            ValidTo=valid_to,
            # the API's text and the guide disagree about its default (facts 1.2)
            ImportType="NEW_KEY_MATERIAL" if first else "EXISTING_KEY_MATERIAL",
        )
        return answer.get("KeyMaterialId", "")

    def _keep_pace(self) -> None:
        wait = self._next_parameters - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._next_parameters = self._clock() + PARAMETERS_PAUSE_SECONDS

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            code = code_of(error)
            if code in _REFUSED:
                raise ImportRefusedError(
                    f"KMS in {self._region} does not take custody's bytes for this key: {code}"
                ) from error
            if code in _NOT_READY:
                raise KeyNotReadyError(f"KMS in {self._region} answers {code}") from error
            if classify(error) is FaultClass.THROTTLE:
                raise ThrottledError(f"KMS in {self._region} answers {code}") from error
            if classify(error) is FaultClass.REGION:
                raise RegionUnavailableError(self._region, code) from error
            raise


def _material(entry: Mapping[str, Any]) -> KeyMaterial:
    return KeyMaterial(
        entry.get("KeyMaterialId", ""),
        entry.get("KeyMaterialState", ""),
        entry.get("ValidTo"),
        imported=entry.get("ImportState") == "IMPORTED",
    )
