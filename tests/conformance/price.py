"""What a run against a real account costs, counted on our own endpoint before anything is made."""

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from .results import Outcome, Run
from .running import run_silently_apart
from .suite import Bill, Suite


def measured(suite: Suite, words: str | None) -> Bill:
    """Runs the cases against ours in a process of its own and counts its calls."""
    done, said = run_silently_apart(suite, suite.ours[0].key, words)
    if not _passed(done):
        print(said, file=sys.stderr)
        raise SystemExit(
            f"The strict {suite.name} does not pass the cases, so what they cost cannot be told: make conformance"
        )
    return suite.bill(done)


def _passed(done: Run) -> bool:
    return done.is_whole and not done.problems and all(one.outcome is Outcome.PASS for one in done.results)


def agreed(profile: str, regions: tuple[str, str], bill: Bill, *, yes: bool) -> bool:
    """Says what will be done to which account; True when it may be. Raises SystemExit where the account is unknown."""
    try:
        identity = boto3.session.Session(profile_name=profile).client("sts", regions[0]).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(f"Profile {profile} cannot be used: {error}") from error
    print(
        f"This makes {bill.makes} in account {identity['Account']}, {' and '.join(regions)},\nas {identity['Arn']}.\n"
        f"{bill.leaves}\nBy the prices we know it costs at most {bill.dollars:.2f} dollars.",
        file=sys.stderr,
    )
    if yes:
        return True
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
