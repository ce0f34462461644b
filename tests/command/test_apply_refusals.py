"""`kms-failover apply`: what it refuses, and what it takes all the same."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover_command.outcome import EXIT_REFUSED
from tests.command.operator_world import REGIONS, Hook, Operator, denied, external, new_key, silent
from tests.domain.strategies import EAST, WEST, arn


def test_a_key_that_kms_does_not_know_is_refused(operator: Operator) -> None:
    missing = arn(WEST, "11111111-2222-3333-4444-555555555555").replace("111122223333", "123456789012")
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": missing}]))

    assert operator.applies("--yes", "--unchecked") == EXIT_REFUSED
    assert f"KMS in {WEST} knows no key {missing}" in operator.err
    assert operator.in_force() == {}


def test_a_key_that_is_not_what_the_file_says_is_refused(operator: Operator) -> None:
    external = new_key(WEST, Origin="EXTERNAL")
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": external}]))

    assert operator.applies("--yes") == EXIT_REFUSED
    assert f"{external} has origin EXTERNAL, and the key set says AWS_KMS" in operator.err


def test_an_external_key_that_waits_for_its_first_material_is_taken(operator: Operator) -> None:
    members = [{"region": r, "arn": new_key(r, Origin="EXTERNAL"), "origin": "EXTERNAL"} for r in (EAST, WEST)]
    operator.writes(operator.orders(members=members, material={"secret": "kms-failover/orders"}))

    assert operator.applies("--yes") == 0


def test_a_disabled_key_is_refused_as_new_and_told_where_it_is_in_force(operator: Operator) -> None:
    boto3.client("kms", region_name=WEST).disable_key(KeyId=operator.keys[WEST])
    operator.writes(operator.orders())

    refused = operator.applies("--yes"), operator.err
    boto3.client("kms", region_name=WEST).enable_key(KeyId=operator.keys[WEST])
    operator.has_applied(operator.orders())
    boto3.client("kms", region_name=WEST).disable_key(KeyId=operator.keys[WEST])
    operator.writes(operator.orders(failback="automatic"))

    assert refused[0] == EXIT_REFUSED
    assert f"{operator.keys[WEST]} is Disabled: it makes and opens nothing" in refused[1]
    assert operator.applies("--yes") == 0
    assert f"WARNING: {operator.keys[WEST]} is Disabled: it makes and opens nothing; it is in force already" in (
        operator.out
    )


@pytest.mark.parametrize(
    ("answer", "told"), [(denied, r"AccessDeniedException: "), (silent, "ReadTimeoutError: Read timeout on endpoint")]
)
def test_a_key_that_could_not_be_looked_at_is_never_passed_over_in_silence(
    operator: Operator, before_sending: Hook, answer: Callable[..., Any], told: str
) -> None:
    before_sending("kms.DescribeKey", answer)
    operator.writes(operator.orders())

    refused = operator.applies("--yes"), operator.err
    unchecked = operator.applies("--yes", "--unchecked")

    assert refused[0] == EXIT_REFUSED
    assert f"{operator.keys[WEST]} could not be looked at: {told}" in refused[1]
    assert "--unchecked" in refused[1]
    assert all(line.isprintable() for line in refused[1].split("\n"))
    assert unchecked == 0
    assert f"NOT LOOKED AT: {operator.keys[WEST]} could not be looked at: {told}" in operator.out


def test_in_an_outage_a_change_that_brings_no_key_needs_no_look_at_one(
    operator: Operator, before_sending: Hook
) -> None:
    operator.has_applied(operator.orders())
    before_sending("kms.DescribeKey", silent)
    operator.writes(operator.orders(failback="automatic"))

    assert operator.applies("--yes") == 0
    assert "WARNING: " in operator.out


def test_a_member_goes_only_if_it_is_named(operator: Operator) -> None:
    operator.has_applied(operator.orders())
    new = new_key(WEST)
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": new}]))
    flag = f"--remove-member {operator.keys[WEST]}"

    refused = operator.applies("--yes"), operator.said
    done = operator.applies("--yes", *flag.split())

    assert refused[0] == EXIT_REFUSED
    assert f"  ! {operator.keys[WEST]} GOES: " in refused[1]
    assert f"if no bundle and no object needs it any more, add {flag}" in refused[1]
    assert done == 0
    assert f"  - member {operator.keys[WEST]}: {WEST}, AWS_KMS" in operator.out
    assert operator.in_force()["orders"].members[1].arn == new


@pytest.mark.parametrize("named", [arn(EAST, "another"), EAST], ids=["an ARN", "a region"])
def test_a_member_to_remove_that_is_none_is_refused_with_those_that_are_there(operator: Operator, named: str) -> None:
    operator.has_applied(operator.orders())
    operator.writes(operator.orders(failback="automatic"))

    assert operator.applies("--yes", "--remove-member", named) == EXIT_REFUSED
    assert f"--remove-member {named}: no such member is in force" in operator.err
    assert f"there are {operator.keys[EAST]} and {operator.keys[WEST]}" in operator.err
    assert operator.in_force()["orders"].failback == "held"


def test_a_member_to_remove_that_stays_is_refused_also_where_nothing_changes(operator: Operator) -> None:
    payments = operator.orders(name="payments", members=[{"region": WEST, "arn": new_key(WEST)}])
    operator.has_applied(operator.orders(), payments)
    operator.writes(operator.orders())
    stays, elsewhere = operator.keys[EAST], payments["members"][0]["arn"]

    assert operator.applies("--yes", "--remove-member", stays, "--remove-member", elsewhere) == EXIT_REFUSED
    assert f"--remove-member {stays}: it does not go, for key set 'orders' still names it" in operator.err
    assert f"--remove-member {elsewhere}: it does not go, for key set 'payments' is not among those" in operator.err
    assert "nothing was written" in operator.err


def test_a_bucket_of_a_key_set_that_is_in_force_and_not_in_the_file_is_refused(operator: Operator) -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    operator.has_applied(operator.orders(buckets=buckets))
    operator.writes(operator.orders(name="payments", buckets=buckets))

    assert operator.applies("--yes") == EXIT_REFUSED
    assert "bucket 'orders-west' belongs to key set 'orders' already" in operator.err
    assert set(operator.in_force()) == {"orders"}


def test_a_bucket_may_move_from_one_key_set_to_another_in_one_file(operator: Operator) -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    operator.has_applied(operator.orders(buckets=buckets))
    operator.writes(operator.orders(), operator.orders(name="payments", buckets=buckets))

    assert operator.applies("--yes") == 0


def test_a_file_that_is_wrong_reaches_nobody(operator: Operator) -> None:
    operator.writes(operator.orders(failback="now"))

    assert operator.types(str(operator.file), "--check") == EXIT_REFUSED
    assert f"{operator.file}:1: key_sets.0.failback: " in operator.err


@pytest.mark.parametrize("flags", [["--check"], [*REGIONS, "--yes"]], ids=["check", "apply"])
def test_a_secret_that_the_service_may_not_read_is_refused(operator: Operator, flags: list[str]) -> None:
    operator.writes(operator.orders(members=external(operator), material={"secret": "prod/orders"}))

    refused = operator.types(str(operator.file), *flags), operator.err
    of_prod = operator.types(str(operator.file), "--check", "--deployment", "prod")

    assert refused[0] == EXIT_REFUSED
    assert "the secret 'prod/orders' does not begin with 'kms-failover/'" in refused[1]
    assert "--deployment" in refused[1]
    assert of_prod == 0
    assert operator.in_force() == {}


def test_a_secret_that_is_in_force_already_stops_no_change_beside_it(operator: Operator) -> None:
    orders = operator.orders(members=external(operator), material={"secret": "elsewhere"})
    for region in (EAST, WEST):
        StateTable(operator.tables[region], region).put_key_set(KeySet.model_validate(orders))
    operator.writes(orders | {"failback": "automatic"})

    assert operator.applies("--yes") == 0
