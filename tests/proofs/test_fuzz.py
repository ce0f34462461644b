"""The fuzz itself: its events come again, its checks find what they are there for, and no target is surprised."""

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

import pytest

from kms_failover.domain.objects.debt import Debt
from proofs.fuzz.__main__ import main
from proofs.fuzz.data_keys import SECRET, judged
from proofs.fuzz.mutation import Mutator, places, smaller
from proofs.fuzz.running import TARGETS, event_of, fuzz, shown
from proofs.fuzz.surprise import Surprise, expect_sendable
from proofs.fuzz.table import MemoryTable
from proofs.fuzz.target import Take, Target, watched_lines
from tests.domain.strategies import NOON

SAMPLE = {"kind": "order", "lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]}


@pytest.mark.parametrize("name", TARGETS)
def test_no_event_of_a_short_run_surprises(name: str) -> None:
    tally = fuzz(TARGETS[name], seed=1, runs=20)

    assert tally.surprises == {}
    assert tally.events == 20


@pytest.mark.parametrize("name", TARGETS)
def test_an_event_is_known_by_its_seed_and_its_number(name: str) -> None:
    drawn = [shown(event_of(TARGETS[name], 7, number)) for number in range(50)]

    assert drawn == [shown(event_of(TARGETS[name], 7, number)) for number in range(50)]
    assert len(set(drawn)) > 20


def test_a_sample_is_never_changed_itself() -> None:
    before = repr(SAMPLE)

    for number in range(500):
        Mutator(Random(number), [SAMPLE]).event()  # noqa: S311  # to be drawn again

    assert repr(SAMPLE) == before


def of_orders(take: Take, *allowed: type[Exception]) -> Target:
    @contextmanager
    def world() -> Iterator[Take]:
        yield take

    return Target("orders", lambda random: Mutator(random, [SAMPLE]).event(), world, allowed)


def test_a_surprise_is_told_with_the_smallest_event_that_causes_it() -> None:
    def take(event: Any) -> str:
        return "counted" if all(line["count"] for line in event["lines"]) else "none"

    tally = fuzz(of_orders(take, TypeError), seed=1, runs=300)

    events = {found.what.split()[0]: found.event for found in tally.surprises.values()}
    assert events["KeyError"] == "{}"
    assert tally.outcomes["TypeError"] > 0
    assert sum(tally.outcomes.values()) == 300


def test_a_group_is_allowed_where_all_in_it_are() -> None:
    def take(event: Any) -> str:
        raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])

    assert not fuzz(of_orders(take, ValueError, KeyError), seed=1, runs=5).surprises
    assert fuzz(of_orders(take, ValueError), seed=1, runs=5).surprises


@pytest.mark.parametrize("answer", [{"a": "\ud800"}, {"a": float("nan")}, {"a": b"bytes"}, {"a": {1, 2}}, {(1, 2): 3}])
def test_an_answer_that_the_runtime_cannot_send_is_a_surprise(answer: Any) -> None:
    with pytest.raises(Surprise, match="cannot send"):
        expect_sendable(answer)


SECRET_TEXT = base64.b64encode(SECRET).decode()
LEAK = {"Error": {"Code": "ValidationException", "Message": f"{SECRET_TEXT} is no plaintext"}}


def by_url(request: Any, *, encoded: bool) -> tuple[Any, Any]:
    text = json.dumps(request)
    body = base64.b64encode(text.encode()).decode() if encoded else text
    return {"body": body, "isBase64Encoded": encoded}, {"statusCode": 200, "body": json.dumps(LEAK)}


def in_a_batch(request: Any) -> tuple[Any, Any]:
    """Beside one that calls the same text a key set: what that one is told says nothing of this one."""
    return {"Requests": [{"KeyId": SECRET_TEXT}, request]}, {"Responses": [{}, LEAK]}


SENT = [lambda r: (r, LEAK), partial(by_url, encoded=False), partial(by_url, encoded=True), in_a_batch]


@pytest.mark.parametrize("sent", SENT, ids=["invoked", "by URL", "by URL in base64", "in a batch"])
@pytest.mark.parametrize("request_of", [{"Plaintext": SECRET_TEXT}, {"Plaintext": [SECRET_TEXT]}, {}], ids=repr)
def test_a_plaintext_in_an_error_is_a_surprise(sent: Any, request_of: Any) -> None:
    with pytest.raises(Surprise, match="no plaintext is in an error's message"):
        judged(*sent(request_of))


@pytest.mark.parametrize("sent", SENT, ids=["invoked", "by URL", "by URL in base64", "in a batch"])
@pytest.mark.parametrize("name", ["KeyId", "Operation"])
def test_what_a_caller_calls_by_another_name_may_be_repeated_to_him(sent: Any, name: str) -> None:
    judged(*sent({"Plaintext": SECRET_TEXT, name: SECRET_TEXT}))


def test_an_error_that_the_runtime_cannot_send_is_a_surprise_even_where_its_class_is_allowed() -> None:
    def take(event: Any) -> str:
        raise ValueError("\ud800")

    assert fuzz(of_orders(take, ValueError), seed=1, runs=1).surprises


def test_a_line_that_cannot_be_written_is_a_surprise() -> None:
    with pytest.raises(Surprise, match="a line that cannot be written"), watched_lines():
        logging.getLogger("kms-failover").error("lost: %s", "\ud800")


@pytest.mark.parametrize(
    ("item", "surprise"),
    [
        ({"body": "x" * 400_000}, "an item of 4"),
        ({"sk": "k" * 1025}, "a key of"),
        ({"sk": "\ud800"}, "no Unicode"),
        ({"body": "{}"}, "cannot be read again"),
        ({"pk": "of-nobody"}, "not among KINDS"),
    ],
)
def test_what_the_table_would_not_take_is_a_surprise(item: dict[str, Any], surprise: str) -> None:
    with pytest.raises(Surprise, match=surprise):
        MemoryTable().put_item({"pk": "debt#orders", "sk": "s", "epoch": 0, "body": ""} | item)


def test_a_condition_that_does_not_hold_is_no_surprise() -> None:
    table, item = MemoryTable(), {"pk": "debt#orders", "sk": "s", "epoch": 0}
    body = Debt(key_set="orders", owed_to="us-east-1", bucket="b", key="k", since=NOON).model_dump_json()
    absent = {"ConditionExpression": "attribute_not_exists(pk)"}
    table.put_item(item | {"body": body}, **absent)

    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        table.put_item(item | {"body": body}, **absent)


def test_smaller_events_have_fewer_parts_or_shorter_texts() -> None:
    assert all(len(repr(event)) < len(repr(SAMPLE)) for event in smaller(SAMPLE))
    assert len(list(smaller(SAMPLE))) >= len(places(SAMPLE))


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--runs", "many"], ["--only", "nothing"]])
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "make fuzz" in capsys.readouterr().err


def test_one_event_can_be_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "sweep", "--seed", "3", "--show", "5"]) == 0

    assert capsys.readouterr().out.strip() == shown(event_of(TARGETS["sweep"], 3, 5))
