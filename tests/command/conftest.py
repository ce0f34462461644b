"""The operator at the keyboard."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from kms_failover_command import terminal
from local.strict_kms import mock_strict_kms
from tests.adapters.tables import create_state_table
from tests.command.operator_world import TABLE, Hook, Operator, new_key
from tests.domain.strategies import EAST, WEST


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: it reads the services' models once."""
    return boto3.Session("testing", "testing", region_name=EAST)


@pytest.fixture
def before_sending(session: boto3.Session) -> Iterator[Hook]:
    """Has a function answer, or cut, each request of `kms.DescribeKey`, say."""
    hooks: list[tuple[str, Callable[..., Any]]] = []

    def hook(operation: str, function: Callable[..., Any]) -> None:
        hooks.append((f"before-send.{operation}", function))
        session.events.register(*hooks[-1])

    yield hook
    for name, function in hooks:
        session.events.unregister(name, function)


@pytest.fixture
def operator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, session: boto3.Session
) -> Iterator[Operator]:
    monkeypatch.setattr(terminal, "NOTICE_SECONDS", 600.0)
    with mock_strict_kms():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)  # moto has just emptied it
        tables = {region: create_state_table(region, TABLE) for region in (EAST, WEST)}
        keys = {region: new_key(region) for region in (EAST, WEST)}
        yield Operator(tmp_path / "key-sets.yaml", capsys, tables, keys)
