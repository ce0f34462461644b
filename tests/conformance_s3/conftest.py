"""Each case runs against the strict S3, or where `python -m tests.conformance --service s3` says."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import aws_environment
from tests.conformance.behaviour import MARK
from tests.conformance.results import PLUGIN, Recorder

from .buckets import Buckets
from .targets import STRICT_S3, S3Target
from .world import S3World


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(sources, assumed): what a conformance case claims, and who says so")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames and _recorder(metafunc.config) is None:
        parameter = pytest.param(STRICT_S3, id=STRICT_S3.key, marks=[pytest.mark.enable_socket])
        metafunc.parametrize("target", [parameter], indirect=True, scope="session")


def _recorder(config: pytest.Config) -> Recorder | None:
    recorder: Recorder | None = config.pluginmanager.get_plugin(PLUGIN)
    return recorder


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_users() -> None:
    """As below."""


@pytest.fixture(autouse=True)
def empty_aws_environment() -> None:
    """In place of the one for all tests: an account and a given endpoint are reached with the user's own settings."""


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[S3Target]:
    """One endpoint for all modules: its start takes longer than the cases of one."""
    recorder = _recorder(request.config)
    opener = request.param if recorder is None else recorder.opener
    with pytest.MonkeyPatch.context() as monkeypatch, ExitStack() as stack:
        if not opener.is_the_users:
            aws_environment.empty(monkeypatch)
        opened = stack.enter_context(opener.open())
        yield opened
        opened.close()
        if recorder is not None:
            recorder.add(opened.count.keys, opened.count.requests)


@pytest.fixture(scope="module")
def buckets(target: S3Target, request: pytest.FixtureRequest) -> Iterator[Buckets]:
    made = Buckets(target, os.environ.get("CONFORMANCE_RUN", "tests"))
    yield made
    problems = made.clean_up()
    if (recorder := _recorder(request.config)) is not None:
        recorder.problems.extend(problems)


@pytest.fixture
def world(buckets: Buckets) -> S3World:
    return S3World(buckets)
