"""`kms-failover apply --previous`, and what an older or newer version has applied."""

import json
from typing import Any

import pytest

from kms_failover_command.outcome import EXIT_FAILED, EXIT_REFUSED
from tests.command.operator_world import REGIONS, Operator
from tests.domain.strategies import EAST, WEST, arn


def test_the_former_version_comes_back_and_goes_again(operator: Operator) -> None:
    operator.has_applied(operator.orders(), operator.orders(name="payments"))
    operator.has_applied(operator.orders(failback="automatic"))
    previous = ("--previous", "--key-set", "orders", *REGIONS, "--yes", "--author", "bob")

    back = operator.types(*previous), operator.in_force()["orders"].failback.value, operator.out
    again = operator.types(*previous), operator.in_force(EAST)["orders"].failback.value

    assert (back[:2], again) == ((0, "held"), (0, "automatic"))
    assert "  ~ failback: automatic -> held\n" in back[2]
    assert "payments" not in back[2]
    assert "when bob replaced it:" in operator.err


def test_what_was_never_replaced_has_no_former_version(operator: Operator) -> None:
    operator.has_applied(operator.orders())

    assert operator.types("--previous", "--key-set", "orders", *REGIONS, "--yes") == EXIT_REFUSED
    assert f"no former version of key set 'orders' is kept in {EAST} and {WEST}" in operator.err


@pytest.mark.parametrize("body", ["{}", None, json.dumps({"name": "orders", "body": "{}", "replaced_by": "ana"})])
def test_a_former_version_that_cannot_be_read_is_not_said_to_be_missing(operator: Operator, body: str | None) -> None:
    operator.has_applied(operator.orders())
    item = {"pk": "former#orders", "sk": "2026-11-28T12:00:00+00:00\x1b[2J"}
    operator.tables[EAST].put_item(Item=item | ({"body": body} if body else {}))

    status = operator.types("--previous", "--key-set", "orders", *REGIONS, "--yes")

    assert status == EXIT_FAILED
    assert "cannot be read by this version" in operator.err
    assert "no former version" not in operator.err
    assert all(line.isprintable() for line in operator.err.split("\n"))


def test_what_an_older_version_has_applied_is_compared_replaced_and_kept(operator: Operator) -> None:
    """Its items have neither the newest fields nor, from the first days, an epoch."""
    body = json.dumps(operator.orders())
    for table in operator.tables.values():
        table.put_item(Item={"pk": "key-sets", "sk": "orders", "body": body})
    operator.writes(operator.orders())

    unchanged = operator.applies()
    operator.has_applied(operator.orders(failback="automatic"))
    operator.types("--previous", "--key-set", "orders", *REGIONS, "--yes")

    assert unchanged == 0
    assert operator.in_force()["orders"].failback.value == "held"


@pytest.mark.parametrize("item", [{"body": "{}"}, {"body": 5}, {}, {"body": '{"name": "other"}'}])
def test_what_this_version_cannot_read_is_said_to_be_replaced(operator: Operator, item: dict[str, Any]) -> None:
    for table in operator.tables.values():
        table.put_item(Item={"pk": "key-sets", "sk": "orders", **item})
    operator.writes(operator.orders())

    assert operator.applies("--yes") == 0
    assert "this version cannot read it: it is replaced by" in operator.out
    assert set(operator.in_force()) == {"orders"}


def test_a_key_set_in_the_item_of_another_is_none(operator: Operator) -> None:
    for table in operator.tables.values():
        table.put_item(Item={"pk": "key-sets", "sk": "orders", "body": json.dumps(operator.orders(name="payments"))})
    operator.writes(operator.orders())

    assert operator.applies("--yes") == 0
    assert "this version cannot read it: it is replaced by" in operator.out


def test_a_member_of_another_account_is_told_of_before_it_is_asked_for(operator: Operator) -> None:
    foreign = operator.keys[WEST].replace("123456789012", "999999999999")
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": foreign}]))

    operator.applies("--unchecked")

    assert "  ! its members lie in accounts 123456789012 and 999999999999: " in operator.out


def test_a_member_of_an_unreadable_key_set_goes_only_if_it_is_named(operator: Operator) -> None:
    body = json.dumps(operator.orders(failback="scheduled", members=[{"region": WEST, "arn": arn(WEST)}]))
    operator.tables[WEST].put_item(Item={"pk": "key-sets", "sk": "orders", "body": body})
    operator.writes(operator.orders())

    assert operator.applies("--yes") == EXIT_REFUSED
    assert f"--remove-member {arn(WEST)}" in operator.err
