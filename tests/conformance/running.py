"""Runs the cases against one target, in this process or in one of its own."""

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .results import PLUGIN, Recorder, Result, load
from .targets import Opener

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
RESULTS = REPOSITORY / "build" / "conformance"
LONGEST_REASON = 300  # a web server may answer with a whole page
NOTHING_PROVED = 2  # the exit status of a run that broke off or never began


@dataclass(frozen=True)
class Run:
    """`is_whole`: every case that was selected came to its end. `problems`: keys that could not be removed."""

    results: list[Result]
    problems: list[str]
    is_whole: bool


def run(opener: Opener, *, words: str | None = None, silently: bool = False) -> Run:
    """Prints a line a case, unless silently."""
    path = RESULTS / f"{opener.key}.json"
    path.unlink(missing_ok=True)
    arguments = [str(HERE), "--force-enable-socket", "-p", "no:cacheprovider"]
    arguments += ["-p", "no:terminal"] if silently else ["-v", "--tb=no", "-r", "N"]
    arguments += ["-k", words] if words else []
    os.environ.setdefault("CONFORMANCE_RUN", uuid.uuid4().hex)
    recorder = Recorder(opener, path)
    code = pytest.main(arguments, plugins=[_Named(recorder)])
    results = load(path) if path.exists() else []
    came_to_its_end = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    return Run(results, recorder.problems, came_to_its_end and 0 < len(results) == recorder.selected)


class _Named:
    """Registers the recorder under the name by which the fixtures find it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._recorder, PLUGIN)


def run_apart(opener: Opener, *, words: str | None = None) -> list[Result]:
    """In a process of its own: moto and the strict KMS take the same places in one. No results if it broke off."""
    path = RESULTS / f"{opener.key}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.conformance", "--only", opener.key]
    command += ["-k", words] if words else []
    print(f"running: {opener.name} ...", flush=True)
    ran = subprocess.run(  # noqa: S603 - our own command
        command, cwd=REPOSITORY, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(f"== {opener.name}\n{ran.stdout.decode(errors='replace')}", flush=True)
    return load(path) if path.exists() and ran.returncode != NOTHING_PROVED else []


def why_unreachable(opener: Opener) -> str | None:
    """Asked before the cases: without an endpoint each would fail with the same words."""
    print(f"Trying {opener.name} ...", file=sys.stderr, flush=True)
    try:
        with opener.open() as target:
            for region in (target.home, target.away):
                target.connect_impatiently(region).list_keys(Limit=1)
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: the URL is none
        return f"{opener.name} cannot be used: {str(error)[:LONGEST_REASON]}"
    return None
