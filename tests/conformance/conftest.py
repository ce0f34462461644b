"""Each case runs against the strict KMS, in process and over HTTP, or where `python -m tests.conformance` says."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests import aws_environment

from .behaviour import MARK
from .results import PLUGIN, Recorder
from .targets import STRICT, Opener, Target
from .world import World


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(sources, assumed): what a conformance case claims, and who says so")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames and _recorder(metafunc.config) is None:
        parameters = [
            pytest.param(one, id=one.key, marks=[pytest.mark.enable_socket] if one.is_remote else []) for one in STRICT
        ]
        metafunc.parametrize("target", parameters, indirect=True, scope="module")


def _recorder(config: pytest.Config) -> Recorder | None:
    recorder: Recorder | None = config.pluginmanager.get_plugin(PLUGIN)
    return recorder


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_users() -> None:
    """As below."""


@pytest.fixture(autouse=True)
def empty_aws_environment() -> None:
    """In place of the one for all tests: an account and a given endpoint are reached with the user's own settings."""


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    recorder = _recorder(request.config)
    opener: Opener = request.param if recorder is None else recorder.opener
    with pytest.MonkeyPatch.context() as monkeypatch, ExitStack() as stack:
        if not opener.is_the_users:
            aws_environment.empty(monkeypatch)
        opened = stack.enter_context(opener.open())
        yield opened
        if recorder is not None and opened.installation is not None:
            recorder.count(opened.installation.calls)


@pytest.fixture(scope="module")
def clients(target: Target) -> Iterator[Callable[[str], Any]]:
    made: dict[str, Any] = {}

    def client(region: str) -> Any:
        if region not in made:
            made[region] = target.connect(region)
        return made[region]

    yield client
    for one in made.values():
        one.close()


@pytest.fixture
def world(target: Target, clients: Callable[[str], Any], request: pytest.FixtureRequest) -> Iterator[World]:
    one = World(target, clients, os.environ.get("CONFORMANCE_RUN", "tests"))
    yield one
    problems = one.clean_up()
    if (recorder := _recorder(request.config)) is not None:
        recorder.problems.extend(problems)
