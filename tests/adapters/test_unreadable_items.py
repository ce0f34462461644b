"""An item that this version cannot read stops nobody else, and what was last readable stays."""

import json
import logging
from decimal import Decimal
from typing import Any

import pytest

from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.state_table import observations as stored_observations
from kms_failover.adapters.state_table.unreadable import UnreadableLog
from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.readiness import News
from kms_failover.errors import UnreadableItemError, WriteConflictError
from tests.adapters.stored_examples import route
from tests.adapters.unreadable_world import NO_BODY, Break, World, has, lacks, says
from tests.domain.strategies import EAST, NOON, WEST, arn, health, judgement, key_set, observation


@pytest.fixture
def world(module_table: Any) -> World:
    return World(module_table)


# Judgements


def test_of_a_judgement_that_cannot_be_read_the_route_stays(world: World) -> None:
    moved = route(3, WEST, EAST)
    world.state.put_judgement(judgement(moved, health(EAST, Verdict.IMPAIRED), health(WEST)))
    world.spoil("control#us-west-2", "orders", says(version="?"))

    found = world.state.judgement("orders")

    assert found is not None
    assert (found.route, found.verdicts, found.rescued) == (moved, (health(EAST, Verdict.IMPAIRED), health(WEST)), True)
    assert world.state.judgements() == {"orders": found}
    assert world.items_told == {"control#us-west-2/orders"}


def test_of_verdicts_each_that_can_be_read_stays(world: World) -> None:
    world.state.put_judgement(judgement(route(), health(EAST), health(WEST)))
    body = json.loads(judgement(route(), health(EAST), health(WEST)).model_dump_json())
    body["verdicts"][0]["verdict"] = "limping"
    world.spoil("control#us-west-2", "orders", has(body=json.dumps(body)))

    found = world.state.judgement("orders")

    assert found is not None
    assert found.verdicts == (health(WEST),)


def test_news_that_wait_to_be_told_stay_and_are_counted_on(world: World) -> None:
    said = {"key_set": "orders", "observer": WEST, "region": EAST, "regions": (EAST, WEST), "at": NOON, "reason": "r"}
    known, unknown = (News.model_validate(said | {"number": n, "kind": "lost"}) for n in (7, 8))
    found = judgement(route()).but(news=(known, unknown), news_count=8)
    world.state.put_judgement(found)
    body = json.loads(found.model_dump_json())
    body["news"][1]["kind"] = "limping"
    body["news_count"] = "many"
    for news in (known, unknown):
        world.state.add_news(news)
    world.spoil("control#us-west-2", "orders", has(body=json.dumps(body)))

    rescued = world.state.judgement("orders")

    assert rescued is not None
    assert (rescued.news, rescued.news_count) == ((known,), 8)


@pytest.mark.parametrize("spoiled", [says(route={"regions": []}), *NO_BODY])
def test_of_a_judgement_without_a_route_the_histories_last_one_stays(world: World, spoiled: Break) -> None:
    world.state.put_judgement(judgement(route(3, WEST, EAST)))
    for entry in (route(2, EAST, WEST), route(3, WEST, EAST), route(4, EAST, WEST)):
        world.state.add_history(entry)
    world.spoil("history#us-west-2#orders", f"{4:010d}", lacks("body"))
    world.spoil("control#us-west-2", "orders", spoiled)

    assert world.state.route("orders") == route(3, WEST, EAST)


def test_a_judgement_of_which_no_route_is_left_is_never_begun_anew(world: World) -> None:
    world.state.put_judgement(judgement(route(3, WEST, EAST)))
    for spoiled in (lacks("body"), lambda item: lacks("epoch")(lacks("body")(item))):
        world.spoil("control#us-west-2", "orders", spoiled)

        with pytest.raises(UnreadableItemError, match="control#us-west-2/orders"):
            world.state.judgement("orders")
        with pytest.raises(WriteConflictError):
            world.state.put_judgement(judgement(route(), version=0))

    assert world.state.judgements() == {}


@pytest.mark.parametrize("spoiled", [lacks("epoch"), has(epoch="7"), has(epoch=-1), has(epoch=Decimal("1e30"))])
@pytest.mark.parametrize("body", [says(version=5), says(version="?")])
def test_a_judgement_without_an_epoch_can_be_written_over_once(world: World, body: Break, spoiled: Break) -> None:
    world.state.put_judgement(judgement(route(3, WEST, EAST)))
    world.spoil("control#us-west-2", "orders", lambda item: spoiled(body(item)))
    found = world.state.judgement("orders")
    assert found is not None
    after = found.but(version=found.version + 1)

    world.state.put_judgement(after)

    with pytest.raises(WriteConflictError):
        world.state.put_judgement(after)
    assert world.state.route("orders") == route(3, WEST, EAST)


@pytest.mark.parametrize("epoch", [9, Decimal("9.5")])
def test_the_epoch_says_what_is_written_over_whatever_the_body_says(world: World, epoch: Any) -> None:
    world.state.put_judgement(judgement(route()))
    world.spoil("control#us-west-2", "orders", has(epoch=epoch))
    found = world.state.judgement("orders")
    assert found is not None

    world.state.put_judgement(found.but(version=found.version + 1))

    assert found.version == 9


# Orders


@pytest.mark.parametrize("spoiled", [lacks("epoch"), has(epoch="x"), has(epoch=-1)])
def test_an_order_without_an_epoch_holds_until_the_next_one(world: World, spoiled: Break) -> None:
    world.state.put_intent("orders", Intent(epoch=7, written_in=WEST, mode=Mode.FORCE, region=EAST))
    world.spoil("intents", "orders#us-west-2", spoiled)
    world.spoil("intents", "orders#us-west-2", lacks("body"))
    StateTable(world.table, EAST).put_intent("orders", Intent(epoch=9, written_in=EAST))

    found = max(world.state.intents("orders"), key=lambda intent: intent.order)
    world.state.put_intent("orders", Intent(epoch=10, written_in=WEST))

    assert (found.mode, found.epoch) == (Mode.HOLD, 9)
    assert max(world.state.all_intents()["orders"], key=lambda intent: intent.order).epoch == 10


@pytest.mark.parametrize("name", ["mode", "region", "epoch"])
def test_an_order_of_which_a_part_is_lacking_is_no_other_order(world: World, name: str) -> None:
    world.state.put_intent("orders", Intent(epoch=7, written_in=WEST, mode=Mode.FORCE, region=WEST))
    world.spoil(
        "intents",
        "orders#us-west-2",
        lambda item: item | {"body": json.dumps({k: v for k, v in json.loads(item["body"]).items() if k != name})},
    )

    (found,) = world.state.intents("orders")

    assert (found.mode, found.epoch) == (Mode.HOLD, 7)


# Observations


@pytest.mark.parametrize(
    "spoiled", [says(source="x-ray"), says(observer=EAST), says(at="2030-01-01T00:00:00Z"), *NO_BODY]
)
def test_an_observation_that_cannot_be_read_or_is_not_its_writers_own_is_left_out(world: World, spoiled: Break) -> None:
    good, bad = (observation(second, Outcome.REGION_FAULT, Source.DATA_PLANE) for second in (0, 1))
    for one in (good, bad):
        world.state.add_observation(one)
    sort_key = world.table.scan()["Items"][1]["sk"]
    world.spoil("reports#us-west-2", sort_key, spoiled)

    assert world.state.observations(NOON) == (good,)
    assert world.state.reports(NOON) == (good,)
    assert world.items_told == {f"reports#us-west-2/{sort_key}"}


class LargePages:
    """The table, one item a page, as where each has 400 KB."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.pages = 0

    def query(self, **request: Any) -> Any:
        self.pages += 1
        return self._table.query(**request | {"Limit": 1})


def test_of_large_items_no_more_is_read_than_a_run_can_take(world: World) -> None:
    for second in range(10):
        world.state.add_observation(observation(second, Outcome.REGION_FAULT, Source.DATA_PLANE))
    large: Any = LargePages(world.table)

    seen = StateTable(large, WEST, world.told.extend).reports(NOON)

    assert len(seen) == large.pages == stored_observations.MAX_OBSERVATION_PAGES
    assert world.items_told == {"reports#us-west-2"}


# Ledger and material


def test_debts_and_refusals_that_cannot_be_read_are_left_out(world: World) -> None:
    for key in ("a", "b"):
        world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key=key, since=NOON))
        world.state.put_refusal(Refusal(key_set="orders", bucket="b", key=key, since=NOON, reason="r"))
    for item in world.table.scan()["Items"]:
        if json.loads(item["body"]).get("key") != "a":
            world.table.put_item(Item=lacks("body")(item))

    assert [debt.key for debt in world.state.debts("orders")] == ["a"]
    assert [refusal.key for refusal in world.state.refusals("orders")] == ["a"]
    assert len(world.told) == 2
    assert world.state.owed("orders", EAST, 9) == 2


def test_a_material_record_that_cannot_be_read_is_told_and_never_taken_for_none(world: World) -> None:
    world.state.put_material(MaterialRecord(key_set="orders", region=EAST, key_arn=arn(EAST)))
    world.spoil("key-set#orders", f"material#{EAST}", lacks("body"))

    with pytest.raises(UnreadableItemError, match=f"key-set#orders/material#{EAST}"):
        world.state.material("orders", EAST)

    assert [error.item for error in world.told] == [f"key-set#orders/material#{EAST}"]


def test_a_loss_that_cannot_be_read_is_told_and_never_taken_for_none(world: World) -> None:
    loss = MaterialLoss(key_set="orders", region=EAST, key_arn=arn(EAST), kind=LossKind.DELETED, at=NOON)
    world.state.put_loss(loss)
    world.spoil("key-set#orders", f"loss#{EAST}#deleted", lacks("body"))

    with pytest.raises(UnreadableItemError, match=f"key-set#orders/loss#{EAST}#deleted"):
        world.state.losses("orders", EAST)

    assert [error.item for error in world.told] == [f"key-set#orders/loss#{EAST}#deleted"]


def test_a_debt_that_cannot_be_read_is_written_anew(world: World) -> None:
    debt = Debt(key_set="orders", owed_to=EAST, bucket="b", key="k", since=NOON)
    world.state.put_debt(debt)
    world.spoil("debt#orders", debt.id, lacks("body"))

    world.state.put_debt(debt)

    assert list(world.state.debts("orders")) == [debt]


# What is told


def test_what_is_met_is_noticed_while_it_is_asked_for(world: World) -> None:
    world.state.put_key_set(key_set())
    world.spoil("key-sets", "orders", lacks("body"))
    world.state.key_sets()

    with world.state.noticing() as noticed:
        world.state.key_sets()
    world.state.key_sets()

    assert [error.item for error in noticed] == ["key-sets/orders"]
    assert len(world.told) == 3


def test_each_item_is_logged_once_and_never_what_it_says(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.state.put_key_set(key_set())
    world.spoil("key-sets", "orders", says(failback="SECRET", name=["SECRET"], members="SECRET"))
    state = StateTable(world.table, WEST)

    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            state.key_sets()

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "key-sets/orders" in caplog.text
    assert "SECRET" not in caplog.text + str(state.unknown_key_sets)


def test_a_log_of_many_items_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    log = UnreadableLog()

    for run in range(4):
        log([UnreadableItemError("reports#us-west-2", f"{run} {number}", "r") for number in range(700)])

    assert len(log._logged) <= 1000
    assert max(len(record.getMessage()) for record in caplog.records) < 1000
