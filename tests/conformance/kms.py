"""The suite of KMS: the strict KMS, plain moto and ministack."""

from typing import Any

from .ministack import MINISTACK_VERSION, ministack
from .results import Run
from .suite import REPOSITORY, Bill, Suite
from .targets import MOTO, PATCHED_MOTO, STRICT, Opener, aws_account, endpoint

HERE = REPOSITORY / "tests" / "conformance"

# AWS KMS list prices for us-east-1 in dollars, as we know them (UNCONFIRMED): a key, primary or replica, a month, by
# the hour; as much again for its first and for its second rotation; the dearest of the requests made here, those with
# asymmetric keys other than RSA_2048. Keys whose deletion is scheduled cost nothing.
A_KEY_MONTH = 1.00
HOURS_A_MONTH = 730
MOST_KEY_MONTHS_A_KEY = 3
A_REQUEST = 0.15 / 10_000

AREAS = {
    "test_import_parameters.py": "Import parameters",
    "test_import.py": "Importing material",
    "test_expiry.py": "Expiry",
    "test_material_deletion.py": "Deleting material",
    "test_rotation.py": "Rotation",
    "test_multi_region.py": "Multi-Region keys",
    "test_states.py": "Key states",
    "test_cryptography.py": "Cryptography",
    "test_dry_run.py": "Dry runs",
    "test_mac_and_asymmetric.py": "HMAC and asymmetric keys",
    "test_signatures.py": "Signatures",
    "test_answers.py": "What answers say",
    "test_arguments.py": "What is said of arguments",
}
HEAD = """# Fidelity of the local KMS

Written by `make conformance`; every line is a case that ran. What a case claims is its name; the source beside it
says where AWS says so: `kms:X` is the API reference of that call, `guide: x` a page of the AWS KMS developer guide,
`facts` a section of [aws-facts.md](aws-facts.md), which names its own sources, `recorded: x, date` a test of the
LocalStack project, whose answers an account of AWS gave on that day. **None of these cases was run against AWS itself
yet**: `make conformance AWS_PROFILE=name` does that.

- *proved*: the source documents the behaviour, and the strict KMS was seen to behave so.
- *assumed*: the strict KMS does what we think likely; the part named has no primary source (UNCONFIRMED). Do not
  build on it.
- n/a, not offered: the endpoint lacks a call, a clock that can be set, or events that can be read. That is no lie.
"""


def bill(run: Run) -> Bill:
    """Every key billed for an hour and rotated twice, every request of the dearest kind."""
    return Bill(
        f"{run.keys} KMS keys, tagged kms-failover-conformance, and {run.requests} requests",
        "Each key's deletion is scheduled behind its case, in 7 days; until then it costs nothing.\n"
        "It takes its time: expiries are waited for, and GetParametersForImport is throttled to one request a second.",
        run.keys * MOST_KEY_MONTHS_A_KEY * A_KEY_MONTH / HOURS_A_MONTH + run.requests * A_REQUEST,
    )


def _ask(target: Any, region: str) -> None:
    target.connect_impatiently(region).list_keys(Limit=1)


KMS = Suite(
    service="kms",
    name="KMS",
    folder=HERE,
    document=REPOSITORY / "docs" / "fidelity.md",
    known=HERE / "known_lies.json",
    head=HEAD,
    areas=AREAS,
    ours=STRICT,
    others=(MOTO, Opener("ministack", f"ministack {MINISTACK_VERSION}", ministack)),
    optional=(PATCHED_MOTO,),
    endpoint=endpoint,
    aws_account=aws_account,
    ask=_ask,
    bill=bill,
)
