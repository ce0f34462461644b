"""Limits that LocalStack does not hold: sizes, metadata, and rates; and answers of 200 with an error inside."""

import time
from collections import defaultdict, deque
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from localstack.aws.api import CommonServiceException, ServiceException
from localstack.services.s3 import models
from localstack.services.s3.exceptions import InvalidRequest
from localstack.services.s3.utils import extract_bucket_key_version_id_from_copy_source, parse_copy_source_range_header

from .buckets import bucket_named
from .settings import LiveSettings

METADATA_BYTES = 2048
MOST_TAGS = 10
READS = frozenset({"GET", "HEAD"})
SECOND = 1.0


class MetadataTooLarge(CommonServiceException):  # type: ignore[misc]  # its base is untyped
    """[AWS docs: UsingMetadata] 2 KB, names and values, in UTF-8, without the prefix."""

    def __init__(self, size: int) -> None:
        super().__init__("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", 400)
        self.Size, self.MaxSizeAllowed = size, METADATA_BYTES


class EntityTooLarge(CommonServiceException):  # type: ignore[misc]  # its base is untyped
    def __init__(self, size: int, largest: int) -> None:
        super().__init__("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
        self.ProposedSize, self.MaxSizeAllowed = size, largest


class Limits:
    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._lately: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def check(self, operation: str, context: Any, request: Any) -> None:
        """Before the operation. Raises S3's error."""
        models.S3_UPLOAD_PART_MIN_SIZE = self._settings.now.smallest_part_bytes  # LocalStack's constant
        self._check_rate(context.request.method, request)
        require_small_metadata(request.get("Metadata"))
        if operation != "PutBucketTagging":
            require_few_tags(request.get("Tagging"))
        if operation in {"PutObject", "UploadPart"}:
            self._require_size(_content_length(context))
        if operation in {"CopyObject", "UploadPartCopy"}:
            self._require_copy_size(request)

    def _require_size(self, size: int) -> None:
        if size > (largest := self._settings.now.largest_put_bytes):
            raise EntityTooLarge(size, largest)

    def _require_copy_size(self, request: Any) -> None:
        largest = self._settings.now.largest_copy_bytes
        if _copied_bytes(request) > largest:
            raise InvalidRequest(
                f"The specified copy source is larger than the maximum allowable size for a copy source: {largest}"
            )

    def _check_rate(self, method: str, request: Any) -> None:
        """Of each request that names a key; AWS has 3,500 and 5,500 for a prefix [AWS docs: optimizing-performance]."""
        kind, settings = "read" if method in READS else "write", self._settings.now
        allowed = settings.reads_per_second if method in READS else settings.writes_per_second
        if allowed is None or not request.get("Key"):
            return
        prefix = f"{request['Bucket']}/{request['Key'].rpartition('/')[0]}"
        now = time.monotonic()
        with self._lock:
            lately = self._lately[kind, prefix]
            while lately and lately[0] <= now - SECOND:
                lately.popleft()
            if len(lately) >= allowed:
                raise CommonServiceException("SlowDown", "Please reduce your request rate.", 503)
            lately.append(now)


def require_small_metadata(metadata: Any) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in (metadata or {}).items())
    if size > METADATA_BYTES:
        raise MetadataTooLarge(size)


def require_few_tags(tagging: Any) -> None:
    """[AWS docs: object-tagging] 10 a version. They come as the query of a header, or as a set; the code is assumed."""
    if isinstance(tagging, str):
        tags: list[Any] = parse_qsl(tagging, keep_blank_values=True)
    else:
        tags = (tagging or {}).get("TagSet") or []
    if len(tags) > MOST_TAGS:
        raise CommonServiceException("BadRequest", f"Object tags cannot be greater than {MOST_TAGS}", 400)


def _content_length(context: Any) -> int:
    headers = context.request.headers
    return int(headers.get("x-amz-decoded-content-length") or headers.get("content-length") or 0)


def _copied_bytes(request: Any) -> int:
    """0 where there is no such source: what that means is LocalStack's to say."""
    try:
        bucket, key, version_id = extract_bucket_key_version_id_from_copy_source(request.get("CopySource"))
        size: int = bucket_named(bucket).get_object(key=key, version_id=version_id).size
        if wanted := request.get("CopySourceRange"):
            size = parse_copy_source_range_header(wanted, size).content_length
    except ServiceException:
        return 0
    return size
