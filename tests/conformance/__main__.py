"""The command behind `make conformance`.

Without a target, the cases run against the strict KMS in process and over HTTP, plain moto and ministack; the table
goes to docs/fidelity.md; and the exit status is 0 only if the strict KMS passes every case and the others fail exactly
those that known_lies.json names. With one target it is 0 only if no case fails there that has a source; the local KMS
must pass all. 2 says that nothing was proved.
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from . import fidelity, price
from .known import Difference, differences, write_known
from .ministack import MINISTACK_VERSION, ministack
from .results import Outcome, Result
from .running import NOTHING_PROVED, REPOSITORY, run, run_apart, why_unreachable
from .targets import AWAY, HOME, MOTO, PATCHED_MOTO, STRICT, Opener, aws_account, endpoint

LOCAL = (*STRICT, MOTO, Opener("ministack", f"ministack {MINISTACK_VERSION}", ministack))
BY_NAME = (*LOCAL, PATCHED_MOTO)
MUST_PASS = tuple(one.key for one in STRICT)
MUST_OFFER_ALL = (*MUST_PASS, PATCHED_MOTO.key)
SLOWEST_FIRST = tuple(reversed(LOCAL))
TARGETS_AT_ONCE = 2
FIDELITY = REPOSITORY / "docs" / "fidelity.md"


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    opener = _one_target(options)
    return _run_all(options) if opener is None else _run_one(opener, options)


def _one_target(options: argparse.Namespace) -> Opener | None:
    if options.endpoint is not None:
        return Opener("endpoint", options.endpoint, endpoint(options.endpoint, options.regions), is_the_users=True)
    if options.aws_profile:
        name = f"the AWS account of profile {options.aws_profile}"
        return Opener("aws", name, aws_account(options.aws_profile, options.regions), is_the_users=True)
    return next((one for one in BY_NAME if one.key == options.only), None)


def _run_one(opener: Opener, options: argparse.Namespace) -> int:
    if opener.is_the_users and (reason := why_unreachable(opener)) is not None:
        print(reason, file=sys.stderr)
        return NOTHING_PROVED
    if options.aws_profile and not _agreed(options):
        print("Nothing was done.", file=sys.stderr)
        return NOTHING_PROVED
    done = run(opener, words=options.k, silently=options.json)
    if options.run_file is not None:
        done.save(options.run_file)
    if options.json:
        print(json.dumps({"endpoint": opener.name, "problems": done.problems, **_as_json(done.results)}, indent=1))
    else:
        _tell(opener.name, done.results)
        _explain(done.results)
    if not done.is_whole:
        print("The run did not come to its end, or no case was selected: nothing is proved.", file=sys.stderr)
        return NOTHING_PROVED
    return int(bool(done.problems) or not _passes(opener, done.results))


def _passes(opener: Opener, results: list[Result]) -> bool:
    """Ours must offer everything. Elsewhere what is missing is no lie, but nothing at all proves nothing."""
    outcomes = {one.outcome for one in results}
    if opener.key in MUST_OFFER_ALL:
        return outcomes == {Outcome.PASS}
    return Outcome.PASS in outcomes and not any(one.outcome is Outcome.FAIL and not one.assumed for one in results)


def _explain(results: list[Result]) -> None:
    """Each failed case with its reason; those that fail only an assumption of ours apart, for they are no lies."""
    failed = [one for one in results if one.outcome is Outcome.FAIL]
    for one in failed:
        print(f"{'differs' if one.assumed else 'fail':<8} {fidelity.said(one.case)}: {one.reason}")
    if assumed := sum(1 for one in failed if one.assumed):
        print(f"{assumed} of them differ only from what we assume of AWS (docs/fidelity.md), and do not count.")


def _agreed(options: argparse.Namespace) -> bool:
    print("Counting keys and requests on the strict KMS ...", file=sys.stderr, flush=True)
    cost = price.measured(options.k)
    return price.agreed(options.aws_profile, options.regions, cost, yes=options.yes)


def _run_all(options: argparse.Namespace) -> int:
    with ThreadPoolExecutor(TARGETS_AT_ONCE) as pool:
        runs = {opener.key: pool.submit(run_apart, opener, words=options.k) for opener in SLOWEST_FIRST}
        by_target = {opener.key: runs[opener.key].result().results for opener in LOCAL}
    sets_of_cases = {frozenset(one.case for one in results) for results in by_target.values()}
    is_whole = len(sets_of_cases) == 1 and not options.k
    if options.accept and is_whole:
        write_known({key: results for key, results in by_target.items() if key not in MUST_PASS})
    if not any(by_target.values()):
        print("No case was selected, or no run came to its end: nothing is proved.", file=sys.stderr)
        return NOTHING_PROVED
    names = {one.key: one.name for one in LOCAL}
    print("== summary")
    for opener in LOCAL:
        _tell(opener.name, by_target[opener.key])
    if is_whole:
        fidelity.write(FIDELITY, by_target, names)
        print(f"{FIDELITY.relative_to(REPOSITORY)} is written.")
    found = [*_missed(by_target), *differences(by_target, MUST_PASS, is_whole=is_whole)]
    for difference in found:
        print(f"{names[difference.target]}: {difference.text}")
    print(f"{len(found)} to look at." if found else "The strict KMS passes; the others lie only where it is known.")
    return int(bool(found))


def _missed(by_target: dict[str, list[Result]]) -> list[Difference]:
    """What the strict KMS does not pass, and targets that gave no results at all."""
    missed = [Difference(key, "it broke off; see above") for key, results in by_target.items() if not results]
    for key in MUST_PASS:
        missed += [
            Difference(key, f"{one.outcome}: {one.case} {one.reason}")
            for one in by_target[key]
            if one.outcome is not Outcome.PASS
        ]
    return missed


def _counts(results: list[Result]) -> dict[str, int]:
    return {str(outcome): sum(one.outcome is outcome for one in results) for outcome in Outcome}


def _as_json(results: list[Result]) -> dict[str, object]:
    listed = [{"case": one.case, "outcome": one.outcome, "reason": one.reason} for one in results]
    return {"counts": _counts(results), "results": listed}


def _tell(name: str, results: list[Result]) -> None:
    print(f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in _counts(results).items()))


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--endpoint", type=_url, metavar="URL", help="any KMS endpoint, with the environment's credentials or none"
    )
    target.add_argument("--aws-profile", metavar="NAME", help="a real account; says what it costs, and asks")
    target.add_argument("--only", choices=[one.key for one in BY_NAME], help="one of the local targets")
    parser.add_argument("--regions", type=_two_regions, default=(HOME, AWAY), metavar="HERE,AWAY")
    parser.add_argument("-k", metavar="WORDS", help="only the cases that pytest's -k selects")
    parser.add_argument("--yes", action="store_true", help="do not ask before a real account is used")
    parser.add_argument("--json", action="store_true", help="the results as JSON; with one target only")
    parser.add_argument(
        "--run-file", type=_new_file, metavar="FILE", help="the results as JSON to a file; with one target only"
    )
    parser.add_argument("--accept", action="store_true", help="take what fails now for the known lies")
    options = parser.parse_args(argv)
    has_one = bool(options.endpoint or options.aws_profile or options.only)
    if (options.json or options.run_file is not None) and not has_one:
        parser.error("--json and --run-file go with one target: --only, --endpoint or --aws-profile")
    if options.accept and (options.k or has_one):
        parser.error("--accept takes all cases of all local targets, not a selection")
    return options


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no endpoint: http://host:port is needed, without a path")
    return text


def _new_file(text: str) -> Path:
    """Checked here, so that a mistake is said before the cases run."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: a file in a folder that is there is needed")
    return path


def _two_regions(text: str) -> tuple[str, str]:
    here, comma, away = text.partition(",")
    if not comma or not here or not away or here == away:
        raise argparse.ArgumentTypeError("two different Regions are needed: HERE,AWAY")
    return here, away


if __name__ == "__main__":
    sys.exit(main())
