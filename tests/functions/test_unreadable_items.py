"""What the functions do about items of the state table that they cannot read: they go on, count them and show them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.runbook.handler import lambda_handler as runbook
from kms_failover.cli_text import text
from kms_failover.errors import UnreadableItemError
from tests.domain.strategies import WEST
from tests.functions.lambdas import Stack, stack


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
