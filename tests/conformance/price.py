"""What a run against a real account costs, counted on the strict KMS before anything is made."""

import sys
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .results import Outcome
from .running import run_silently_apart
from .targets import STRICT

# AWS KMS list prices for us-east-1 in dollars, as we know them (UNCONFIRMED): a key, primary or replica, a month, by
# the hour; as much again for its first and for its second rotation; the dearest of the requests made here, those with
# asymmetric keys other than RSA_2048. Keys whose deletion is scheduled cost nothing.
A_KEY_MONTH = 1.00
HOURS_A_MONTH = 730
MOST_KEY_MONTHS_A_KEY = 3
A_REQUEST = 0.15 / 10_000


@dataclass(frozen=True)
class Price:
    keys: int
    requests: int

    @property
    def dollars(self) -> float:
        """At most: every key billed for an hour and rotated twice, every request of the dearest kind."""
        return self.keys * MOST_KEY_MONTHS_A_KEY * A_KEY_MONTH / HOURS_A_MONTH + self.requests * A_REQUEST


def measured(words: str | None) -> Price:
    """Runs the cases against the strict KMS in a process of its own and counts its calls."""
    done, said = run_silently_apart(STRICT[0].key, words)
    if not done.is_whole or done.problems or any(one.outcome is not Outcome.PASS for one in done.results):
        print(said, file=sys.stderr)
        raise SystemExit("The strict KMS does not pass the cases, so what they cost cannot be told: make conformance")
    return Price(done.keys, done.requests)


def agreed(profile: str, regions: tuple[str, str], price: Price, *, yes: bool) -> bool:
    """Says what will be done to which account; True when it may be. Raises SystemExit where the account is unknown."""
    try:
        identity = boto3.session.Session(profile_name=profile).client("sts", regions[0]).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"Profile {profile} cannot be used: {error}") from error
    print(
        f"This makes {price.keys} KMS keys, tagged kms-failover-conformance, and {price.requests} requests in account "
        f"{identity['Account']}, {' and '.join(regions)},\nas {identity['Arn']}.\n"
        f"Each key's deletion is scheduled behind its case, in 7 days; until then it costs nothing.\n"
        f"By the prices we know it costs at most {price.dollars:.2f} dollars. It takes its time: expiries are waited "
        "for, and GetParametersForImport is throttled to one request a second.",
        file=sys.stderr,
    )
    if yes:
        return True
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
