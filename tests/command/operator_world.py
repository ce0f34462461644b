"""An operator with a file, two regions' tables and the strict KMS."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover_command import apply
from kms_failover_command.main import main
from tests.domain.strategies import EAST, WEST

TABLE = "kms-failover-state"


REGIONS = ["--region", EAST, "--region", WEST]


def new_key(region: str, **settings: Any) -> str:
    return str(boto3.client("kms", region_name=region).create_key(**settings)["KeyMetadata"]["Arn"])


@dataclass
class Operator:
    """At a keyboard, with a file; `said` is what the command has shown, `answers` what is typed when it asks."""

    file: Path
    capsys: pytest.CaptureFixture[str]
    tables: dict[str, Any]
    keys: dict[str, str]
    out: str = ""
    err: str = ""
    questions: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return self.out + self.err

    def orders(self, **changes: Any) -> dict[str, Any]:
        members = [{"region": region, "arn": self.keys[region]} for region in (EAST, WEST)]
        return {"name": "orders", "members": members, **changes}

    def writes(self, *key_sets: dict[str, Any]) -> None:
        self.file.write_text(json.dumps({"key_sets": key_sets}), "utf-8")

    def types(self, *arguments: str) -> int:
        status = main(["apply", *arguments])
        self.out, self.err = self.capsys.readouterr()
        return status

    def applies(self, *flags: str) -> int:
        return self.types(str(self.file), *REGIONS, *flags)

    def has_applied(self, *key_sets: dict[str, Any]) -> None:
        self.writes(*key_sets)
        assert self.applies("--yes", "--author", "ana") == 0, self.err

    def in_force(self, region: str = WEST) -> dict[str, KeySet]:
        return {one.name: one for one in StateTable(self.tables[region], region).key_sets()}


type Hook = Callable[[str, Callable[..., Any]], None]


def attended(monkeypatch: pytest.MonkeyPatch, typed: str, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Somebody reads the question; `meanwhile` happens before the answer."""

    def is_attended() -> bool:
        meanwhile()
        return True

    monkeypatch.setattr(apply, "is_attended", is_attended)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))


def denied(request: Any, **_: object) -> AWSResponse:
    body = json.dumps({"__type": "AccessDeniedException", "message": "not\x1b[2J\nyou"}).encode()
    raw = io.BytesIO(body)
    raw.stream = lambda *_args, **_kwargs: iter([body])  # type: ignore[attr-defined]  # as urllib3's has
    return AWSResponse(request.url, 400, {}, raw)  # type: ignore[arg-type]  # its own mapping, or any


def silent(request: Any, **_: object) -> None:
    if WEST in request.url:
        raise ReadTimeoutError(endpoint_url=request.url)


def external(operator: Operator) -> list[dict[str, str]]:
    return [{"region": r, "arn": new_key(r, Origin="EXTERNAL"), "origin": "EXTERNAL"} for r in (EAST, WEST)]
