"""No log level shows a plaintext key in the functions that handle one (findings F12)."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.data_keys import handler as data_keys
from functions.probe import handler as probe
from kms_failover import bootstrap
from kms_failover.adapters.transport_logs import TRANSPORT
from tests.functions.lambdas import Stack, stack
from tests.key_watch import KeyWatch, forms_of

BUILDERS: dict[str, Callable[[Any], object]] = {
    "data-keys": bootstrap.data_keys,
    "probe": bootstrap.probe,
    "rewrap": bootstrap.rewrap_service,
    "reimport": bootstrap.reimport_service,
}


@pytest.fixture
def at_debug(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """As Lambda's runtime does it: the root logger's level, before any code of ours is loaded."""
    loggers = [logging.getLogger(name) for name in TRANSPORT]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch, at_debug: pytest.LogCaptureFixture) -> Iterator[Stack]:  # first
    with stack(monkeypatch) as made:
        yield made


@pytest.mark.parametrize("role", BUILDERS)
def test_a_function_that_handles_plaintext_holds_back_what_the_transport_says(prod: Stack, role: str) -> None:
    BUILDERS[role](prod.context(role))

    assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.DEBUG)
    assert logging.getLogger("kms_failover").isEnabledFor(logging.DEBUG)


def test_a_logger_that_somebody_set_to_debug_is_held_back_too(prod: Stack) -> None:
    named = logging.getLogger("botocore.parsers")
    named.setLevel(logging.DEBUG)

    bootstrap.probe(prod.context("probe"))

    assert not named.isEnabledFor(logging.DEBUG)
    named.setLevel(logging.NOTSET)


def test_data_keys_shows_no_key_at_debug(prod: Stack, at_debug: pytest.LogCaptureFixture) -> None:
    made = data_keys.lambda_handler(
        {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"}, prod.context("data-keys")
    )
    key = base64.b64decode(made["Plaintext"])
    data_keys.lambda_handler(
        {"Operation": "Decrypt", "CiphertextBlob": made["CiphertextBlob"]}, prod.context("data-keys")
    )

    bootstrap.data_keys(prod.context("data-keys"), data_keys.CONFIGURATION)._kms.close()
    assert _lines_with(key, at_debug) == []


def test_the_probe_shows_no_key_at_debug(
    prod: Stack, at_debug: pytest.LogCaptureFixture, key_watch: KeyWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kms_failover.bootstrap.time.sleep", lambda _seconds: None)

    probe.lambda_handler({"rounds": 1}, prod.context("probe"))

    assert key_watch.keys
    assert [line for key in key_watch.keys for line in _lines_with(key, at_debug)] == []


def _lines_with(key: bytes, log: pytest.LogCaptureFixture) -> list[str]:
    logging.getLogger("canary").debug("heard")
    lines = [logging.Formatter().format(record) + json.dumps(vars(record), default=repr) for record in log.records]
    assert any("heard" in line for line in lines)
    return [line for line in lines if any(form in line for form in forms_of(key))]
