"""A bucket is asked in its own region. A client elsewhere is sent there, and botocore goes [AWS docs: Redirects]."""

from typing import Any
from xml.sax.saxutils import escape

from localstack.aws.api import ServiceException

from .buckets import bucket_named

ANYWHERE = frozenset({"CreateBucket", "ListBuckets", "GetBucketLocation"})
MESSAGE = (
    "The bucket you are attempting to access must be addressed using the specified endpoint. "
    "Please send all future requests to this endpoint."
)
MOVED = 301


def redirect(context: Any, response: Any) -> bool:
    """True where the client is sent to another region: `response` then says so."""
    name = (context.service_request or {}).get("Bucket")
    if name is None or context.operation.name in ANYWHERE:
        return False
    try:
        region = bucket_named(name).bucket_region
    except ServiceException:
        return False  # that there is no such bucket is LocalStack's to say
    if region == context.region:
        return False
    endpoint = f"{name}.s3.{region}.amazonaws.com"
    body = (
        f"<Error><Code>PermanentRedirect</Code><Message>{MESSAGE}</Message><Endpoint>{escape(endpoint)}</Endpoint>"
        f"<Bucket>{escape(name)}</Bucket></Error>"
    )
    response.set_response(b"" if context.request.method == "HEAD" else body.encode())
    response.status_code = MOVED
    response.headers["Content-Type"] = "application/xml"
    response.headers["x-amz-bucket-region"] = region
    return True
