"""What people read: whether it is bad, since when, why, and what they must do; one message for all that share it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.routing.messages import MAX_SUBJECT, MOST_NAMED, Bulletin, Sender, message, together
from kms_failover.domain.routing.readiness import Leadership, News, NewsKind
from kms_failover.domain.routing.route import Route
from tests.domain.strategies import ACCOUNT, EAST, IRELAND, NOON, WEST, key_names

PROD = Sender("prod", ACCOUNT)
SNS_BYTES = 256 * 1024
SNS_SUBJECT = 100


def route(*regions: str, name: str = "orders", reason: str = "r", moved: bool = True) -> Route:
    moved_at = NOON if moved else NOON - timedelta(hours=1)
    evidence = (f"{EAST}: impaired since 11:59:40 UTC", f"{WEST}: healthy since 09:00:00 UTC")
    return Route(
        key_set=name,
        observer=WEST,
        regions=regions,
        epoch=1,
        decided_at=NOON,
        moved_at=moved_at,
        reason=reason,
        evidence=evidence,
    )


def news(
    kind: NewsKind, region: str = EAST, *regions: str, name: str = "orders", at: int = 0, reason: str = "r"
) -> News:
    return News(
        key_set=name,
        observer=WEST,
        number=1 + at,
        kind=kind,
        region=region,
        regions=regions or (EAST, WEST),
        at=NOON + timedelta(seconds=at),
        reason=reason,
    )


def bulletin(*changes: Route | News, name: str = "orders") -> Bulletin:
    routes = tuple(change for change in changes if isinstance(change, Route))
    return Bulletin(name, WEST, routes, tuple(change for change in changes if isinstance(change, News)))


LOST_AND_LEFT = (route(WEST, EAST), news(NewsKind.LOST, EAST, WEST, EAST))


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        (LOST_AND_LEFT, "LOST us-east-1 for orders: serving from us-west-2"),
        ((news(NewsKind.LOST, WEST),), "LOST us-west-2 for orders: serving from us-east-1"),
        (
            (news(NewsKind.LOST), news(NewsKind.NO_TARGET)),
            "LOST us-east-1 for orders: NO OTHER REGION ANSWERS",
        ),
        ((news(NewsKind.LOST), news(NewsKind.HELD)), "LOST us-east-1 for orders: AN ORDER KEEPS IT THERE"),
        (
            (news(NewsKind.LOST), news(NewsKind.LOST, WEST), news(NewsKind.ALL_LOST)),
            "ALL LOST: no region can be used for orders",
        ),
        ((news(NewsKind.NOT_READY, WEST),), "NOT READY us-west-2 for orders: serving from us-east-1"),
        (
            (
                route(IRELAND, EAST, WEST),
                *(news(NewsKind.LOST, region, IRELAND, EAST, WEST) for region in (EAST, WEST)),
            ),
            "LOST us-east-1, us-west-2 for orders: serving from eu-west-1",
        ),
        (
            (news(NewsKind.NOT_READY), news(NewsKind.NOT_READY, WEST)),
            "NOT READY us-east-1, us-west-2 for orders: serving from us-east-1",
        ),
        (
            (news(NewsKind.LOST, WEST), news(NewsKind.RECOVERED, WEST, at=1), news(NewsKind.LOST, IRELAND, at=1)),
            "LOST eu-west-1 for orders: serving from us-east-1",
        ),
        ((news(NewsKind.READY, WEST),), "READY AGAIN us-west-2 for orders: serving from us-east-1"),
        ((news(NewsKind.RECOVERED, EAST, WEST, EAST),), "RECOVERED us-east-1 for orders: serving from us-west-2"),
        ((route(WEST, EAST),), "MOVED orders to us-west-2"),
        ((route(WEST, EAST, moved=False),), "REORDERED orders: still served from us-west-2"),
        (
            (news(NewsKind.LOST), news(NewsKind.RECOVERED, at=1)),
            "RECOVERED us-east-1 for orders: serving from us-east-1",
        ),
        (
            (news(NewsKind.LOST), news(NewsKind.HELD), news(NewsKind.RECOVERED, at=1)),
            "RECOVERED us-east-1 for orders: serving from us-east-1",
        ),
    ],
)
def test_the_subject_says_whether_it_is_bad_and_what_is_so_now(changes: tuple[Route | News, ...], subject: str) -> None:
    assert message([bulletin(*changes)], PROD).subject == f"[kms-failover prod] {subject}"


@pytest.mark.parametrize(
    ("serving", "does"),
    [
        (Leadership.HELD, "kms-failover release "),
        (Leadership.NO_TARGET, "the other regions lack"),
        (Leadership.ALL_LOST, "observer"),
    ],
)
@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (news(NewsKind.LOST, IRELAND), "LOST eu-west-1 for orders: us-east-1 LEADS AND IS LOST"),
        (news(NewsKind.NOT_READY, WEST), "NOT READY us-west-2 for orders: us-east-1 LEADS AND IS LOST"),
        (news(NewsKind.RECOVERED, WEST), "RECOVERED us-west-2 for orders: us-east-1 LEADS AND IS LOST"),
        (news(NewsKind.READY, WEST), "READY AGAIN us-west-2 for orders: us-east-1 LEADS AND IS LOST"),
        (route(EAST, WEST, moved=False), "REORDERED orders: us-east-1 LEADS AND IS LOST"),
    ],
)
def test_a_region_that_leads_and_is_lost_is_never_said_to_serve_and_what_is_asked_is_about_it(
    change: Route | News, subject: str, serving: Leadership, does: str
) -> None:
    told = message([bulletin(change)._replace(serving=serving)], PROD)

    assert told.subject == f"[kms-failover prod] {subject}"
    assert does in next(line for line in told.text.splitlines() if line.startswith("WHAT YOU MUST DO"))
    assert f'"I got this message", {serving.upper()}.' in told.text


def test_key_sets_whose_leading_region_is_lost_are_told_apart_from_those_that_are_served() -> None:
    served = bulletin(news(NewsKind.LOST, IRELAND))

    assert len(together([served, served._replace(serving=Leadership.HELD)])) == 2


def test_a_text_says_what_since_why_and_what_to_do_with_the_command_to_paste() -> None:
    held = news(NewsKind.HELD, reason="would move to us-west-2; the hold by ana since 11:00 prevents it")

    text = message([bulletin(news(NewsKind.LOST, reason="us-east-1 is impaired"), held)], PROD).text

    lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith("-"))
    assert lines["SINCE"] == "2026-11-23 12:00:00 UTC, as us-west-2 sees it."
    assert "WHY: would move to us-west-2; the hold by ana since 11:00 prevents it." in text
    assert lines["WHAT YOU MUST DO"].endswith(
        'kms-failover release --deployment prod --region us-west-2 --key-set orders --reason "..."'
    )
    assert lines["LOOK"] == "kms-failover status --deployment prod --region us-west-2 --key-set orders"
    assert lines["READ"] == 'runbooks/README.md, "I got this message", HELD.'
    assert lines["FROM"] == f"deployment prod, account {ACCOUNT}, region us-west-2."


@pytest.mark.parametrize("change", [*map(news, NewsKind), route(WEST, EAST), route(WEST, EAST, moved=False)])
def test_the_runbook_has_a_line_for_each_text_and_its_subject(change: Route | News) -> None:
    runbook = (Path(__file__).parents[3] / "runbooks" / "README.md").read_text("utf-8")
    table = runbook.split("| subject begins |")[1].split("\n\n")[0]
    row = re.compile(r"^\| `([A-Z]+(?: [A-Z]+)*)\b[^|]*?(?:\(([A-Z ]+)\) )?\|", re.MULTILINE)
    subjects = {found[2] or found[1]: found[1] for found in row.finditer(table)}

    told = message([bulletin(change)], PROD)

    (word,) = re.findall(r'^READ: runbooks/README.md, "I got this message", (.*)\.$', told.text, re.MULTILINE)
    assert told.subject.startswith(f"[kms-failover prod] {subjects[word]}")


def test_a_hundred_key_sets_are_one_message_that_names_some_and_counts_the_others() -> None:
    names = [f"set-{number:03d}" for number in range(100)]
    everybody = [
        bulletin(route(WEST, EAST, name=n), news(NewsKind.LOST, EAST, WEST, EAST, name=n), name=n) for n in names
    ]

    (group,) = together(everybody)
    told = message(group, PROD)

    assert told.subject == "[kms-failover prod] LOST us-east-1 for 100 key sets: serving from us-west-2"
    assert f"KEY SETS (100): {', '.join(names[:MOST_NAMED])} and {100 - MOST_NAMED} more." in told.text


def test_each_reason_is_told_with_the_key_sets_whose_it_is() -> None:
    orders = bulletin(route(WEST, EAST, reason="forced to us-west-2 by ana: drill"))
    wages = bulletin(route(WEST, EAST, name="wages", reason="us-west-2 is usable and preferred"), name="wages")

    text = message([orders, wages], PROD).text

    assert "WHY: forced to us-west-2 by ana: drill (orders)." in text
    assert "WHY: us-west-2 is usable and preferred (wages)." in text


def test_together_are_those_of_whom_the_same_is_so_whether_or_not_they_had_to_move() -> None:
    moved = bulletin(*LOST_AND_LEFT)
    was_there = bulletin(news(NewsKind.LOST, EAST, WEST, EAST, name="b"), name="b")
    stuck = bulletin(news(NewsKind.LOST, name="c"), news(NewsKind.NO_TARGET, name="c"), name="c")

    assert together([moved, was_there, stuck]) == [(moved, was_there), (stuck,)]


def test_who_was_only_reordered_is_not_said_to_have_moved() -> None:
    moved = bulletin(route(WEST, EAST))
    reordered = bulletin(route(WEST, EAST, name="b", moved=False), name="b")

    assert together([moved, reordered]) == [(moved,), (reordered,)]


changes = st.lists(
    st.builds(news, st.sampled_from(NewsKind), st.sampled_from([EAST, WEST]), at=st.integers(0, 99), reason=st.text())
    | st.builds(route, st.just(WEST), st.just(IRELAND), reason=st.text(), moved=st.booleans()),
    min_size=1,
    max_size=6,
)


@given(
    st.lists(changes, min_size=1, max_size=4),
    key_names,
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9-]{0,53}", fullmatch=True),
)
def test_sns_takes_every_message_and_no_line_of_it_is_a_strangers(
    of_each: list[list[Route | News]], name: str, deployment: str
) -> None:
    for group in together([bulletin(*one, name=name) for one in of_each]):
        told = message(group, Sender(deployment, ACCOUNT))

        assert len(told.subject) < SNS_SUBJECT
        assert told.subject.isascii()
        assert told.subject.isprintable()
        assert all(line.isprintable() for line in told.text.splitlines())
        assert len(told.text.encode()) < SNS_BYTES


def test_the_longest_message_fits_into_sns() -> None:
    wordy = "\N{GRINNING FACE}" * 5000
    many = [
        bulletin(
            *(
                news(kind, name=f"{n:063d}", at=at, reason=f"{n}{wordy}")
                for at, kind in enumerate([NewsKind.LOST] * 100)
            ),
            route(WEST, EAST, name=f"{n:063d}", reason=wordy),
            name=f"{n:063d}",
        )
        for n in range(300)
    ]

    told = message(many, PROD)

    assert len(told.text.encode()) < SNS_BYTES
    assert len(told.subject) <= MAX_SUBJECT
