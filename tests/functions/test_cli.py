"""The command: what each one asks the runbook function, and the lines that an operator reads first."""

import io
import json
import re
import sys
import threading
from datetime import timedelta
from pathlib import Path
from ssl import SSLCertVerificationError
from subprocess import PIPE, Popen
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.credentials import CredentialResolver
from botocore.httpsession import URLLib3Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from urllib3.exceptions import SSLError

from kms_failover import cli, cli_terminal
from kms_failover.cli import _parser, main
from kms_failover.cli_orders import payload_of
from kms_failover.cli_outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE
from kms_failover.cli_text import text
from kms_failover.domain.key_material.material import MaterialRecord
from kms_failover.domain.key_set import KeySet, Origin
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.route import decide, first_route
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook import status as composite_view
from kms_failover.domain.runbook.commands import LONGEST_AUTHOR, LONGEST_REASON, ActionName, Command, Runbook
from kms_failover.errors import UnreadableItemError
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn, health, judgement, key_set

WHERE = ["--key-set", "orders", "--region", WEST]
WHO = ["--reason", "incident 4711", "--author", "ana"]
SAID = {"KeySet": "orders", "Reason": "incident 4711", "Author": "ana"}
LOOKS = {"FailIfRefused": False}  # at the answer, for `Error`


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
    asked = payload_of(_parser().parse_args(arguments))

    assert asked == payload | LOOKS
    assert Command.model_validate(asked).action == arguments[0]


class Nothing:
    """No other function is started."""

    def reimport(self, key_set: str) -> dict[str, Any]:
        raise NotImplementedError

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        raise NotImplementedError


def test_the_status_tells_why_the_route_is_what_it_is_and_what_the_way_back_waits_for() -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    orders = KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": buckets})
    state = MemoryState(WEST, orders)
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, key_usable=False)}
    route = decide(orders, first_route(orders, WEST, NOON), {**lost, WEST: health(WEST)}, Intent(), NOON)
    state.put_judgement(judgement(route, *lost.values()))
    state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="orders-west", key="k", since=NOON))
    nothing = Nothing()
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON + timedelta(minutes=1))
    hold = Command(Action=ActionName.HOLD, ExpiresInMinutes=30, **SAID)
    runbook.execute(hold)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert lines[1] == "  route    us-west-2 > us-east-1  (epoch 1; 1 of 6 changes within the hour)"
    assert lines[2] == "  since    2026-11-23 12:00:00 UTC: us-east-1 is impaired: seen"
    assert f"           - then {EAST}: impaired since 12:00:00 UTC, seen" in lines
    assert "  intent   hold by ana at 2026-11-23 12:01:00 UTC, until 2026-11-23 12:31:00 UTC: incident 4711" in lines
    assert "  return   waits for us-east-1 to be healthy" in lines
    assert "  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen" in lines
    assert lines[lines.index("  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen") + 1].strip() == (
        "KEY NOT USABLE: ; usable again after 60 s or more without a fault"
    )
    assert "  debt     us-east-1 1, us-west-2 0" in lines
    unknown = "no backfill has looked at every object yet: sweep starts one"
    assert f"  bucket   orders-west: coverage UNKNOWN, 0 objects owed, 0 refused: {unknown}" in lines


def test_the_status_says_what_a_hold_prevents_and_since_when_the_region_is_lost() -> None:
    state, nothing = MemoryState(WEST, key_set()), Nothing()
    drill = health(WEST).model_copy(update={"drill_at": NOON})
    state.put_judgement(judgement(first_route(key_set(), WEST, NOON), health(EAST, Verdict.IMPAIRED), drill))
    lost = {
        "kind": NewsKind.LOST,
        "region": EAST,
        "regions": (EAST, WEST),
        "at": NOON,
        "reason": "us-east-1 is impaired",
    }
    state.add_news(News.model_validate(lost | {"key_set": "orders", "observer": WEST, "number": 1}))
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)
    runbook.execute(Command(Action=ActionName.HOLD, **SAID))

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    would = "would move to us-west-2 (us-east-1 is impaired: seen)"
    assert f"  HELD     {would}; the hold by ana since 2026-11-23 12:00:00 UTC prevents it" in lines
    at = lines.index("  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen") + 1
    assert lines[at].strip() == (
        "A DRILL IS ON since 2026-11-23 12:00:00 UTC; ends by itself at 2026-11-23 12:01:00 UTC"
    )
    assert "  history  2026-11-23 12:00:00 UTC lost us-east-1: us-east-1 is impaired" in lines


def test_the_status_says_that_a_key_has_not_answered_since_its_region_is_back() -> None:
    state = MemoryState(WEST, key_set())
    back = health(EAST).model_copy(update={"returned_at": NOON + timedelta(seconds=1)})
    state.put_judgement(judgement(first_route(key_set(), WEST, NOON), back, health(WEST)))
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    at = lines.index("  us-east-1      healthy since 2026-11-23 12:00:00 UTC: seen") + 1
    assert lines[at].strip() == "its key has not answered since the region came back: RECOVERED is told when it has"
    assert lines[at + 1] == "  us-west-2      healthy since 2026-11-23 12:00:00 UTC: seen"


def test_an_order_is_told_with_what_it_replaces_and_what_happens_next() -> None:
    state, nothing = MemoryState(WEST, key_set()), Nothing()
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)
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
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert "  debt     us-east-1 1, us-west-2 at least 2" in lines
    unknown = "no backfill has looked at every object yet: sweep starts one"
    assert f"  bucket   orders-west: coverage UNKNOWN, at least 2 objects owed, at least 0 refused: {unknown}" in lines


def test_before_anything_is_decided_the_status_says_so() -> None:
    nothing = Nothing()
    external = [member.model_copy(update={"origin": Origin.EXTERNAL}) for member in key_set().members]
    state = MemoryState(WEST, key_set().model_copy(update={"members": tuple(external)}))
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert "  since    ever: nothing has been decided yet" in lines
    assert f"  material {EAST}: NOT LOOKED AT: no run of reimport in {EAST} has seen the key" in lines


def test_material_that_no_run_could_even_look_at_is_not_said_to_be_there() -> None:
    external = [member.model_copy(update={"origin": Origin.EXTERNAL}) for member in key_set().members]
    state = MemoryState(WEST, key_set().model_copy(update={"members": tuple(external)}))
    tried = {"failure": "AccessDeniedException", "failed_at": NOON, "failures": 1}
    state.put_material(MaterialRecord(key_set="orders", region=WEST, key_arn=arn(WEST), **tried))
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert f"  material {WEST}: NOT LOOKED AT: each run of reimport in {WEST} failed before it saw the key" in lines
    assert not any("never expires" in line for line in lines)


def test_material_of_which_nothing_can_be_read_is_said_to_be_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    external = [member.model_copy(update={"origin": Origin.EXTERNAL}) for member in key_set().members]
    state = MemoryState(WEST, key_set().model_copy(update={"members": tuple(external)}))

    def unreadable(_key_set: str, region: str) -> None:
        raise UnreadableItemError("key-set#orders", f"material#{region}", "there is no body")

    monkeypatch.setattr(state, "material", unreadable)
    runbook = Runbook(state, Nothing(), lambda: None, lambda: NOON)

    lines = text(runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders"))).splitlines()

    assert f"  material {EAST}: UNREAD: nothing is done to the key until its record can be read" in lines
    assert sum("NEEDS YOU (unread)" in line for line in lines) == 2


@pytest.fixture(scope="module")
def full_status() -> dict[str, Any]:
    """A status with something under each heading, and the order that it answers."""
    external = [m.model_dump(mode="json") | {"origin": "EXTERNAL"} for m in key_set().members]
    more = {"members": external, "buckets": [{"name": "orders-west", "region": WEST}], "material": {"secret": "s"}}
    orders = KeySet.model_validate(key_set().model_dump(mode="json") | more)
    state, nothing = MemoryState(WEST, orders), Nothing()
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, key_usable=False)}
    route = decide(orders, first_route(orders, WEST, NOON), {**lost, WEST: health(WEST)}, Intent(), NOON)
    state.put_judgement(judgement(route, *lost.values()))
    state.add_history(route)
    state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="orders-west", key="k", since=NOON))
    state.put_refusal(Refusal(key_set="orders", bucket="orders-west", key="k", reason="no", since=NOON))
    state.add_ignored_event(IgnoredEvent(id="1", source="a", detail_type="b", reason="c", at=NOON))
    runbook = Runbook(state, nothing, lambda: None, lambda: NOON)
    runbook.execute(Command(Action=ActionName.HOLD, KeySet="orders", Reason="migration", Author="bob"))
    order = runbook.execute(Command(Action=ActionName.FAILOVER, Region=WEST, Insist=True, **SAID))
    return runbook.execute(Command(Action=ActionName.STATUS, KeySet="orders")) | order | {"Warning": "w"}


any_text = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["x\n  return   not needed", "\x1b[2J", "\u202e", "\x9b", "\r", "\ud800", "\u2028"]
)


def rewritten(answer: Any, text: str) -> Any:
    """The answer with every text another one, but those that are times."""
    if isinstance(answer, dict):
        return {key: rewritten(value, text) for key, value in answer.items()}
    if isinstance(answer, list):
        return [rewritten(value, text) for value in answer]
    return text if isinstance(answer, str) and not answer.startswith("2026-") else answer


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_text)
def test_no_text_of_a_status_forges_a_line_or_reaches_the_terminal_as_a_control_character(
    full_status: dict[str, Any], capsys: pytest.CaptureFixture[str], any_of_them: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "order", lambda _: rewritten(full_status, any_of_them))
        main(["status", *WHERE])
        said = capsys.readouterr().out
        patch.setattr(cli, "order", lambda _: rewritten(full_status, "x"))
        main(["status", *WHERE])
        plain = capsys.readouterr().out

    assert said.count("\n") == plain.count("\n") > 15
    assert all(line.isprintable() for line in said.split("\n"))


def test_an_answer_of_another_version_is_shown_as_far_as_it_is_known_and_then_whole(
    full_status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for missing in full_status.keys() - {"Intent", "Replaced", "Warning", "DebtOwedToTarget"}:
        answer = {name: value for name, value in full_status.items() if name != missing}

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cli, "order", lambda _, answer=answer: answer)
            status = main(["status", *WHERE])

        said = capsys.readouterr().out
        beginning, _, rest = said.partition("  the answer is of another version than this command; all of it:\n")
        assert status == 0
        assert json.loads(rest) == answer, missing
        assert beginning.startswith("orders: the order is given: ") or missing == "KeySet"


@given(any_text)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_error_that_is_told_forges_a_line_or_reaches_the_terminal_as_a_control_character(
    capsys: pytest.CaptureFixture[str], message: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "order", lambda _: {"Error": {"Code": message, "Message": message}})
        main(["status", *WHERE, "--json"])

    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err[:-1].isprintable()
    assert json.loads(said.out)["Error"] == {"Code": message, "Message": message}


@pytest.mark.parametrize("command", [[], ["status"], ["apply"]])
def test_help_lists_the_exit_status(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])

    listed = re.findall(r"^  (\d+) ", capsys.readouterr().out, re.MULTILINE)
    assert listed == ["0", "1", "2", "3", "130"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["hold", *WHERE, "--reason", " "],
        ["hold", *WHERE, "--reason", "a" * (LONGEST_REASON + 1)],
        ["hold", *WHERE, "--reason", "incident \udcff"],
        ["hold", *WHERE, "--reason", "incident 4711", "--author", "a" * (LONGEST_AUTHOR + 1)],
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
    assert f"kms-failover: there is no deployment 'nowhere' in {WEST}" in told.err
    assert json.loads(told.out)["Error"]["Message"] in told.err


URL = "https://lambda.us-west-2.amazonaws.com"
UNTRUSTED = SSLError(SSLCertVerificationError("self-signed certificate"))


def sending(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> None:
    """The transport ends like this."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")

    def send(_session: object, _request: object) -> None:
        raise raised

    monkeypatch.setattr(URLLib3Session, "send", send)


@pytest.mark.parametrize(
    "raised",
    [
        exceptions.EndpointConnectionError(endpoint_url=URL),
        exceptions.ConnectTimeoutError(endpoint_url=URL),
        exceptions.ProxyConnectionError(proxy_url="http://proxy"),
        exceptions.SSLError(endpoint_url=URL, error=UNTRUSTED),
    ],
)
def test_an_order_that_found_no_connection_is_told_as_not_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: Exception
) -> None:
    sending(monkeypatch, raised)

    assert main(["hold", *WHERE, *WHO]) == EXIT_FAILED

    said = capsys.readouterr().err
    assert "Nothing was sent: no order was given" in said
    assert "may have been given" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("NOTHING", "no credentials at all"), ("AWS_PROFILE", "nobodys"), ("AWS_ENDPOINT_URL_LAMBDA", "no url")],
)
def test_an_order_that_could_not_be_signed_is_told_as_not_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    assert main(["hold", *WHERE, *WHO]) == EXIT_FAILED

    said = capsys.readouterr().err
    assert "Nothing was sent: " in said
    assert "may have been given" not in said


def test_credentials_that_come_too_late_are_no_order_that_was_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def resolve(_resolver: object) -> None:
        raise exceptions.ReadTimeoutError(endpoint_url="https://sts.us-east-1.amazonaws.com")

    monkeypatch.setattr(CredentialResolver, "load_credentials", resolve)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(key, raising=False)

    assert main(["hold", *WHERE, *WHO]) == EXIT_FAILED
    assert "Nothing was sent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (KeyboardInterrupt(), EXIT_INTERRUPTED),
        (exceptions.ReadTimeoutError(endpoint_url=URL), EXIT_FAILED),
        (exceptions.ConnectionClosedError(endpoint_url=URL), EXIT_FAILED),
        (exceptions.SSLError(endpoint_url=URL, error=SSLError("bad record mac")), EXIT_FAILED),
        (exceptions.HTTPClientError(error="nobody knows"), EXIT_FAILED),
    ],
)
def test_where_no_answer_came_nobody_claims_to_know_whether_the_order_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, status: int
) -> None:
    sending(monkeypatch, raised)

    assert main(["hold", *WHERE, *WHO]) == status
    assert "the order may have been given, or not" in capsys.readouterr().err


def test_who_gives_up_before_anything_is_sent_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def resolve(_resolver: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CredentialResolver, "load_credentials", resolve)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    assert main(["hold", *WHERE, *WHO]) == EXIT_INTERRUPTED
    assert "interrupted before anything was sent: no order was given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (["hold", *WHERE, *WHO], 403, "AWS refused it: no order was given"),
        (["hold", *WHERE, *WHO], 502, "the order may have been given, or not"),
        (["sweep", *WHERE], 504, "it may have begun"),
        (["sweep", *WHERE], 403, "AWS refused it: nothing has begun"),
        (["status", *WHERE], 500, "Ask again, or another region"),
    ],
)
def test_an_error_of_the_server_leaves_open_what_one_of_the_caller_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], code: int, told: str
) -> None:
    answering(monkeypatch, code, b"{}")

    assert main(command) == EXIT_FAILED
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"{}", b'{"KeySet": "orders"}', b"[" * 100_000])
def test_an_answer_that_is_none_leaves_open_whether_the_order_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    answering(monkeypatch, 200, body)

    assert main(["hold", *WHERE, *WHO]) == EXIT_FAILED
    assert "the order may have been given, or not" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("CommandRefusedError", EXIT_REFUSED, "kms-failover: no\n"),
        ("Sandbox.Timedout", EXIT_FAILED, "failed before it answered (Sandbox.Timedout: no): the order may have been"),
        (
            "Runtime.ExitError",
            EXIT_FAILED,
            "failed before it answered (Runtime.ExitError: no): the order may have been",
        ),
        ("Runtime.MarshalError", EXIT_FAILED, "the order may have been given, or not"),
        ("ReadTimeoutError", EXIT_FAILED, "the order may have been given, or not"),
        ("NotBegunError", EXIT_FAILED, "kms-failover-runbook failed (NotBegunError: no): no order was given"),
        ("Runtime.ImportModuleError", EXIT_FAILED, "no): no order was given"),
    ],
)
def test_a_function_that_fails_may_have_given_the_order_and_one_that_refuses_has_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, status: int, told: str
) -> None:
    body = json.dumps({"errorType": kind, "errorMessage": "no"}).encode()
    answering(monkeypatch, 200, body, {"X-Amz-Function-Error": "Unhandled"})

    assert main(["hold", *WHERE, *WHO]) == status
    assert told in capsys.readouterr().err


def test_an_error_without_a_kind_is_told_by_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, 200, b'{"errorMessage": "Task timed out"}', {"X-Amz-Function-Error": "Unhandled"})

    assert main(["hold", *WHERE, *WHO]) == EXIT_FAILED
    assert "failed before it answered (Task timed out): the order may have been given" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["reimport", "sweep"])
def test_of_work_that_has_failed_nobody_says_that_it_may_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    body = json.dumps({"errorType": "WorkFailedError", "errorMessage": "kms-failover-reimport failed: no"}).encode()
    answering(monkeypatch, 200, body, {"X-Amz-Function-Error": "Unhandled"})

    assert main([action, *WHERE]) == EXIT_FAILED
    assert capsys.readouterr().err.endswith("kms-failover: kms-failover-reimport failed: no\n")


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    """What Lambda's endpoint answers."""
    sending(monkeypatch, AssertionError())

    class Raw(io.BytesIO):
        def stream(self, *_: object, **__: object) -> Any:
            yield self.read()

    def send(_session: object, request: Any) -> AWSResponse:
        return AWSResponse(request.url, status, headers or {}, Raw(body))  # type: ignore[arg-type]  # its own mapping, or any

    monkeypatch.setattr(URLLib3Session, "send", send)


def test_who_has_no_name_on_this_machine_is_asked_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nameless)

    assert main(["hold", *WHERE, "--reason", "incident 4711"]) == EXIT_USAGE
    assert "--author" in capsys.readouterr().err


def test_who_waits_is_told_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_terminal, "NOTICE_SECONDS", 0.0)
    said = threading.Event()

    class Screen(io.StringIO):
        def flush(self) -> None:
            said.set()

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    with cli_terminal.notice("waiting for somebody"):
        assert said.wait(10)

    assert screen.getvalue() == "kms-failover: waiting for somebody\n"


def test_a_terminal_without_a_letter_is_shown_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)

    cli_terminal.say(["Zürich"])

    assert screen.buffer.getvalue() == b"Z\\xfcrich\n"


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
