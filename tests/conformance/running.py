"""Runs the cases against one target, in this process or in one of its own."""

import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .results import PLUGIN, Recorder, Run, load
from .suite import REPOSITORY, Suite
from .targets import Opener

LONGEST_REASON = 300  # a web server may answer with a whole page
NOTHING_PROVED = 2  # the exit status of a run that broke off or never began
BROKE_OFF = Run([], [], is_whole=False)


def run(suite: Suite, opener: Opener, *, words: str | None = None, silently: bool = False) -> Run:
    """Prints a line a case, unless silently."""
    arguments = [str(suite.folder), "--force-enable-socket", "-p", "no:cacheprovider"]
    arguments += ["-p", "no:terminal"] if silently else ["-v", "--tb=no", "-r", "N"]
    arguments += ["-k", words] if words else []
    os.environ.setdefault("CONFORMANCE_RUN", uuid.uuid4().hex)
    recorder = Recorder(opener)
    return recorder.run(pytest.main(arguments, plugins=[_Named(recorder)]))


class _Named:
    """Registers the recorder under the name by which the fixtures find it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._recorder, PLUGIN)


def run_apart(suite: Suite, opener: Opener, *, words: str | None = None) -> Run:
    """In a process of its own: moto and the strict KMS take the same places in one. No results if it broke off."""
    print(f"running: {opener.name} ...", flush=True)
    done, said = run_silently_apart(suite, opener.key, words)
    print(f"== {opener.name}\n{said}", flush=True)
    return done


def run_silently_apart(suite: Suite, key: str, words: str | None) -> tuple[Run, str]:
    """The run, and all that its process printed. Its results are in a file of its own: runs beside it have theirs."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        path = Path(folder) / "run.json"
        command = [
            sys.executable,
            "-m",
            "tests.conformance",
            "--service",
            suite.service,
            "--only",
            key,
            "--run-file",
            str(path),
        ]
        command += ["-k", words] if words else []
        ran = subprocess.run(  # noqa: S603 - our own command
            command, cwd=REPOSITORY, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        done = load(path) if path.exists() else BROKE_OFF
    return (done if done.is_whole else BROKE_OFF), ran.stdout.decode(errors="replace")


def why_unreachable(suite: Suite, opener: Opener) -> str | None:
    """Asked before the cases: without an endpoint each would fail with the same words."""
    print(f"Trying {opener.name} ...", file=sys.stderr, flush=True)
    try:
        with opener.open() as target:
            for region in (target.home, target.away):
                suite.ask(target, region)
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: the URL is none
        return f"{opener.name} cannot be used: {str(error)[:LONGEST_REASON]}"
    return None
