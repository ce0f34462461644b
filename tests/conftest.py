from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import aws_environment
from tests.key_watch import KeyWatch

# A slow machine fails no property
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_users() -> Iterator[None]:
    """Between two tests as well: threads of the one before may still run."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        aws_environment.empty(monkeypatch)
        yield


@pytest.fixture(autouse=True)
def empty_aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    aws_environment.empty(monkeypatch)


@pytest.fixture(scope="session")
def _watching() -> Iterator[KeyWatch]:
    watch = KeyWatch()
    with watch.watching():
        yield watch


@pytest.fixture(autouse=True)
def key_watch(request: pytest.FixtureRequest, _watching: KeyWatch) -> Iterator[KeyWatch]:
    """No line of any test shows a key that passed while it ran."""
    _watching.begin()
    yield _watching
    if request.path.name != "test_key_watch.py":  # where keys are leaked on purpose
        assert not _watching.leaks(), "a key is in the log"
