"""A deployment "prod" in two regions of moto: its state tables, topics, and the keys of "orders"."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from kms_failover import bootstrap
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet, MemberKey
from local.strict_kms import mock_strict_kms
from tests.adapters.tables import create_state_table
from tests.domain.strategies import EAST, WEST

EVENTS = Path(__file__).parents[2] / "events"
ACCOUNT = "123456789012"  # moto's: that of the keys


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


@dataclass
class Context:
    """As much of Lambda's context as is read, by us and by Powertools."""

    invoked_function_arn: str
    function_name: str = "prod"
    memory_limit_in_mb: int = 256
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"


class Stack:
    """In `here`; `state` reads and writes its table as an operator would."""

    def __init__(self, here: str) -> None:
        self.here = here
        self.state = StateTable(create_state_table(here), here)
        self.kms = {region: boto3.client("kms", region_name=region) for region in (EAST, WEST)}
        self.arns = {region: client.create_key()["KeyMetadata"]["Arn"] for region, client in self.kms.items()}
        self.key_set = KeySet(name="orders", members=tuple(MemberKey(region=r, arn=a) for r, a in self.arns.items()))
        self.state.put_key_set(self.key_set)

    def context(self, role: str) -> Any:
        return Context(f"arn:aws:lambda:{self.here}:{ACCOUNT}:function:prod-{role}")


def forget_warm_environments() -> None:
    for built in vars(bootstrap).values():
        kept: Any = getattr(built, "__wrapped__", None)
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()


@contextmanager
def stack(monkeypatch: pytest.MonkeyPatch, here: str = WEST) -> Iterator[Stack]:
    """Cold starts of every function; nobody is woken, for there is no Lambda in moto without Docker."""
    monkeypatch.setattr(bootstrap, "_waker", lambda *_: lambda: None)
    with mock_strict_kms():
        forget_warm_environments()
        yield Stack(here)
        forget_warm_environments()
