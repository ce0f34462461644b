"""`kms-failover apply`: what it shows, asks and writes."""

import json

import pytest

from kms_failover_command.outcome import EXIT_REFUSED
from tests.command.operator_world import Operator, attended
from tests.domain.strategies import EAST, WEST

NEEDS_OF_A_BUCKET = [
    "  a new bucket must stand in BucketNames of its region's stack, with its EventBridge notifications on:",
    "    nobody hears of its objects otherwise. What is in it already, a backfill finds: kms-failover sweep",
]


def test_a_bucket_where_no_stack_may_be_is_told(operator: Operator) -> None:
    """It is accepted: another command may name that region."""
    operator.writes(operator.orders(buckets=[{"name": "orders-west", "region": WEST}]))

    status = operator.types(str(operator.file), "--region", EAST, "--yes")

    assert (status, operator.err) == (0, "")
    assert operator.out.splitlines()[-5:-1] == [
        *NEEDS_OF_A_BUCKET,
        f"  ! bucket orders-west lies in {WEST}, which no --region names: if no stack is there, nothing in it",
        "    is ever brought under that region's key, and no alarm rings",
    ]


def test_nothing_is_told_of_a_bucket_that_was_there_or_goes(operator: Operator) -> None:
    buckets = [{"name": f"orders-{region}", "region": region} for region in (EAST, WEST)]
    operator.has_applied(operator.orders(buckets=buckets))
    operator.writes(operator.orders(buckets=buckets[:1], failback="automatic"))

    operator.applies("--yes")

    assert "BucketNames" not in operator.out


def test_what_is_new_is_shown_and_written_in_each_region(operator: Operator) -> None:
    operator.writes(operator.orders(buckets=[{"name": "orders-west", "region": WEST}]))

    status = operator.applies("--yes")

    assert (status, operator.err) == (0, "")
    assert operator.out.splitlines() == [
        f"orders: new, in {EAST} and {WEST}",
        f"  + member {operator.keys[EAST]}: {EAST}, AWS_KMS",
        f"  + member {operator.keys[WEST]}: {WEST}, AWS_KMS",
        f"  + order: {EAST} > {WEST}",
        "  + failback: held",
        f"  + bucket orders-west: {WEST}",
        "  a new member key must stand in MemberKeyArns of the stacks in every region as well",
        *NEEDS_OF_A_BUCKET,
        f"applied: orders (in {EAST}, {WEST})",
    ]
    assert operator.in_force(EAST) == operator.in_force(WEST) != {}


def test_what_changes_is_shown_and_what_does_not_is_one_line(operator: Operator) -> None:
    bucket = {"name": "orders-west", "region": WEST}
    payments = operator.orders(name="payments")
    operator.has_applied(operator.orders(buckets=[bucket]), payments, operator.orders(name="archive"))
    rules = {"healthy_after_seconds": 300}
    members = operator.orders()["members"][::-1]
    operator.writes(operator.orders(members=members, failback="automatic", rules=rules), payments)

    status = operator.applies("--yes")

    assert (status, operator.err) == (0, "")
    assert operator.out.splitlines() == [
        f"orders: changes in {EAST} and {WEST}",
        f"  ~ order: {EAST} > {WEST} -> {WEST} > {EAST}",
        "  ~ failback: held -> automatic",
        "  ~ rules.healthy_after_seconds: 600 -> 300",
        f"  - bucket orders-west: {WEST} (its objects are no longer kept openable)",
        f"payments: unchanged in {EAST} and {WEST}",
        f"archive: in force in {EAST} and {WEST} and not in the file: it stays as it is",
        f"applied: orders (in {EAST}, {WEST})",
    ]
    assert set(operator.in_force()) == {"orders", "payments", "archive"}


def test_regions_that_differ_are_shown_each(operator: Operator) -> None:
    operator.writes(operator.orders())
    operator.types(str(operator.file), "--region", EAST, "--yes")

    operator.applies("--yes")

    assert f"orders: unchanged in {EAST}\norders: new, in {WEST}\n" in operator.out
    assert operator.in_force(WEST) == operator.in_force(EAST)


def test_nothing_is_asked_where_nothing_changes(operator: Operator) -> None:
    operator.has_applied(operator.orders())

    assert operator.applies() == 0
    assert f"nothing to apply: it is in force already (in {EAST}, {WEST})" in operator.out


def test_without_a_terminal_nothing_is_written_unless_yes_is_said(operator: Operator) -> None:
    operator.writes(operator.orders())

    assert operator.applies() == EXIT_REFUSED
    assert "add --yes" in operator.err
    assert "orders: new" in operator.out
    assert operator.in_force() == {}


@pytest.mark.parametrize(("typed", "status"), [("yes\n", 0), ("Y\n", 0), ("no\n", EXIT_REFUSED), ("", EXIT_REFUSED)])
def test_who_is_asked_decides(operator: Operator, monkeypatch: pytest.MonkeyPatch, typed: str, status: int) -> None:
    operator.writes(operator.orders())
    attended(monkeypatch, typed)

    assert operator.applies() == status
    assert f"Put this into force in deployment 'kms-failover', {EAST} and {WEST}, and" in operator.err
    assert bool(operator.in_force()) == (status == 0)


def test_json_has_the_difference_and_nothing_else_stands_beside_it(operator: Operator) -> None:
    operator.has_applied(operator.orders())
    operator.writes(operator.orders(failback="automatic"))
    details = [{"field": "failback", "before": "held", "after": "automatic"}]
    changed = {
        "key_set": "orders",
        "kind": "changed",
        "accounts": [],
        "lost": [],
        "regions": [EAST, WEST],
        "details": details,
    }

    operator.applies("--json")
    refused = json.loads(operator.out)
    operator.applies("--json", "--yes")
    applied = json.loads(operator.out)

    assert refused["Difference"] == applied["Difference"] == [changed]
    assert refused["Error"]["Code"] == "NotAsked"
    assert applied["applied"] == ["orders"]
    assert "~ failback: held -> automatic" in operator.err
