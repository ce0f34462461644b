"""The suite of S3: the strict S3, moto's server and ministack."""

from typing import Any

from tests.conformance.results import Run
from tests.conformance.suite import REPOSITORY, Bill, Suite

from .targets import MINISTACK_S3, MOTO_S3, STRICT_S3, s3_account, s3_endpoint

HERE = REPOSITORY / "tests" / "conformance_s3"

# List prices for us-east-1 in dollars, as we know them (UNCONFIRMED): a KMS key by the hour, and the dearest request
# to S3, a PUT into an archive class. What is stored is some megabytes for some minutes.
A_KEY_HOUR = 1.00 / 730
A_REQUEST = 0.05 / 1000

AREAS = {
    "test_conditional_writes.py": "Conditional writes",
    "test_conditional_copies.py": "Conditional copies",
    "test_copies.py": "Copies",
    "test_metadata.py": "Metadata outside ASCII",
    "test_versions.py": "Versions and delete markers",
    "test_object_lock.py": "Object Lock",
    "test_checksums.py": "Checksums",
    "test_multipart.py": "Multipart uploads",
    "test_encryption.py": "Server-side encryption",
    "test_update_encryption.py": "Another key in place",
    "test_customer_keys.py": "Keys of the customer",
    "test_storage_classes.py": "Storage classes",
    "test_listings.py": "Listings",
    "test_names.py": "Names",
    "test_settings.py": "Tags, ACL and other settings",
    "test_annotations.py": "Annotations",
}
HEAD = """# Fidelity of the local S3

Written by `make conformance`; every line is a case that ran. What a case claims is its name; the source beside it
says where AWS says so: `recorded: test, date` is an answer of an AWS account, recorded by LocalStack's test of that
name; `s3:X` is the API reference of that call, `guide: x` a page of the Amazon S3 user guide, `facts` a section of
[aws-facts.md](aws-facts.md), which names its own sources. **None of it was run by us against AWS yet**:
`make conformance SERVICE=s3 AWS_PROFILE=name` does that.

- *proved*: the source documents or recorded the behaviour, and the strict S3 was seen to behave so.
- *assumed*: the strict S3 does what we think likely; the part named has no primary source (UNCONFIRMED). Do not
  build on it.
- n/a, not offered: the endpoint lacks a call, or keeps what a case would lock for good. That is no lie.
"""


def bill(run: Run) -> Bill:
    return Bill(
        f"buckets and {run.keys} KMS keys, tagged kms-failover-conformance, and {run.requests} requests",
        "Each bucket is removed with all that is in it when its cases are done, governance mode bypassed; nothing is "
        "held\nin compliance mode. Each key's deletion is scheduled, in 7 days; until then it costs nothing.",
        run.keys * A_KEY_HOUR + run.requests * A_REQUEST,
    )


def _ask(target: Any, region: str) -> None:
    target.client("s3", region).list_buckets()
    target.client("kms", region).list_keys(Limit=1)


S3 = Suite(
    service="s3",
    name="S3",
    folder=HERE,
    document=REPOSITORY / "docs" / "fidelity-s3.md",
    known=HERE / "known_lies.json",
    head=HEAD,
    areas=AREAS,
    ours=(STRICT_S3,),
    others=(MOTO_S3, MINISTACK_S3),
    optional=(),
    endpoint=s3_endpoint,
    aws_account=s3_account,
    ask=_ask,
    bill=bill,
)
