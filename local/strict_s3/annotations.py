"""Object annotations: named payloads of a version, changed without touching the object.

From the model alone, no account was asked [botocore s3:PutObjectAnnotation and its neighbours].
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.services.s3.exceptions import InvalidRequest

LARGEST_BYTES = 1 << 20
MOST = 1000


@dataclass(frozen=True)
class Annotation:
    name: str
    payload: bytes = field(repr=False)
    last_modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.payload, usedforsecurity=False).hexdigest()}"'


def annotations_of(s3_object: Any) -> dict[str, Annotation]:
    found: dict[str, Annotation] = s3_object.__dict__.setdefault("annotations", {})
    return found


def put(s3_object: Any, name: str, payload: bytes, object_if_match: str | None) -> Annotation:
    _require_match(s3_object, object_if_match)
    if s3_object.sse_key_hash:
        raise InvalidRequest("Objects encrypted with SSE-C cannot have annotations.")
    if not 1 <= len(payload) <= LARGEST_BYTES:
        raise InvalidRequest(f"An annotation has 1 to {LARGEST_BYTES} bytes.")
    known = annotations_of(s3_object)
    if name not in known and len(known) >= MOST:
        raise CommonServiceException("AnnotationLimitExceeded", f"An object has at most {MOST} annotations.", 400)
    known[name] = made = Annotation(name, payload, datetime.now(UTC))
    return made


def get(s3_object: Any, name: str) -> Annotation:
    if (found := annotations_of(s3_object).get(name)) is None:
        raise CommonServiceException("NoSuchAnnotation", "The specified annotation does not exist.", 404)
    return found


def delete(s3_object: Any, name: str, object_if_match: str | None) -> None:
    _require_match(s3_object, object_if_match)
    annotations_of(s3_object).pop(name, None)


def listed(s3_object: Any, prefix: str, after: str, most: int) -> tuple[list[Annotation], str | None]:
    """By name, those after the token `after`; and the token for those that are left."""
    found = [one for name, one in sorted(annotations_of(s3_object).items()) if name.startswith(prefix) and name > after]
    return found[:most], found[most - 1].name if len(found) > most else None


def _require_match(s3_object: Any, etag: str | None) -> None:
    if etag is not None and etag.strip('"') != s3_object.etag:
        raise CommonServiceException(
            "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412
        )
