"""The command: what each one asks the runbook function, and the lines that an operator reads first."""

from datetime import timedelta
from typing import Any

import pytest

from kms_failover.cli import _parser, _payload, _text
from kms_failover.domain.debt import Debt
from kms_failover.domain.health import Verdict
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.operating import ActionName, Command, Runbook
from kms_failover.domain.route import Intent, decide, first_route
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, health, judgement, key_set

WHERE = ["--key-set", "orders", "--region", WEST]
WHO = ["--reason", "incident 4711", "--author", "ana"]
SAID = {"KeySet": "orders", "Reason": "incident 4711", "Author": "ana"}


@pytest.mark.parametrize(
    ("arguments", "payload"),
    [
        (["status", *WHERE], {"Action": "status", "KeySet": "orders"}),
        (["hold", *WHERE, *WHO, "--minutes", "30"], SAID | {"Action": "hold", "ExpiresInMinutes": 30}),
        (["release", *WHERE, *WHO], SAID | {"Action": "release", "ExpiresInMinutes": None}),
        (
            ["failover", *WHERE, *WHO, "--to", WEST, "--insist"],
            SAID | {"Action": "failover", "ExpiresInMinutes": None, "Region": WEST, "Insist": True},
        ),
        (["failback", *WHERE, *WHO], SAID | {"Action": "failback", "ExpiresInMinutes": None, "Insist": False}),
    ],
)
def test_each_command_asks_for_what_was_typed_and_the_runbook_understands_it(
    arguments: list[str], payload: dict[str, Any]
) -> None:
    asked = _payload(_parser().parse_args(arguments))

    assert asked == payload
    assert Command.model_validate(asked).Action == arguments[0]


class Nothing:
    """No other function is started, and S3 has counted nothing."""

    def reimport(self, key_set: str) -> dict[str, Any]:
        raise NotImplementedError

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        raise NotImplementedError

    def objects(self, bucket: str) -> int | None:
        return None


def test_the_status_tells_why_the_route_is_what_it_is_and_what_the_way_back_waits_for() -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    orders = KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": buckets})
    state = MemoryState(WEST, orders)
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, key_usable=False)}
    route = decide(orders, first_route(orders, WEST, NOON), {**lost, WEST: health(WEST)}, Intent(), NOON)
    state.put_judgement(judgement(route, *lost.values()))
    state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="orders-west", key="k", since=NOON))
    nothing = Nothing()
    runbook = Runbook(state, nothing, nothing, lambda: None, lambda: NOON + timedelta(minutes=1))
    hold = Command(Action=ActionName.HOLD, ExpiresInMinutes=30, **SAID)
    runbook.execute(hold)

    lines = _text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert lines[1].startswith("  route    us-west-2 > us-east-1  (epoch 1, ")
    assert "1 of 6 changes within the hour" in lines[1]
    assert lines[2].strip() == "us-east-1 is impaired: seen"
    assert f"           - {EAST}: impaired since 12:00:00 UTC, seen" in lines
    assert "  intent   hold  by ana at 2026-11-23T12:01:00Z, until 2026-11-23T12:31:00Z incident 4711" in lines
    assert "  return   waits for us-east-1 to be healthy" in lines
    assert "  us-west-2      healthy, KEY NOT USABLE (): seen" in lines
    assert "  debt     us-east-1 1, us-west-2 0" in lines
    assert "  bucket   orders-west: S3 has not counted its objects yet, 0 objects owed" in lines
