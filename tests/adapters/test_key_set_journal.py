"""Key sets are replaced only in the place of what was seen, and what was replaced is kept where no process reads."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from kms_failover.adapters.key_set_journal import KeySetJournal
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import Failback, KeySet
from kms_failover.errors import WriteConflictError
from tests.adapters.tables import create_state_table
from tests.domain.strategies import EAST, NOON, WEST, key_set

HELD, AUTOMATIC, SHORT = key_set(), key_set(failback=Failback.AUTOMATIC), key_set(EAST)


@pytest.fixture
def journal(table: Any) -> KeySetJournal:
    return KeySetJournal(table, WEST)


def put(journal: KeySetJournal, one: KeySet, hours: float = 0) -> None:
    journal.replace(one, journal.in_force().get(one.name), NOON + timedelta(hours=hours), "ana")


def test_what_was_replaced_is_kept_and_no_process_reads_it(journal: KeySetJournal, table: Any) -> None:
    put(journal, HELD)
    put(journal, AUTOMATIC)

    former = journal.former("orders")

    assert former is not None
    assert (former.key_set, former.replaced_at, former.replaced_by) == (HELD, NOON, "ana")
    assert StateTable(table, WEST).key_sets() == (AUTOMATIC,)


@pytest.mark.parametrize("seen", [None, "the older one"])
def test_what_was_not_seen_is_not_replaced(journal: KeySetJournal, seen: str | None) -> None:
    put(journal, HELD)
    shown = journal.in_force()["orders"] if seen else None
    put(journal, AUTOMATIC)

    with pytest.raises(WriteConflictError):
        journal.replace(SHORT, shown, NOON, "bob")

    assert journal.in_force()["orders"].key_set == AUTOMATIC
    former = journal.former("orders")
    assert former is not None
    assert former.key_set == HELD


def test_the_same_write_twice_is_as_once(journal: KeySetJournal) -> None:
    put(journal, HELD)
    shown = journal.in_force()["orders"]

    for _ in range(2):
        journal.replace(AUTOMATIC, shown, NOON, "ana")

    former = journal.former("orders")
    assert former is not None
    assert former.key_set == HELD


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.lists(st.integers(-48, 48), min_size=2, max_size=5))
def test_whatever_the_operators_clocks_say_the_former_one_is_what_was_replaced_last(hours: list[int]) -> None:
    with mock_aws():
        journal = KeySetJournal(create_state_table(WEST), WEST)
        versions = [HELD, AUTOMATIC, SHORT]
        for number, clock in enumerate(hours):
            put(journal, versions[number % 3], clock)

        former = journal.former("orders")

        assert former is not None
        assert former.key_set == versions[(len(hours) - 2) % 3]


@pytest.mark.parametrize("reason", ["ThrottlingError", "TransactionConflict", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_cancelled_for_another_reason_is_nobodys_conflict(
    journal: KeySetJournal, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(journal, HELD)

    def cancelled(**_: object) -> None:
        answer = {
            "Error": {"Code": "TransactionCanceledException", "Message": f"specific reasons [{reason}, None]"},
            "CancellationReasons": [{"Code": reason}, {"Code": "None"}],
        }
        raise ClientError(answer, "TransactWriteItems")  # type: ignore[arg-type]  # more fields than it declares

    monkeypatch.setattr(journal.client, "transact_write_items", cancelled)
    with pytest.raises(ClientError, match=reason):
        put(journal, AUTOMATIC)

    assert journal.in_force()["orders"].key_set == HELD
