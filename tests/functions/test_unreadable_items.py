"""What the functions do about items of the state table that they cannot read: they go on, count them and show them."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from functions.controller.handler import lambda_handler as controller
from functions.data_keys.handler import lambda_handler as data_keys
from functions.probe.handler import lambda_handler as probe
from functions.reimport.handler import lambda_handler as reimport
from functions.runbook.handler import lambda_handler as runbook
from functions.signals.handler import lambda_handler as signals
from functions.sweep.handler import lambda_handler as sweep
from kms_failover.adapters.once import _as_stored
from kms_failover.cli_text import text
from kms_failover.errors import UnreadableItemError
from tests.domain.strategies import WEST
from tests.functions.lambdas import Stack, event, stack


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        yield made


def spoil(prod: Stack, partition: str, sort_key: str) -> None:
    """An item as another version may have written it."""
    prod.state._items._table.put_item(Item={"pk": partition, "sk": sort_key, "body": '{"a": "newer version"}'})


def status(prod: Stack) -> Any:
    return runbook({"Action": "status", "KeySet": "orders"}, prod.context("runbook"))


def test_status_lists_what_cannot_be_read(prod: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    items = [
        ("key-sets", "invoices"),
        ("intents", "orders#us-east-1"),
        ("ignored#us-west-2", "x"),
        ("debt#orders", f"{WEST}#x"),
    ]
    for item in items:
        spoil(prod, *item)

    answer = status(prod)

    assert {one["Item"] for one in answer["Unreadable"]} == {"/".join(item) for item in items}
    assert "UNREAD   intents/orders#us-east-1: " in text(answer)
    assert '"ItemsUnreadable":[1.0]' in capsys.readouterr().out


def test_nothing_is_listed_where_everything_can_be_read(prod: Stack) -> None:
    answer = status(prod)

    assert answer["Unreadable"] == []
    assert "UNREAD" not in text(answer)


def test_a_debt_that_cannot_be_read_is_owed_and_nobody_says_how_much_is_covered(prod: Stack) -> None:
    spoil(prod, "debt#orders", f"{WEST}#x")

    assert status(prod)["Debt"][WEST] == 1


def test_a_route_that_cannot_be_read_is_unknown_and_not_the_key_sets_own_order(prod: Stack) -> None:
    spoil(prod, "control#us-west-2", "orders")

    answer = status(prod)

    assert (answer["Route"]["Regions"], answer["Judged"], answer["Return"]) == ([], False, "unknown")
    assert "route    UNKNOWN: " in text(answer)


@pytest.mark.parametrize("action", ["status", "hold"])
@pytest.mark.parametrize("item", [("key-sets", "orders"), ("control#us-west-2", "orders")])
def test_an_operator_is_never_told_that_it_is_the_commands_mistake(
    prod: Stack, action: str, item: tuple[str, str]
) -> None:
    spoil(prod, *item)
    order = {"Action": action, "KeySet": "alias/orders", "Reason": "r", "Author": "a"}

    try:
        answer = runbook(order, prod.context("runbook"))
    except UnreadableItemError as error:
        answer = {"raised": str(error)}

    assert "Error" not in answer
    assert "/".join(item) in json.dumps(answer)


def spoil_every_partition(prod: Stack) -> None:
    now = datetime.now(UTC).isoformat()
    names = {f"{kind}#{WEST}": now for kind in ("observations", "reports", "signals", "ignored")}
    names |= {"key-sets": "invoices", f"control#{WEST}": "invoices", "intents": "invoices#us-west-2"}
    names |= {
        "debt#orders": f"{WEST}#in#bucket#1",
        "refusal#orders": "in#bucket#1",
        f"history#{WEST}#orders": "0000000009",
    }
    for partition, sort_key in names.items():
        spoil(prod, partition, sort_key)


READERS: dict[str, tuple[Any, Any]] = {
    "controller": (controller, {}),
    "probe": (probe, {"key_sets": ["orders"]}),
    "sweep": (sweep, {}),
    "reimport": (reimport, {}),
    "signals": (signals, "drill-region-impaired"),
    "runbook": (runbook, {"Action": "status", "KeySet": "orders"}),
    "data-keys": (data_keys, {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"}),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_function_goes_on_beside_items_that_it_cannot_read(
    prod: Stack, reader: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    boto3.client("sqs", region_name=WEST).create_queue(QueueName="prod-rewrap")
    spoil_every_partition(prod)
    handler, given = READERS[reader]
    context = prod.context(reader)
    context.get_remaining_time_in_millis = lambda: 30_000

    with caplog.at_level(logging.ERROR):
        answer = handler(event(given) if isinstance(given, str) else given, context)

    assert "Error" not in answer
    assert "key-sets/invoices" in caplog.text
    assert ("ItemsUnreadable" in capsys.readouterr().out) == (reader != "data-keys")  # the library measures nothing


def test_a_record_of_another_version_is_of_an_event_that_was_taken() -> None:
    assert _as_stored({"observations": 2, "later": 1}).observations == 2
    assert _as_stored({"observations": "many"}).ignored is None
