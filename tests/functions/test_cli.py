"""The command: what each one asks the runbook function, and the lines that an operator reads first."""

import json
import sys
import threading
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from kms_failover import cli
from kms_failover.cli import EXIT_FAILED, EXIT_INTERRUPTED, _parser, _payload, main
from kms_failover.cli_text import text
from kms_failover.domain import composite_view
from kms_failover.domain.debt import Debt
from kms_failover.domain.health import Verdict
from kms_failover.domain.key_set import KeySet, Origin
from kms_failover.domain.operating import ActionName, Command, Runbook
from kms_failover.domain.route import Intent, decide, first_route
from tests.adapters.tables import create_state_table
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
        (["release", *WHERE, *WHO], SAID | {"Action": "release"}),
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

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert lines[1] == "  route    us-west-2 > us-east-1  (epoch 1; 1 of 6 changes within the hour)"
    assert lines[2] == "  since    2026-11-23 12:00:00 UTC: us-east-1 is impaired: seen"
    assert f"           - {EAST}: impaired since 12:00:00 UTC, seen" in lines
    assert "  intent   hold by ana at 2026-11-23 12:01:00 UTC, until 2026-11-23 12:31:00 UTC: incident 4711" in lines
    assert "  return   waits for us-east-1 to be healthy" in lines
    assert "  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen" in lines
    assert lines[lines.index("  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen") + 1].strip() == (
        "KEY NOT USABLE: ; usable again after 60 s or more without a fault"
    )
    assert "  debt     us-east-1 1, us-west-2 0" in lines
    assert "  bucket   orders-west: S3 has not counted its objects yet, 0 objects owed" in lines


def test_an_order_is_told_with_what_it_replaces_and_what_happens_next() -> None:
    state, nothing = MemoryState(WEST, key_set()), Nothing()
    runbook = Runbook(state, nothing, nothing, lambda: None, lambda: NOON)
    runbook.execute(Command(Action=ActionName.HOLD, KeySet="orders", Reason="migration", Author="bob"))
    order = runbook.execute(Command(Action=ActionName.FAILOVER, Region=WEST, Insist=True, **SAID))

    lines = text(order | {"Warning": "one more may follow", "StatusError": "ConnectionError: no"}).splitlines()

    assert lines == [
        "orders: the order is given: force us-west-2 (insisted) by ana at 2026-11-23 12:00:00 UTC: incident 4711",
        "  replaces hold by bob at 2026-11-23 12:00:00 UTC: migration",
        "  WARNING: one more may follow",
        "  each region follows by itself, within seconds: look again with status",
        "  the status cannot be shown: ConnectionError: no",
    ]


def test_debts_that_are_too_many_to_count_are_told_of_their_region_alone_and_no_share_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(composite_view, "MAX_DEBTS", 2)
    buckets = [{"name": "orders-west", "region": WEST}]
    state = MemoryState(WEST, KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": buckets}))
    for owed_to, key in ((EAST, "a"), (WEST, "a"), (WEST, "b"), (WEST, "c")):
        state.put_debt(Debt(key_set="orders", owed_to=owed_to, bucket="orders-west", key=key, since=NOON))
    runbook = Runbook(state, Nothing(), Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert "  debt     us-east-1 1, us-west-2 at least 2" in lines
    assert "  bucket   orders-west: coverage unknown, at least 2 objects owed: too many to count" in lines


def test_before_anything_is_decided_the_status_says_so() -> None:
    nothing = Nothing()
    external = [member.model_copy(update={"origin": Origin.EXTERNAL}) for member in key_set().members]
    state = MemoryState(WEST, key_set().model_copy(update={"members": tuple(external)}))
    runbook = Runbook(state, nothing, nothing, lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert "  since    ever: nothing has been decided yet" in lines
    assert f"  material {EAST}: NONE: reimport imports it" in lines


@pytest.mark.parametrize(
    "wrong",
    [
        ["hold", *WHERE, "--reason", " "],
        ["hold", *WHERE, *WHO, "--minutes", "0"],
        ["hold", *WHERE, *WHO, "--minutes", "1.5"],
        ["release", *WHERE, *WHO, "--minutes", "5"],
        ["failover", *WHERE, *WHO],
        ["apply", "key-sets.yaml"],
        ["apply", "key-sets.yaml", "--region", ""],
        ["status", "--key-set", "orders", "--region", " "],
    ],
)
def test_wrong_usage_is_told_as_such(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)

    assert ended.value.code == 2
    assert capsys.readouterr().err.count("error:") == 1


@mock_aws
def test_a_deployment_that_is_not_there_is_named_and_json_has_the_error_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["status", *WHERE, "--deployment", "nowhere", "--json"])

    told = capsys.readouterr()
    assert status == EXIT_FAILED
    assert told.err.startswith(f"kms-failover: there is no deployment 'nowhere' in {WEST}")
    assert json.loads(told.out)["Error"]["Message"] in told.err


@mock_aws
def test_apply_names_the_region_that_failed_and_those_that_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key-sets.yaml"
    file.write_text(json.dumps({"key_sets": [key_set().model_dump(mode="json")]}), "utf-8")
    create_state_table(WEST, "kms-failover-state")

    status = main(["apply", str(file), "--region", WEST, "--region", EAST, "--json"])

    said = capsys.readouterr()
    assert status == EXIT_FAILED
    assert f"{EAST}: there is no deployment 'kms-failover' in {EAST}, or not" in said.err
    assert f"(applied in {WEST};" in said.err
    assert json.loads(said.out)["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("raised", "status"),
    [(KeyboardInterrupt(), EXIT_INTERRUPTED), (ReadTimeoutError(endpoint_url="https://lambda"), EXIT_FAILED)],
)
def test_where_no_answer_came_nobody_claims_to_know_whether_the_order_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, status: int
) -> None:
    def ask(_options: object) -> None:
        raise raised

    monkeypatch.setattr(cli, "_run", ask)

    assert main(["hold", *WHERE, *WHO]) == status
    assert "the order may have been given, or not" in capsys.readouterr().err


def test_who_waits_is_told_for_what(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "NOTICE_SECONDS", 0.0)
    said = threading.Event()

    def told(line: str, **_: object) -> None:
        sys.stderr.write(line)
        said.set()

    monkeypatch.setattr("builtins.print", told)

    with cli._notice("waiting for somebody"):
        assert said.wait(10)

    assert capsys.readouterr().err == "kms-failover: waiting for somebody"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "key-sets.yaml"
    file.write_text(json.dumps({"key_sets": [key_set().model_dump(mode="json")]}), "utf-8")
    command = [sys.executable, "-m", "kms_failover.cli", "apply", str(file), "--check"]

    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as running:  # noqa: S603  # our own command
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()

    assert (running.returncode, told) == (0, "")
