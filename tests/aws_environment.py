"""The same empty AWS for every test: no settings of the machine it runs on, credentials that open nothing."""

import os

import pytest

FAKE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


SETTINGS = ("AWS_", "POWERTOOLS_", "LAMBDA_")


def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes where it is so: a thread that reads the environment meanwhile meets a name that goes away."""
    for name in [name for name in os.environ if name.startswith(SETTINGS) and name not in FAKE]:
        monkeypatch.delenv(name)
    for name in [name for name, value in FAKE.items() if os.environ.get(name) != value]:
        monkeypatch.setenv(name, FAKE[name])
