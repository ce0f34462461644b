"""The command behind `make conformance`.

Without a target, the cases of KMS and of S3 run against the strict ones, moto and ministack; the tables go to
docs/fidelity.md and docs/fidelity-s3.md; and the exit status is 0 only if the strict ones pass every case and the
others fail exactly those that known_lies.json names. With one target, which is for KMS unless --service says otherwise,
it is 0 only if no case fails there that has a source; ours must pass all. 2 says that nothing was proved.
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tests.conformance_s3.suite import S3

from . import fidelity, price
from .kms import KMS
from .known import Difference, differences, write_known
from .results import Outcome, Result
from .running import NOTHING_PROVED, run, run_apart, why_unreachable
from .suite import REPOSITORY, Suite
from .targets import AWAY, HOME, Opener

SUITES = {one.service: one for one in (KMS, S3)}
TARGETS_AT_ONCE = 2


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    suite = SUITES[options.service or KMS.service]
    if (opener := _one_target(suite, options)) is not None:
        return _run_one(suite, opener, options)
    return max(_run_all(one, options) for one in SUITES.values() if options.service in (None, one.service))


def _one_target(suite: Suite, options: argparse.Namespace) -> Opener | None:
    if options.endpoint is not None:
        opened = suite.endpoint(options.endpoint, options.regions)
        return Opener("endpoint", options.endpoint, opened, is_the_users=True)
    if options.aws_profile:
        name = f"the AWS account of profile {options.aws_profile}"
        return Opener("aws", name, suite.aws_account(options.aws_profile, options.regions), is_the_users=True)
    return suite.by_key[options.only] if options.only else None


def _run_one(suite: Suite, opener: Opener, options: argparse.Namespace) -> int:
    if opener.is_the_users and (reason := why_unreachable(suite, opener)) is not None:
        print(reason, file=sys.stderr)
        return NOTHING_PROVED
    if options.aws_profile and not _agreed(suite, options):
        print("Nothing was done.", file=sys.stderr)
        return NOTHING_PROVED
    done = run(suite, opener, words=options.k, silently=options.json)
    if options.run_file is not None:
        done.save(options.run_file)
    if options.json:
        print(json.dumps({"endpoint": opener.name, "problems": done.problems, **_as_json(done.results)}, indent=1))
    else:
        _tell(opener.name, done.results)
        _explain(suite, done.results)
    if not done.is_whole:
        print("The run did not come to its end, or no case was selected: nothing is proved.", file=sys.stderr)
        return NOTHING_PROVED
    return int(bool(done.problems) or not _passes(suite, opener, done.results))


def _passes(suite: Suite, opener: Opener, results: list[Result]) -> bool:
    """Ours must offer everything. Elsewhere what is missing is no lie, but nothing at all proves nothing."""
    outcomes = {one.outcome for one in results}
    if opener.key in suite.must_offer_all:
        return outcomes == {Outcome.PASS}
    return Outcome.PASS in outcomes and not any(one.outcome is Outcome.FAIL and not one.assumed for one in results)


def _explain(suite: Suite, results: list[Result]) -> None:
    """Each failed case with its reason; those that fail only an assumption of ours apart, for they are no lies."""
    failed = [one for one in results if one.outcome is Outcome.FAIL]
    for one in failed:
        print(f"{'differs' if one.assumed else 'fail':<8} {fidelity.said(one.case)}: {one.reason}")
    if assumed := sum(1 for one in failed if one.assumed):
        print(
            f"{assumed} of them differ only from what we assume of AWS (docs/{suite.document.name}), and do not count."
        )


def _agreed(suite: Suite, options: argparse.Namespace) -> bool:
    print(f"Counting what is made and asked on the strict {suite.name} ...", file=sys.stderr, flush=True)
    bill = price.measured(suite, options.k)
    return price.agreed(options.aws_profile, options.regions, bill, yes=options.yes)


def _run_all(suite: Suite, options: argparse.Namespace) -> int:
    """The targets of a suite are named from the fastest to the slowest; the slowest begins."""
    with ThreadPoolExecutor(TARGETS_AT_ONCE) as pool:
        runs = {one.key: pool.submit(run_apart, suite, one, words=options.k) for one in reversed(suite.local)}
        by_target = {one.key: runs[one.key].result().results for one in suite.local}
    sets_of_cases = {frozenset(one.case for one in results) for results in by_target.values()}
    is_whole = len(sets_of_cases) == 1 and not options.k
    if options.accept and is_whole:
        write_known(suite, by_target)
    if not any(by_target.values()):
        print("No case was selected, or no run came to its end: nothing is proved.", file=sys.stderr)
        return NOTHING_PROVED
    print(f"== summary: {suite.name}")
    for opener in suite.local:
        _tell(opener.name, by_target[opener.key])
    if is_whole:
        fidelity.write(suite, by_target)
        print(f"{suite.document.relative_to(REPOSITORY)} is written.")
    found = [*_missed(suite, by_target), *differences(suite, by_target, is_whole=is_whole)]
    for difference in found:
        print(f"{suite.names[difference.target]}: {difference.text}")
    good = f"The strict {suite.name} passes; the others lie only where it is known."
    print(f"{len(found)} to look at." if found else good)
    return int(bool(found))


def _missed(suite: Suite, by_target: dict[str, list[Result]]) -> list[Difference]:
    """What ours does not pass, and targets that gave no results at all."""
    missed = [Difference(key, "it broke off; see above") for key, results in by_target.items() if not results]
    for key in suite.names.keys() & suite.must_pass:
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
        "--endpoint", type=_url, metavar="URL", help="any endpoint, with the environment's credentials or none"
    )
    target.add_argument("--aws-profile", metavar="NAME", help="a real account; says what it costs, and asks")
    keys = sorted({key for suite in SUITES.values() for key in suite.by_key})
    target.add_argument("--only", choices=keys, help="one of the local targets")
    parser.add_argument("--service", choices=[*SUITES], help="the cases of one service; with one target: kms")
    parser.add_argument("--regions", type=_two_regions, default=(HOME, AWAY), metavar="HERE,AWAY")
    parser.add_argument("-k", metavar="WORDS", help="only the cases that pytest's -k selects")
    parser.add_argument("--yes", action="store_true", help="do not ask before a real account is used")
    parser.add_argument("--json", action="store_true", help="the results as JSON; with one target only")
    parser.add_argument(
        "--run-file", type=_new_file, metavar="FILE", help="the results as JSON to a file; with one target only"
    )
    parser.add_argument("--accept", action="store_true", help="take what fails now for the known lies")
    options = parser.parse_args(argv)
    if options.only and options.only not in SUITES[options.service or KMS.service].by_key:
        parser.error(f"--only {options.only} is no target of --service {options.service or KMS.service}")
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
