"""`kms-failover apply`: shows what would change, looks at the keys, asks, and writes; keeps what it replaces."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.aws_config import aws_config
from kms_failover.adapters.classify import classify
from kms_failover.adapters.key_look import look
from kms_failover.adapters.key_set_journal import WRITE, KeySetJournal
from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.adapters.sent_requests import SentRequests
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.naming import Deployment
from kms_failover.domain.runbook.key_set_plan import KeySetPlan, unreadable_secrets
from kms_failover.domain.runbook.member_check import Look
from kms_failover.errors import ConfigurationError, UnreadableItemError, WriteConflictError
from kms_failover_command.apply_text import difference_lines, former_line, listed, words_of
from kms_failover_command.outcome import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    CommandError,
    explained,
    local_author,
)
from kms_failover_command.terminal import agrees, complain, is_attended, notice

PATIENCE = aws_config(3, attempts=3, read_seconds=10)  # a person waits
AWS_ERRORS = (ClientError, BotoCoreError, ValueError)  # ValueError: an endpoint URL that is none

type Tell = Callable[[Sequence[str]], None]
type Journals = dict[str, KeySetJournal]


@dataclass(frozen=True)
class ApplyRequest:
    """The key sets of `file`; or else the former version of `key_set`."""

    file: Path | None
    key_set: str | None
    regions: tuple[str, ...]
    deployment: str
    remove_member: tuple[str, ...]
    author: str | None
    yes: bool
    unchecked: bool
    tell: Tell


def apply_key_sets(request: ApplyRequest) -> dict[str, Any]:
    """What is in force now, and the difference.

    Raises:
        ConfigurationError: the file says something wrong.
        CommandError: refused or not agreed to, and nothing was written; or it failed on the way, and says how far.
    """
    wanted = read_key_sets(request.file).key_sets if request.file else ()
    author = request.author or local_author()
    regions = tuple(dict.fromkeys(request.regions))
    try:
        plan, journals = _plan(request, wanted, regions)
        request.tell(difference_lines(plan.difference, regions))
        if plan.writes or request.remove_member:
            _refuse(request, plan)
        if plan.writes:
            _agree(request, plan)
    except KeyboardInterrupt as error:
        raise CommandError("Interrupted", "interrupted: nothing was written", EXIT_INTERRUPTED) from error
    _write(request, plan, journals, author)
    return {
        "applied": [key_set.name for key_set in plan.written],
        "unchanged": [key_set.name for key_set in plan.wanted if key_set not in plan.written],
        "regions": list(regions),
        "Difference": plan.difference_as_json,
    }


def valid_key_sets(file: Path, deployment: str) -> list[str]:
    """Their names. ConfigurationError where the file says something wrong."""
    key_sets = read_key_sets(file).key_sets
    if wrong := list(unreadable_secrets(key_sets, Deployment(deployment))):
        raise ConfigurationError("\n".join(f"{file}: {problem}" for problem in wrong))
    return [key_set.name for key_set in key_sets]


# What is in force


def _plan(request: ApplyRequest, wanted: Sequence[KeySet], regions: Sequence[str]) -> tuple[KeySetPlan, Journals]:
    journals: Journals = {}
    in_force = {}
    for region in regions:
        try:
            with notice(f"reading what is in force in {region}"):
                journals[region] = _journal(request.deployment, region)
                in_force[region] = journals[region].in_force()
        except AWS_ERRORS as error:
            raise _unread(request, region, regions, error) from error
    if request.key_set is not None:
        return KeySetPlan((_former(request, request.key_set, journals),), in_force, whole=False), journals
    return KeySetPlan(tuple(wanted), in_force), journals


def _journal(deployment: str, region: str) -> KeySetJournal:
    tables = boto3.resource("dynamodb", region_name=region, config=PATIENCE)
    return KeySetJournal(tables.Table(Deployment(deployment).state_table), region, _tell_unread)


def _tell_unread(errors: Sequence[UnreadableItemError]) -> None:
    complain([f"  UNREAD {error.item}: {error.reason}" for error in errors])


def _unread(request: ApplyRequest, region: str, regions: Sequence[str], error: Exception) -> CommandError:
    lines = [f"{region}: {explained(error, request.deployment, region)}. Nothing was written"]
    if len(regions) > 1 and (isinstance(error, ClientError) or classify(error) is FaultClass.REGION):
        lines.append(f"Without --region {region} the others can be written; their tables carry it there later.")
    return CommandError(type(error).__name__, lines, EXIT_FAILED)


def _former(request: ApplyRequest, name: str, journals: Journals) -> KeySet:
    name = name.removeprefix("alias/")
    found = []
    for region, journal in journals.items():
        try:
            found += [former] if (former := journal.former(name)) else []
        except AWS_ERRORS as error:
            raise _unread(request, region, tuple(journals), error) from error
    if not found:
        known = f"no former version of key set {name!r} is kept in {listed(tuple(journals))}: nothing was written"
        raise CommandError("NoFormerKeySet", known, EXIT_REFUSED)
    former = max(found, key=lambda one: one.replaced_at)
    if former.key_set is None:
        problem = f"this version cannot read the former version of key set {name!r}: nothing was written"
        raise CommandError("NoFormerKeySet", problem, EXIT_REFUSED)
    complain([former_line(former)])
    return former.key_set


# Whether it may be written


def _refuse(request: ApplyRequest, plan: KeySetPlan) -> None:
    """CommandError with every reason there is."""
    members = plan.members
    with notice(f"looking at {len(members)} keys in {listed(sorted({m.region for m in members}))}"):
        looks = look(tuple(members))
    request.tell(
        [
            f"  WARNING: {problem}; it is in force already"
            for one in looks
            if not members[one.member]
            for problem in _problem(one)
        ]
    )
    new = [one for one in looks if members[one.member]]
    reasons = [*plan.contradictions, *(one.objection() for one in new if one.objection())]
    unseen = [f"{one.member.arn} could not be looked at: {one.unseen}" for one in new if one.unseen]
    if request.unchecked:
        request.tell([f"  NOT LOOKED AT: {line}" for line in unseen])
    elif unseen:
        reasons += [*unseen, "mend that, or add --unchecked if you know that these keys are what the file says"]
    reasons += plan.unreadable_secrets(Deployment(request.deployment))
    reasons += plan.not_removed(request.remove_member)
    going = [arn for arn in plan.lost if arn not in request.remove_member]
    reasons += [f"{arn} goes, and what only it opens cannot be opened then" for arn in going]
    if going:
        flags = " ".join(f"--remove-member {arn}" for arn in going)
        reasons.append(f"if no bundle and no object needs it any more, add {flags}")
    if reasons:
        lines = ["refused, nothing was written:", *(f"  {reason}" for reason in reasons)]
        raise CommandError("Refused", lines, EXIT_REFUSED, {"Difference": plan.difference_as_json})


def _problem(one: Look) -> Iterator[str]:
    if one.unseen:
        yield f"{one.member.arn} could not be looked at: {one.unseen}"
    elif one.objection():
        yield one.objection()


def _agree(request: ApplyRequest, plan: KeySetPlan) -> None:
    if request.yes:
        return
    answer = {"Difference": plan.difference_as_json}
    if not is_attended():
        problem = "nobody is there to be asked, and nothing was written: read the difference, and add --yes"
        raise CommandError("NotAsked", problem, EXIT_REFUSED, answer)
    where = listed([write.region for write in plan.writes])
    asked = f"Put this into force in deployment {request.deployment!r}, {where}, and wherever their tables carry it?"
    if not agrees(asked):
        raise CommandError("NotAgreed", "nothing was written", EXIT_REFUSED, answer)


# Writing


def _write(request: ApplyRequest, plan: KeySetPlan, journals: Journals, author: str) -> None:
    now, done, sent = datetime.now(UTC), 0, SentRequests()

    def ended(code: str, why: str, status: int, *, may_have_arrived: bool) -> CommandError:
        words = words_of(plan.writes, done, may_have_arrived=may_have_arrived)
        return CommandError(code, [why, *words], status, {"Difference": plan.difference_as_json})

    try:
        for write in plan.writes:
            sent = SentRequests()
            sent.watch(journals[write.region].client, WRITE)
            with notice(f"writing {write}"):
                journals[write.region].replace(write.key_set, write.seen, now, author)
            done += 1
    except KeyboardInterrupt as error:
        may_have_arrived = sent.may_have_arrived(error)
        raise ended("Interrupted", "interrupted", EXIT_INTERRUPTED, may_have_arrived=may_have_arrived) from error
    except WriteConflictError as error:
        why = f"somebody else has applied {plan.writes[done]} since it was shown"
        raise ended("Conflict", why, EXIT_REFUSED, may_have_arrived=False) from error
    except AWS_ERRORS as error:
        region = plan.writes[done].region
        why = f"{region}: {explained(error, request.deployment, region)}"
        may_have_arrived = sent.may_have_arrived(error)
        raise ended(type(error).__name__, why, EXIT_FAILED, may_have_arrived=may_have_arrived) from error
