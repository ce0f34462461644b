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


def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "POWERTOOLS_", "LAMBDA_"))]:
        monkeypatch.delenv(name)
    for name, value in FAKE.items():
        monkeypatch.setenv(name, value)
