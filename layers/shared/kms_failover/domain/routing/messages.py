"""What people read: one message for all key sets that the same has become of, with what they must do.

A subject fits into SNS's (ASCII, below 100 characters), a text far below its 256 KB, whatever key sets and reasons say.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.plain_text import shown
from kms_failover.domain.routing.readiness import Leadership, News, NewsKind
from kms_failover.domain.routing.route import Route

MAX_SUBJECT = 99  # SNS takes less than 100 characters of ASCII, from one line
LONGEST_NAME = 24  # in a subject
MOST_NAMED = 30  # key sets
MOST_REASONS = 8
MOST_LINES = 16  # of evidence, and of earlier changes; a key set has eight member keys at most
LONGEST_LINE = 400  # characters

_WORST_FIRST = (
    NewsKind.ALL_LOST,
    NewsKind.NO_TARGET,
    NewsKind.HELD,
    NewsKind.LOST,
    NewsKind.NOT_READY,
    NewsKind.RECOVERED,
    NewsKind.READY,
)
_STUCK = frozenset({NewsKind.ALL_LOST, NewsKind.NO_TARGET, NewsKind.HELD})


class Bulletin(NamedTuple):
    """What people have not heard yet of one key set: changes of its route, and news, each oldest first.

    `serving` is what they have been told, now or before, of the region that leads: a `Leadership`.
    """

    key_set: str
    observer: str
    routes: tuple[Route, ...]
    news: tuple[News, ...]
    serving: str = Leadership.WELL

    @property
    def regions(self) -> tuple[str, ...]:
        """The route now."""
        return self.changes[-1].regions

    @property
    def changes(self) -> list[Route | News]:
        """All of them, oldest first."""
        return sorted([*self.routes, *self.news], key=_time)

    @property
    def stuck(self) -> NewsKind | None:
        """Why the route leads to a lost region, if it does."""
        return NewsKind(self.serving) if self.serving in _STUCK else None

    @property
    def who_serves(self) -> str:
        return f"{self.regions[0]} LEADS AND IS LOST" if self.stuck else f"serving from {self.regions[0]}"

    @property
    def has_moved(self) -> bool:
        return any(route.moved_at == route.decided_at for route in self.routes)

    @property
    def gist(self) -> tuple[object, ...]:
        """Equal for those that one message tells of."""
        if not self.news:
            return (self.observer, self.regions, self.has_moved, self.serving)
        return (self.observer, self.regions[0], self.serving, *((each.kind, each.region) for each in self.news))


def together(bulletins: Sequence[Bulletin]) -> list[tuple[Bulletin, ...]]:
    """One group a message."""
    groups: dict[object, list[Bulletin]] = {}
    for bulletin in bulletins:
        groups.setdefault(bulletin.gist, []).append(bulletin)
    return [tuple(group) for group in groups.values()]


class Message(NamedTuple):
    subject: str
    text: str


class Sender(NamedTuple):
    deployment: str
    account: str


def message(bulletins: Sequence[Bulletin], sender: Sender) -> Message:
    """Of one group of `together`."""
    return Message(_subject(bulletins, sender), "\n".join(_text(bulletins, sender)))


def _subject(bulletins: Sequence[Bulletin], sender: Sender) -> str:
    of = f" {_brief(sender.deployment)}" if sender.deployment != EVENT_SOURCE else ""
    subject = f"[{EVENT_SOURCE}{of}] {_headline(bulletins)}"
    return subject.encode("ascii", "replace").decode()[:MAX_SUBJECT]


def _headline(bulletins: Sequence[Bulletin]) -> str:
    first = bulletins[0]
    whom = f"{len(bulletins)} key sets" if len(bulletins) > 1 else _brief(first.key_set)
    last, head, serves = _last(first), first.regions[0], first.who_serves
    if last is None:
        still = serves if first.stuck else f"still served from {head}"
        return f"MOVED {whom} to {head}" if first.has_moved else f"REORDERED {whom}: {still}"
    regions = ", ".join(each.region for each in _latest(first) if each.kind is last.kind)
    return {
        NewsKind.ALL_LOST: f"ALL LOST: no region can be used for {whom}",
        NewsKind.NO_TARGET: f"LOST {regions} for {whom}: NO OTHER REGION ANSWERS",
        NewsKind.HELD: f"LOST {regions} for {whom}: AN ORDER KEEPS IT THERE",
        NewsKind.LOST: f"LOST {regions} for {whom}: {serves}",
        NewsKind.NOT_READY: f"NOT READY {regions} for {whom}: {serves}",
        NewsKind.RECOVERED: f"RECOVERED {regions} for {whom}: {serves}",
        NewsKind.READY: f"READY AGAIN {regions} for {whom}: {serves}",
    }[last.kind]


def _brief(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."


def _last(bulletin: Bulletin) -> News | None:
    """Of what is so now the worst."""
    return min(_latest(bulletin), key=lambda each: _WORST_FIRST.index(each.kind), default=None)


def _latest(bulletin: Bulletin) -> Collection[News]:
    """What is so now: of each region the latest news, and whether the route is stuck."""
    latest: dict[str, News] = {}
    for each in bulletin.news:
        latest["" if each.kind in _STUCK else each.region] = each
    stuck = latest.get("")
    if stuck is not None and stuck.region in latest and latest[stuck.region].kind is not NewsKind.LOST:
        del latest[""]  # it is back meanwhile
    if stuck is not None and bulletin.regions[0] != stuck.region:
        latest.pop("", None)  # the route has left it meanwhile
    return latest.values()


# The text


def _text(bulletins: Sequence[Bulletin], sender: Sender) -> Iterator[str]:
    first = bulletins[0]
    last = _last(first)
    began = min(_time(b.changes[0]) for b in bulletins)
    yield f"WHAT: {_headline(bulletins)}."
    yield f"SINCE: {began:%Y-%m-%d %H:%M:%S} UTC, as {first.observer} sees it."
    yield from _reasons(bulletins)
    yield f"WHAT YOU MUST DO: {_what_to_do(first, _pressing(first, last), sender)}"
    yield f"LOOK: {_command('status', first, sender)}"
    yield f'READ: runbooks/README.md, "I got this message", {_row(first, _pressing(first, last))}.'
    yield f"FROM: deployment {sender.deployment}, account {sender.account}, region {first.observer}."
    yield f"KEY SETS ({len(bulletins)}): {_names([b.key_set for b in bulletins])}."
    yield f"WHAT WAS SEEN, for {first.key_set}:"
    yield from (f"- {line}" for line in _seen(first))


def _pressing(bulletin: Bulletin, last: News | None) -> NewsKind | None:
    """What asks something of people: a route that leads to a lost region before any news of another one."""
    kind = last.kind if last is not None else None
    return kind if kind in _STUCK else bulletin.stuck or kind


def _row(bulletin: Bulletin, kind: NewsKind | None) -> str:
    """Of the runbook's table."""
    if kind is not None:
        return kind.upper()
    return "MOVED" if bulletin.has_moved else "REORDERED"


def _time(change: Route | News) -> datetime:
    return change.at if isinstance(change, News) else change.decided_at


def _reasons(bulletins: Sequence[Bulletin]) -> Iterator[str]:
    of: dict[str, list[str]] = {}
    for bulletin in bulletins:
        reasons = [*(news.reason for news in bulletin.news[-2:]), *(route.reason for route in bulletin.routes[-1:])]
        for reason in dict.fromkeys(reasons):
            of.setdefault(_line(reason), []).append(bulletin.key_set)
    for reason, names in islice(of.items(), MOST_REASONS):
        whose = f" ({_names(names)})" if len(names) < len(bulletins) else ""
        yield f"WHY: {reason}{whose}."
    if len(of) > MOST_REASONS:
        yield f"WHY: and {len(of) - MOST_REASONS} other reasons."


def _seen(bulletin: Bulletin) -> Iterator[str]:
    """How it came to this, and what the latest change of the route rested on."""
    for change in bulletin.changes[-MOST_LINES:]:
        what = f"{change.kind} {change.region}" if isinstance(change, News) else f"route {' > '.join(change.regions)}"
        yield f"{_time(change):%H:%M:%S} UTC {what}: {_line(change.reason)}"
    for route in bulletin.routes[-1:]:
        yield from (_line(line) for line in route.evidence[:MOST_LINES])


def _names(names: Sequence[str]) -> str:
    named = ", ".join(names[:MOST_NAMED])
    return named if len(names) <= MOST_NAMED else f"{named} and {len(names) - MOST_NAMED} more"


def _line(text: str) -> str:
    return shown(text, LONGEST_LINE)


def _what_to_do(bulletin: Bulletin, kind: NewsKind | None, sender: Sender) -> str:
    if kind is None:
        return "nothing, if this is what you or the service meant to do."
    reason = '--reason "..."'
    return {
        NewsKind.ALL_LOST: "look from the other region too: the likelier culprit is this observer's own network."
        " Callers go on trying every region.",
        NewsKind.NO_TARGET: "find out what the other regions lack; the route leaves as soon as one of them answers.",
        NewsKind.HELD: f"let it move, unless you mean it to stay: {_command('release', bulletin, sender, reason)}",
        NewsKind.LOST: "nothing for the callers: they are served. There is less to flee to until it is back. A key"
        " that is not usable is yours to mend.",
        NewsKind.NOT_READY: "find out why it does not answer the probe; until it does no route flees to it.",
        NewsKind.RECOVERED: "nothing, if the route is where it belongs or its failback is automatic; else, once nothing"
        f" is owed: {_command('failback', bulletin, sender, reason)}",
        NewsKind.READY: "nothing.",
    }[kind]


def _command(action: str, bulletin: Bulletin, sender: Sender, more: str = "") -> str:
    where = f"--deployment {sender.deployment} --region {bulletin.observer} --key-set {bulletin.key_set}"
    return f"kms-failover {action} {where} {more}".rstrip()
