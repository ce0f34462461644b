"""Request quotas: how many calls a second one account may make in one Region (facts 2.4).

A token bucket per account, Region and quota, which holds the tokens of one second. How AWS counts is not documented.
Sign and Verify, whose quotas go by key spec, are not counted; UpdatePrimaryRegion only where it is called.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock

SYMMETRIC = "symmetric"
SHARED = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GenerateRandom",
        "ReEncrypt",
        "VerifyMac",
    }
)
LARGE_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})
MIDDLE_REGIONS = frozenset(
    {"us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2"}
)
# facts 1.1, 2.4
PER_OPERATION = {
    "CreateGrant": 50,
    "DeleteImportedKeyMaterial": 15,
    "DescribeKey": 2_000,
    "GetParametersForImport": 1,
    "ImportKeyMaterial": 15,
    "ListKeyRotations": 100,
    "ReplicateKey": 5,
    "RotateKeyOnDemand": 5,
    "UpdatePrimaryRegion": 5,
}
QUOTAS = frozenset({SYMMETRIC, *PER_OPERATION})

Rates = Callable[[str, str], float | None]


def quota_of(operation: str) -> str:
    """The name of the quota that counts the operation: `symmetric`, or the operation's own name."""
    return SYMMETRIC if operation in SHARED else operation


def aws_rate(region: str, quota: str) -> float | None:
    """AWS's defaults, in requests a second; None where we know of no quota."""
    if quota != SYMMETRIC:
        return PER_OPERATION.get(quota)
    if region in LARGE_REGIONS:
        return 100_000
    return 20_000 if region in MIDDLE_REGIONS else 10_000


def unlimited(_region: str, _quota: str) -> None:
    """No quota at all."""


def overridden(rates: Rates, by: Mapping[tuple[str | None, str], float]) -> Rates:
    """`rates` with some replaced: by (Region, quota), or by (None, quota) for all Regions."""

    def rate(region: str, quota: str) -> float | None:
        return by.get((region, quota), by.get((None, quota), rates(region, quota)))

    return rate


class Limiter:
    """Counts calls against the rates; thread safe. Bounded by accounts times Regions times quotas."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._buckets: dict[tuple[str, str, str], tuple[float, datetime]] = {}
        self._lock = Lock()

    def take(self, account: str, region: str, operation: str, now: datetime) -> bool:
        """False when the call is over the quota; such a call costs no token."""
        quota = quota_of(operation)
        rate = self._rates(region, quota)
        if rate is None:
            return True
        capacity = max(rate, 1.0)
        with self._lock:
            tokens, since = self._buckets.get((account, region, quota), (capacity, now))
            elapsed_seconds = max(0.0, (now - since).total_seconds())
            tokens = min(capacity, tokens + elapsed_seconds * rate)
            taken = tokens >= 1.0
            self._buckets[account, region, quota] = (tokens - taken, max(now, since))
        return taken
