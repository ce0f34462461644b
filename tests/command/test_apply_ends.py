"""`kms-failover apply` that ends on the way: what it says is certain."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED
from tests.command.operator_world import Hook, Operator, attended
from tests.domain.strategies import EAST, WEST


def test_two_operators_do_not_overwrite_each_other(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    operator.has_applied(operator.orders())
    theirs = KeySet.model_validate(operator.orders(rules={"healthy_after_seconds": 300}))
    operator.writes(operator.orders(failback="automatic"))
    attended(monkeypatch, "yes\n", lambda: StateTable(operator.tables[WEST], WEST).put_key_set(theirs))

    assert operator.applies() == EXIT_REFUSED
    assert f"kms-failover: somebody else has applied orders in {WEST} since it was shown\n" in operator.err
    assert operator.err.splitlines()[-3:] == [
        f"  written: orders in {EAST}",
        f"  not written: orders in {WEST}",
        "  apply again: it shows what is in force then, and writes only what is lacking",
    ]
    assert operator.in_force(WEST)["orders"] == theirs


def test_what_the_table_has_carried_over_meanwhile_is_no_conflict(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.has_applied(operator.orders())
    operator.writes(operator.orders(failback="automatic"))
    ours = KeySet.model_validate(operator.orders(failback="automatic"))
    attended(monkeypatch, "yes\n", lambda: StateTable(operator.tables[WEST], WEST).put_key_set(ours))

    assert operator.applies() == 0


def test_without_credentials_no_region_can_do_without_another(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    operator.writes(operator.orders())

    assert operator.applies("--yes") == EXIT_FAILED
    assert "Unable to locate credentials. Nothing was written" in operator.err
    assert "the others can be written" not in operator.err


def test_apply_names_the_region_that_cannot_be_read_and_writes_nothing(operator: Operator) -> None:
    operator.tables[EAST].delete()
    operator.writes(operator.orders())

    assert operator.applies("--yes", "--json") == EXIT_FAILED
    assert f"{EAST}: there is no deployment 'kms-failover' in {EAST}, or not" in operator.err
    assert f"Without --region {EAST} the others can be written" in operator.err
    assert json.loads(operator.out)["Error"]["Code"] == "ResourceNotFoundException"
    assert operator.in_force(WEST) == {}


def test_apply_names_the_region_that_failed_and_what_is_written(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.writes(operator.orders(), operator.orders(name="payments"))
    attended(monkeypatch, "yes\n", operator.tables[WEST].delete)

    assert operator.applies() == EXIT_FAILED
    assert f"{WEST}: there is no deployment 'kms-failover' in {WEST}, or not" in operator.err
    assert f"  written: orders in {EAST} and payments in {EAST}\n" in operator.err
    assert f"  not written: orders in {WEST} and payments in {WEST}\n" in operator.err


@pytest.mark.parametrize(
    ("raised", "status"), [(KeyboardInterrupt(), EXIT_INTERRUPTED), (ReadTimeoutError(endpoint_url=WEST), EXIT_FAILED)]
)
def test_of_a_write_without_an_answer_nobody_claims_to_know(
    operator: Operator, before_sending: Hook, raised: BaseException, status: int
) -> None:
    def cut(request: Any, **_: object) -> None:
        if WEST in request.url:
            raise raised

    before_sending("dynamodb.TransactWriteItems", cut)
    operator.writes(operator.orders(), operator.orders(name="payments"))

    assert operator.applies("--yes") == status
    assert f"  written: orders in {EAST} and payments in {EAST}\n" in operator.err
    assert f"  written, or not, nobody knows: orders in {WEST}\n" in operator.err
    assert f"  not written: payments in {WEST}\n" in operator.err


def test_who_gives_up_before_the_writing_is_told_that_nothing_is_written(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up() -> None:
        raise KeyboardInterrupt

    operator.writes(operator.orders())
    attended(monkeypatch, "yes\n", give_up)

    assert operator.applies() == EXIT_INTERRUPTED
    assert operator.err == "kms-failover: interrupted: nothing was written\n"
