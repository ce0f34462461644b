import pytest
from hypothesis import HealthCheck, settings

from tests import aws_environment

# A slow machine fails no property
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(autouse=True)
def empty_aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    aws_environment.empty(monkeypatch)
