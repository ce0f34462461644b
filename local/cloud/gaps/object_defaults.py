"""Server-side encryption as S3 applies it to new objects.

ministack 1.5.33 leaves objects without any encryption (S3 encrypts all since January 2023), refuses `aws:kms:dsse`, and
forgets that a bucket key was asked for.
"""

from typing import Any

from ministack.services import s3

from .encryption_rules import DUAL_LAYER, SSE, SSE_BUCKET_KEY


def install() -> None:
    """Two functions are replaced: ministack asks them for every write, and has no register for them."""
    of_bucket = s3._bucket_default_sse_headers
    of_write = s3._resolve_sse_write_headers

    def bucket_default(bucket_name: str) -> Any:
        return of_bucket(bucket_name) or {SSE: "AES256"}

    def write(headers: Any, bucket_name: str) -> Any:
        dual_layer = headers.get(SSE) == DUAL_LAYER
        applied, refusal = of_write({**headers, SSE: "aws:kms"} if dual_layer else headers, bucket_name)
        if refusal is None and dual_layer:
            applied = {**applied, SSE: DUAL_LAYER}
        elif refusal is None and applied.get(SSE) == "aws:kms" and headers.get(SSE_BUCKET_KEY) == "true":
            applied = {**applied, SSE_BUCKET_KEY: "true"}
        return applied, refusal

    s3._bucket_default_sse_headers = bucket_default
    s3._resolve_sse_write_headers = write
    s3._SSE_STORED_HEADERS = (*s3._SSE_STORED_HEADERS, SSE_BUCKET_KEY)
