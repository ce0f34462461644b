"""What the functions do about items of the state table that they cannot read: they go on, count them and show them."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from functions.controller.handler import lambda_handler as controller
from functions.data_keys.handler import lambda_handler as data_keys
from functions.probe.handler import lambda_handler as probe
from functions.reimport.handler import lambda_handler as reimport
from functions.rewrap.handler import lambda_handler as rewrap
from functions.runbook.handler import lambda_handler as runbook
from functions.signals.handler import lambda_handler as signals
from functions.sweep.handler import lambda_handler as sweep
from kms_failover.adapters.idempotent_signals import _as_stored
from kms_failover.adapters.map_runs import StepFunctionsMapRuns
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.model import Model
from kms_failover.domain.objects.backfill import Phase, RunCounts
from kms_failover.domain.objects.debt import Debt, Refusal, debt_id, refusal_id
from kms_failover.domain.routing.intent import Intent
from kms_failover.errors import CommandRefusedError
from kms_failover_command.answer_text import text
from tests.adapters.stored_models import spoiled_items
from tests.domain.strategies import EAST, WEST
from tests.functions.buckets import BUCKET, Objects
from tests.functions.lambdas import Stack, event, stack
from tests.functions.test_rewrap import queued


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


UNREADABLE = [("key-sets", "orders"), ("control#us-west-2", "orders")]


@pytest.mark.parametrize("item", UNREADABLE)
def test_an_order_that_an_unreadable_item_forbids_is_refused_with_what_to_do(
    prod: Stack, item: tuple[str, str]
) -> None:
    spoil(prod, *item)
    order = {"Action": "hold", "KeySet": "alias/orders", "Reason": "r", "Author": "a"}

    answer = runbook(order | {"FailIfRefused": False}, prod.context("runbook"))
    with pytest.raises(CommandRefusedError, match=r"^ItemUnreadable: .*deploy the version that wrote it"):
        runbook(order, prod.context("runbook"))

    assert answer["Error"]["Code"] == "ItemUnreadable"
    assert f"{'/'.join(item)} cannot be read by this version" in answer["Error"]["Message"]
    assert prod.state.intents("orders") == ()


def test_a_status_of_a_key_set_that_cannot_be_read_says_so(prod: Stack) -> None:
    spoil(prod, *UNREADABLE[0])

    with pytest.raises(CommandRefusedError, match=r"^ItemUnreadable: .*key-sets/orders"):
        status(prod)


def test_an_order_that_was_written_is_answered_as_given_although_the_route_cannot_be_read_any_more(
    prod: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = StateTable.put_intent

    def spoiled_meanwhile(state: StateTable, key_set: str, intent: Intent) -> None:
        put(state, key_set, intent)
        spoil(prod, *UNREADABLE[1])

    monkeypatch.setattr(StateTable, "put_intent", spoiled_meanwhile)
    answer = runbook({"Action": "hold", "KeySet": "orders", "Reason": "r", "Author": "a"}, prod.context("runbook"))

    assert answer["Intent"]["mode"] == "hold"
    assert answer["Warning"].startswith("the order is given; ")
    assert len(prod.state.intents("orders")) == 1


KEY = "order-1"
EXECUTION = "arn:aws:states:us-west-2:123456789012:execution:prod-backfill:1"


def spoil_every_partition(prod: Stack) -> None:
    """Beside the items of the key set and its objects, and in the place of one object's own."""
    now = datetime.now(UTC).isoformat()
    names = [(f"{kind}#{WEST}", now) for kind in ("observations", "reports", "signals", "ignored")]
    names += [("key-sets", "invoices"), (f"control#{WEST}", "invoices"), ("intents", "invoices#us-west-2")]
    names += [
        ("former#invoices", now),
        ("key-set#orders", f"material#{WEST}"),
        ("key-set#orders", f"loss#{WEST}#deleted"),
    ]
    names += [("debt#orders", debt_id(region, BUCKET, KEY)) for region in (EAST, WEST)]
    names += [("debt#orders", f"{WEST}#in#{BUCKET}#1"), ("refusal#orders", f"in#{BUCKET}#1")]
    names += [("refusal#orders", refusal_id(BUCKET, KEY)), ("backfill#orders", "another#ended")]
    names += [(f"{kind}#{WEST}#orders", "0000000009") for kind in ("history", "news")]
    for partition, sort_key in names:
        spoil(prod, partition, sort_key)


def from_queue(keys: Sequence[str]) -> dict[str, Any]:
    return queued(*(json.dumps({"bucket": BUCKET, "key": key}) for key in keys))


def invoked(keys: Sequence[str]) -> dict[str, Any]:
    """As a step of the backfill invokes it."""
    return {"Items": [{"key": key} for key in keys], "BatchInput": {"bucket": BUCKET}}


READERS: dict[str, tuple[Any, Any]] = {
    "controller": (controller, {}),
    "probe": (probe, {"key_sets": ["orders"]}),
    "sweep": (sweep, {}),
    "reimport": (reimport, {}),
    "signals": (signals, "drill-region-impaired"),
    "runbook": (runbook, {"Action": "status", "KeySet": "orders"}),
    "data-keys": (data_keys, {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"}),
    "rewrap: batch from SQS": (rewrap, from_queue([KEY])),
    "rewrap: invoked batch": (rewrap, invoked([KEY])),
    "sweep: backfill begun": (sweep, {"Backfill": "begun", "bucket": BUCKET, "execution": EXECUTION}),
    "sweep: backfill ended": (sweep, {"Backfill": "ended", "bucket": BUCKET, "execution": EXECUTION}),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_function_goes_on_beside_items_that_it_cannot_read(
    prod: Stack,
    reader: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StepFunctionsMapRuns, "counted", lambda *_: RunCounts(1, 1))
    boto3.client("sqs", region_name=WEST).create_queue(QueueName="prod-rewrap")
    Objects(prod).put(KEY)
    spoil_every_partition(prod)
    handler, given = READERS[reader]
    context = prod.context(reader.partition(":")[0])
    context.get_remaining_time_in_millis = lambda: 30_000

    with caplog.at_level(logging.ERROR):
        answer = handler(event(given) if isinstance(given, str) else given, context)

    assert "Error" not in answer
    assert "key-sets/invoices" in caplog.text
    assert ("ItemsUnreadable" in capsys.readouterr().out) == (reader != "data-keys")  # the library measures nothing


def test_a_record_of_another_version_is_of_an_event_that_was_taken() -> None:
    assert _as_stored({"observations": 2, "later": 1}).observations == 2
    assert _as_stored({"observations": "many"}).ignored is None


@pytest.mark.parametrize(("kind", "batch"), [(Debt, from_queue), (Refusal, invoked)])
def test_a_look_at_an_object_clears_the_objects_own_item_whatever_that_says(
    prod: Stack, kind: type[Model], batch: Callable[[Sequence[str]], dict[str, Any]]
) -> None:
    """Nothing is owed of these objects. An item that no look could clear would be owed for ever."""
    spoiled = {wrong: item for wrong, item in spoiled_items(kind).items() if wrong != "named at length"}  # no object's
    keys = [f"p{number}" for number in range(1, len(spoiled) + 1)]
    Objects(prod).put(*keys, region=WEST)
    for item in spoiled.values():
        prod.state._items._table.put_item(Item=item)

    answer = rewrap(batch(keys), prod.context("rewrap"))

    partitions = {item["pk"] for item in spoiled.values()}
    left = {item["sk"] for partition in partitions for item in prod.state._items.query(partition)}
    assert answer.get("batchItemFailures", []) == []
    assert {wrong for wrong, item in spoiled.items() if item["sk"] in left} == set()


@pytest.mark.parametrize("batch", [from_queue, invoked])
def test_rewrap_brings_objects_home_although_the_route_and_another_key_set_cannot_be_read(
    prod: Stack, batch: Callable[[Sequence[str]], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    objects = Objects(prod)
    objects.put(KEY)
    spoil(prod, "key-sets", "invoices")
    spoil(prod, f"control#{WEST}", "orders")

    answer = rewrap(batch([KEY]), prod.context("rewrap"))

    assert answer.get("batchItemFailures", []) == []
    assert objects.opens_here(KEY)
    assert '"ItemsUnreadable":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("phase", Phase)
def test_a_backfill_of_which_a_record_cannot_be_read_proves_nothing(
    prod: Stack, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StepFunctionsMapRuns, "counted", lambda *_: RunCounts(1, 1))
    Objects(prod)
    answers = []
    for each in Phase:
        step = {"Backfill": each.value, "bucket": BUCKET, "execution": EXECUTION}
        answers.append(sweep(step, prod.context("sweep"))["complete"])
        if each is phase:
            spoil(prod, "backfill#orders", f"{BUCKET}#{phase}")

    covered = status(prod)["Coverage"][BUCKET]

    assert answers == [False, phase is Phase.ENDED]
    assert (covered["Share"], covered["Unknown"][:11]) == (None, "no backfill")
