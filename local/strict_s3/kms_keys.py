"""KMS as S3 asks it: on behalf of the caller, under the encryption context of the object or of its bucket."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from localstack.aws.api import CommonServiceException

from .caller import GATEWAY, current_caller
from .forwarding import ON_BEHALF_OF, VIA_SERVICE
from .settings import LiveSettings

CONTEXT_KEY = "aws:s3:arn"
CLIENTS = 64

type EncryptionContext = Mapping[str, str]


@dataclass(frozen=True)
class WrappedKey:
    """The data key of an object as S3 keeps it: wrapped by KMS, with what is needed to open it."""

    kms_key_arn: str
    blob: bytes = field(repr=False)
    encryption_context: EncryptionContext
    is_bucket_key: bool = False


class KmsKeys:
    """Raises S3's own errors: `KMS.DisabledException` and the like with KMS's message, AccessDenied, and 503.

    That S3 answers 503 when KMS does not answer is assumed; no source says it.
    """

    def __init__(self, url: str, settings: LiveSettings) -> None:
        self._url = url
        self._settings = settings
        self._bucket_keys: dict[tuple[str, str, str], tuple[WrappedKey, float]] = {}
        self._opened: dict[tuple[str, bytes], float] = {}
        self._lock = Lock()

    def generate(self, region: str, kms_key_arn: str, context: EncryptionContext, *, bucket_key: bool) -> WrappedKey:
        if not bucket_key:
            return self._generate(region, kms_key_arn, context, bucket_key=False)
        cached = (current_caller().principal, kms_key_arn, context[CONTEXT_KEY])
        with self._lock:
            known, until = self._bucket_keys.get(cached, (None, 0.0))
        if known is not None and time.monotonic() < until:
            return known
        made = self._generate(region, kms_key_arn, context, bucket_key=True)
        with self._lock:
            self._bucket_keys[cached] = made, time.monotonic() + self._settings.now.bucket_key_seconds
        return made

    def open(self, region: str, wrapped: WrappedKey) -> None:
        """Returns where the key opens. A bucket key that this caller has opened lately is not asked for again."""
        if current_caller() is GATEWAY:
            return
        opened = (current_caller().principal, wrapped.blob)
        with self._lock:
            until = self._opened.get(opened, 0.0)
        if wrapped.is_bucket_key and time.monotonic() < until:
            return
        self._call(
            region,
            "decrypt",
            CiphertextBlob=wrapped.blob,
            KeyId=wrapped.kms_key_arn,
            EncryptionContext=dict(wrapped.encryption_context),
        )
        if wrapped.is_bucket_key:
            with self._lock:
                self._opened[opened] = time.monotonic() + self._settings.now.bucket_key_seconds

    def re_wrap(self, region: str, wrapped: WrappedKey, kms_key_arn: str, context: EncryptionContext) -> WrappedKey:
        answer = self._call(
            region,
            "re_encrypt",
            CiphertextBlob=wrapped.blob,
            SourceKeyId=wrapped.kms_key_arn,
            SourceEncryptionContext=dict(wrapped.encryption_context),
            DestinationKeyId=kms_key_arn,
            DestinationEncryptionContext=dict(context),
        )
        return WrappedKey(answer["KeyId"], answer["CiphertextBlob"], dict(context))

    def managed_key(self, region: str) -> str:
        """The ARN of `aws/s3`, the AWS managed key that S3 takes where no key is named."""
        arn: str = self._call(region, "describe_key", KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
        return arn

    def _generate(self, region: str, kms_key_arn: str, context: EncryptionContext, *, bucket_key: bool) -> WrappedKey:
        answer = self._call(
            region, "generate_data_key", KeyId=kms_key_arn, KeySpec="AES_256", EncryptionContext=dict(context)
        )
        return WrappedKey(answer["KeyId"], answer["CiphertextBlob"], dict(context), bucket_key)

    def _call(self, region: str, operation: str, **request: Any) -> dict[str, Any]:
        client = _client(self._url, region, current_caller().principal, self._settings.now.kms_seconds)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**request)
        except ClientError as error:
            raise _as_s3_says(error) from None
        except BotoCoreError as error:
            raise CommonServiceException("ServiceUnavailable", "Please reduce your request rate.", 503) from error
        return answer


def _as_s3_says(error: ClientError) -> CommonServiceException:
    """Recorded 2026-02-21, test_s3_sse_validate_kms_key and _state: `KMS.` before the code, 400, KMS's message."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in {"AccessDeniedException", "AccessDenied"}:
        return CommonServiceException("AccessDenied", message, 403)
    return CommonServiceException(f"KMS.{code}", message, 400)


@lru_cache(maxsize=CLIENTS)
def _client(url: str, region: str, principal: str, seconds: float) -> Any:
    """Its signature says who is meant and proves nothing: S3 is trusted with its callers (docs/local-s3.md)."""
    client = boto3.session.Session().client(
        "kms",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - opens nothing
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=seconds, read_timeout=seconds),
    )

    def say_for_whom(request: Any, **_: Any) -> None:
        request.headers[ON_BEHALF_OF] = principal
        request.headers[VIA_SERVICE] = f"s3.{region}.amazonaws.com"

    client.meta.events.register("before-send.kms", say_for_whom)
    return client
