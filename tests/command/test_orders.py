"""What each order asks the runbook function, and what is certain if no answer comes."""

import json
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.credentials import CredentialResolver
from moto import mock_aws
from urllib3.exceptions import SSLError

from kms_failover.domain.runbook.commands import Command
from kms_failover_command.main import main
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE
from tests.command.lambda_endpoint import LOOKS, SAID, UNTRUSTED, URL, WHERE, WHO, answering, orders_sent, sending
from tests.domain.strategies import WEST


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
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], payload: dict[str, Any]
) -> None:
    sent = orders_sent(monkeypatch)

    main(arguments)

    assert [(one.region, one.payload) for one in sent] == [(WEST, payload | LOOKS)]
    assert Command.model_validate(sent[0].payload).action == arguments[0]


@mock_aws
def test_a_deployment_that_is_not_there_is_named_and_json_has_the_error_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["status", *WHERE, "--deployment", "nowhere", "--json"])

    told = capsys.readouterr()
    assert status == EXIT_FAILED
    assert f"kms-failover: there is no deployment 'nowhere' in {WEST}" in told.err
    assert json.loads(told.out)["Error"]["Message"] in told.err


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


def test_who_has_no_name_on_this_machine_is_asked_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nameless)

    assert main(["hold", *WHERE, "--reason", "incident 4711"]) == EXIT_USAGE
    assert "--author" in capsys.readouterr().err
