"""The command behind `make conformance`.

Without a target, the cases run against the strict KMS in process and over HTTP, plain moto and ministack; the table
goes to docs/fidelity.md; and the exit status is 0 only if the strict KMS passes every case and the others fail exactly
those that known_lies.json names. With --endpoint or --aws-profile it is 0 only if no case fails there.
"""

import argparse
import json
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from . import fidelity, price
from .known import Difference, differences, write_known
from .ministack import ministack
from .results import PLUGIN, Outcome, Recorder, Result, load
from .targets import AWAY, HOME, MOTO, PATCHED_MOTO, STRICT, Opener, aws_account, endpoint

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
RESULTS = REPOSITORY / "build" / "conformance"
LOCAL = (*STRICT, MOTO, Opener("ministack", "ministack", ministack, is_remote=True))
MUST_PASS = tuple(one.key for one in STRICT)
SLOWEST_FIRST = tuple(reversed(LOCAL))
TARGETS_AT_ONCE = 2


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    opener = _one_target(options)
    if opener is None:
        return _run_all(options)
    if options.aws_profile and not _agreed(options):
        print("Nothing was done.")
        return 2
    results = _run(opener, options)
    _tell(opener.name, results, as_json=options.json)
    return int(any(one.outcome is Outcome.FAIL for one in results) or not results)


def _agreed(options: argparse.Namespace) -> bool:
    print("Counting keys and requests on the strict KMS ...", flush=True)
    cost = price.measured(RESULTS, REPOSITORY)
    return price.agreed(options.aws_profile, options.regions, cost, yes=options.yes, ask=input)


def _one_target(options: argparse.Namespace) -> Opener | None:
    if options.endpoint:
        return Opener("endpoint", options.endpoint, endpoint(options.endpoint, options.regions), is_the_users=True)
    if options.aws_profile:
        name = f"AWS account of profile {options.aws_profile}"
        return Opener("aws", name, aws_account(options.aws_profile, options.regions), is_the_users=True)
    return next((one for one in (*LOCAL, PATCHED_MOTO) if one.key == options.only), None)


def _run(opener: Opener, options: argparse.Namespace) -> list[Result]:
    path = RESULTS / f"{opener.key}.json"
    path.unlink(missing_ok=True)
    arguments = [str(HERE), "--force-enable-socket", "--tb=no", "-p", "no:cacheprovider", "-r", "N"]
    arguments += ["-qq", "--no-summary"] if options.json else ["-v"]
    arguments += ["-k", options.k] if options.k else []
    os.environ.setdefault("CONFORMANCE_RUN", uuid.uuid4().hex)
    recorder = Recorder(opener, path)
    pytest.main(arguments, plugins=[_Named(recorder)])
    return load(path) if path.exists() else []


class _Named:
    """Registers the recorder under the name by which the fixtures find it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._recorder, PLUGIN)


def _run_all(options: argparse.Namespace) -> int:
    with ThreadPoolExecutor(TARGETS_AT_ONCE) as pool:
        runs = {opener.key: pool.submit(_run_apart, opener, options) for opener in SLOWEST_FIRST}
        by_target = {opener.key: runs[opener.key].result() for opener in LOCAL}
    if options.accept:
        write_known({key: results for key, results in by_target.items() if key not in MUST_PASS})
    names = {one.key: one.name for one in LOCAL}
    found = [*_missed(by_target), *differences(by_target, MUST_PASS)]
    if not options.k:
        fidelity.write(REPOSITORY / "docs" / "fidelity.md", by_target, names)
    print("== summary")
    for opener in LOCAL:
        _tell(opener.name, by_target[opener.key], as_json=False)
    for difference in found:
        print(f"{names[difference.target]}: {difference.text}")
    print("docs/fidelity.md is written; every difference is a known one." if not found else f"{len(found)} to look at.")
    return int(bool(found))


def _run_apart(opener: Opener, options: argparse.Namespace) -> list[Result]:
    """In a process of its own: moto and the strict KMS take the same places in a process."""
    path = RESULTS / f"{opener.key}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.conformance", "--only", opener.key]
    command += ["-k", options.k] if options.k else []
    print(f"{opener.name} ...", flush=True)
    ran = subprocess.run(  # noqa: S603 - this command
        command, cwd=REPOSITORY, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(ran.stdout.decode(errors="replace"), flush=True)
    return load(path) if path.exists() else []


def _missed(by_target: dict[str, list[Result]]) -> list[Difference]:
    """What the strict KMS does not pass, and targets that gave no results at all."""
    missed = [Difference(key, "it gave no results; see above") for key, results in by_target.items() if not results]
    for key in MUST_PASS:
        missed += [
            Difference(key, f"{one.outcome}: {one.case} {one.reason}")
            for one in by_target[key]
            if one.outcome is not Outcome.PASS
        ]
    return missed


def _tell(name: str, results: list[Result], *, as_json: bool) -> None:
    counts = {outcome: sum(one.outcome is outcome for one in results) for outcome in Outcome}
    if as_json:
        listed = [{"case": one.case, "outcome": one.outcome, "reason": one.reason} for one in results]
        print(json.dumps({"endpoint": name, "counts": counts, "results": listed}, indent=1))
        return
    print(f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--endpoint", metavar="URL", help="any KMS endpoint, with the environment's credentials or none"
    )
    target.add_argument("--aws-profile", metavar="NAME", help="a real account; says what it costs, and asks")
    target.add_argument("--only", choices=[one.key for one in (*LOCAL, PATCHED_MOTO)], help="one of the local targets")
    parser.add_argument("--regions", type=_two_regions, default=(HOME, AWAY), metavar="HERE,AWAY")
    parser.add_argument("-k", metavar="WORDS", help="only the cases that pytest's -k selects")
    parser.add_argument("--yes", action="store_true", help="do not ask before a real account is used")
    parser.add_argument("--json", action="store_true", help="the results as JSON; with one target only")
    parser.add_argument("--accept", action="store_true", help="take what fails now for the known lies")
    options = parser.parse_args(argv)
    if options.json and not (options.endpoint or options.aws_profile or options.only):
        parser.error("--json goes with one target: --only, --endpoint or --aws-profile")
    if options.accept and options.k:
        parser.error("--accept takes all cases, not a selection")
    return options


def _two_regions(text: str) -> tuple[str, str]:
    here, comma, away = text.partition(",")
    if not comma or not here or not away or here == away:
        raise argparse.ArgumentTypeError("two different Regions are needed: HERE,AWAY")
    return here, away


if __name__ == "__main__":
    sys.exit(main())
