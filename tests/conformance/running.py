"""Runs the cases against one target, in this process or in one of its own."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .results import PLUGIN, Recorder, Result, load
from .targets import Opener

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
RESULTS = REPOSITORY / "build" / "conformance"


def run(opener: Opener, *, words: str | None = None, silently: bool = False) -> tuple[list[Result], list[str]]:
    """The results, and what could not be cleaned up. Prints a line a case, unless silently."""
    path = RESULTS / f"{opener.key}.json"
    path.unlink(missing_ok=True)
    arguments = [str(HERE), "--force-enable-socket", "-p", "no:cacheprovider"]
    arguments += ["-p", "no:terminal"] if silently else ["-v", "--tb=no", "-r", "N"]
    arguments += ["-k", words] if words else []
    os.environ.setdefault("CONFORMANCE_RUN", uuid.uuid4().hex)
    recorder = Recorder(opener, path)
    pytest.main(arguments, plugins=[_Named(recorder)])
    return (load(path) if path.exists() else []), recorder.problems


class _Named:
    """Registers the recorder under the name by which the fixtures find it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._recorder, PLUGIN)


def run_apart(opener: Opener, *, words: str | None = None) -> list[Result]:
    """In a process of its own: moto and the strict KMS take the same places in a process."""
    path = RESULTS / f"{opener.key}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.conformance", "--only", opener.key]
    command += ["-k", words] if words else []
    print(f"{opener.name} ...", flush=True)
    ran = subprocess.run(  # noqa: S603 - our own command
        command, cwd=REPOSITORY, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(ran.stdout.decode(errors="replace"), flush=True)
    return load(path) if path.exists() else []


def why_unreachable(opener: Opener) -> str | None:
    """Asked before the cases: without an endpoint each would fail with the same words."""
    try:
        with opener.open() as target:
            for region in (target.home, target.away):
                target.connect(region).list_keys(Limit=1)
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: the URL is none
        return f"{opener.name} cannot be used: {error}"
    return None
