"""The reimport handler over the in-memory world: what it answers, logs, measures and raises."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions.reimport import handler
from kms_failover import bootstrap
from kms_failover.errors import EventFormatError, RegionUnavailableError
from tests.domain.key_material.reimport_world import SECRET_BYTES, World, arn, key_set
from tests.functions.test_reimport_deployed import LambdaContext

EVENTS = Path(__file__).parents[2] / "events"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(key_set("orders"), key_set("invoices"))
    monkeypatch.setattr(bootstrap, "reimport_service", lambda _context: world.service)
    return world


def invoke(event: dict[str, Any]) -> list[dict[str, str | None]]:
    context: Any = LambdaContext("arn:aws:lambda:eu-west-1:111122223333:function:prod-reimport")
    return handler.lambda_handler(event, context)


def test_a_schedule_brings_every_key_up_to_date(world: World) -> None:
    answer = invoke({})

    assert [(entry["key_set"], entry["action"]) for entry in answer] == [("orders", "restore"), ("invoices", "restore")]
    of_import = {"key_set", "region", "action", "reason", "key_material_id", "valid_to"}
    assert answer[0].keys() == of_import | {"state", "concern"}


def test_an_operator_renews_one_key_now(world: World) -> None:
    invoke({})

    answer = invoke(json.loads((EVENTS / "reimport-now.json").read_text()))

    assert [(entry["key_set"], entry["action"]) for entry in answer] == [("orders", "renew")]


@pytest.mark.parametrize(
    "name", ["kms-imported-key-material-expiration.json", "cloudtrail-delete-imported-key-material.json"]
)
def test_a_strangers_lost_material_is_logged_and_left_alone(
    world: World, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    answer = invoke(json.loads((EVENTS / name).read_text()))

    assert answer == []
    assert world.keys.imports == []
    assert "no key set has this key" in caplog.text


def test_our_own_lost_material_is_restored_at_once(world: World) -> None:
    invoke({})
    world.expire()
    event = json.loads((EVENTS / "kms-imported-key-material-expiration.json").read_text())

    answer = invoke(event | {"resources": [arn("orders")]})

    assert [(entry["key_set"], entry["action"]) for entry in answer] == [("orders", "restore"), ("invoices", "renew")]


def test_an_orders_failure_is_raised_by_name(world: World) -> None:
    del world.custody.held["material-of-orders"]

    with pytest.raises(ExceptionGroup, match=r"not reimported: orders \(MaterialMissingError"):
        invoke(json.loads((EVENTS / "reimport-now.json").read_text()))


def test_what_waits_for_people_is_told_to_them_and_does_not_fail_the_function(world: World) -> None:
    """A failed function's event waits for two weeks in a queue whose alarm then hides every other one (findings F6)."""
    del world.custody.held["material-of-orders"]

    answer = invoke({})

    assert [entry["concern"] for entry in answer] == ["failing", ""]
    assert len(world.topic.published) == 1
    assert world.keys.imports == [(arn("invoices"), True)]


def test_what_a_repeat_may_mend_fails_the_function_for_a_repeat_or_two(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.keys.keys[arn("orders")].error = RegionUnavailableError("eu-west-1", "ReadTimeoutError")
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="RegionUnavailableError"):
            invoke({})

    invoke({})

    assert "MaterialNotImported" in capsys.readouterr().out


def test_each_import_is_counted_and_no_line_shows_the_material(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    del world.custody.held["material-of-invoices"]
    invoke({})

    metrics = capsys.readouterr().out

    counted = [json.loads(line) for line in metrics.splitlines() if "_aws" in line]
    names = {"MaterialImported", "MaterialNotImported", "MaterialAtRisk", "MaterialLookedAt"}
    assert [(metric["Deployment"], metric.get("KeySet"), *(metric.keys() & names)) for metric in counted] == [
        ("prod", "orders", "MaterialImported"),
        ("prod", "invoices", "MaterialNotImported"),
        ("prod", None, "MaterialAtRisk"),
        ("prod", None, "MaterialLookedAt"),
    ]
    shown = metrics + caplog.text + repr([vars(record) for record in caplog.records])
    assert SECRET_BYTES.decode() not in shown
    assert SECRET_BYTES.hex() not in shown


def test_an_unknown_event_is_an_error_and_touches_nothing(world: World) -> None:
    with pytest.raises(EventFormatError):
        invoke({"detail-type": "KMS CMK Rotation", "source": "aws.kms", "detail": {}})

    assert world.keys.imports == []


def test_a_topic_that_is_away_hides_no_material_at_risk(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    invoke({})
    world.keys.lose()
    world.topic.error = RuntimeError("SNS is away")
    capsys.readouterr()

    with pytest.raises(ExceptionGroup, match="people could not be told"):
        invoke({})

    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [blob["MaterialAtRisk"] for blob in measured if "MaterialAtRisk" in blob] == [[1.0]]


def test_a_topic_that_is_away_fails_no_order(world: World) -> None:
    invoke({})
    world.keys.lose()
    invoke({})
    world.topic.error = RuntimeError("SNS is away")

    answer = invoke({"key_set": "orders", "force": True})

    assert [(entry["key_set"], entry["action"]) for entry in answer] == [("orders", "restore")]
    world.topic.error = None
    invoke({})
    assert [subject.partition(": ")[2] for subject, _ in world.topic.published] == [
        "1 of your keys needs you",
        "kept by the service again",
    ]
