"""What an operator reads of a change of key sets, before and after it is made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kms_failover.domain.runbook.key_set_change import ChangeKind, FieldChange, FormerKeySet, KeySetChange
from kms_failover.domain.runbook.key_set_plan import Write
from kms_failover_command.times import in_utc

_KINDS = {
    ChangeKind.NEW: "new, in {where}",
    ChangeKind.CHANGED: "changes in {where}",
    ChangeKind.UNREADABLE: "in force in {where}, and this version cannot read it: it is replaced by",
    ChangeKind.UNCHANGED: "unchanged in {where}",
    ChangeKind.STAYS: "in force in {where} and not in the file: it stays as it is",
}


def difference_lines(difference: Iterable[tuple[KeySetChange, Sequence[str]]], asked: Sequence[str]) -> list[str]:
    """`asked` are all regions that the command names: there is a stack in each, or it could not read its table."""
    return [line for change, regions in difference for line in _change_lines(change, regions, asked)]


def _change_lines(change: KeySetChange, regions: Sequence[str], asked: Sequence[str]) -> Iterator[str]:
    yield f"{change.key_set}: {_KINDS[change.kind].format(where=listed(regions))}"
    yield from (f"  {_detail(detail)}" for detail in change.details)
    if change.accounts:
        yield f"  ! its members lie in accounts {listed(change.accounts)}: each owner can open every new data key,"
        yield "    and a caller asks only those of the accounts that it allows (docs/decisions/0021)"
    for arn in change.lost:
        yield f"  ! {arn} GOES: what only it opens, nobody opens through this key set any more"
    if any(detail.before is None and detail.field.startswith("member ") for detail in change.details):
        yield "  a new member key must stand in MemberKeyArns of the stacks in every region as well"
    yield from _of_buckets(change, asked)


def _of_buckets(change: KeySetChange, asked: Sequence[str]) -> Iterator[str]:
    """What a new one needs: without it nothing happens in it, and nothing rings."""
    new = {
        detail.field.removeprefix("bucket "): detail.after
        for detail in change.details
        if detail.field.startswith("bucket ") and detail.after is not None
    }
    if new:
        yield "  a new bucket must stand in BucketNames of its region's stack, with its EventBridge notifications on:"
        yield "    nobody hears of its objects otherwise. What is in it already, a backfill finds: kms-failover sweep"
    for bucket, region in new.items():
        if region not in asked:
            yield f"  ! bucket {bucket} lies in {region}, which no --region names: if no stack is there, nothing in it"
            yield "    is ever brought under that region's key, and no alarm rings"


def _detail(detail: FieldChange) -> str:
    if detail.before is None:
        return f"+ {detail.field}: {detail.after}"
    if detail.after is None:
        gone = " (its objects are no longer kept openable)" if detail.field.startswith("bucket ") else ""
        return f"- {detail.field}: {detail.before}{gone}"
    return f"~ {detail.field}: {detail.before} -> {detail.after}"


def former_line(former: FormerKeySet) -> str:
    return f"{former.name} as it was until {in_utc(former.replaced_at)}, when {former.replaced_by} replaced it:"


def words_of(writes: Sequence[Write], done: int, *, may_have_arrived: bool) -> list[str]:
    """How far the writing has come, and what to type next."""
    current, later = writes[done], writes[done + 1 :]
    maybe = [current] if may_have_arrived else []
    left = [*([] if may_have_arrived else [current]), *later]
    lines = [f"  written: {listed(writes[:done])}"] if done else ["  nothing was written before that"]
    lines += [f"  written, or not, nobody knows: {listed(maybe)}"] if maybe else []
    lines += [f"  not written: {listed(left)}"] if left else []
    return [*lines, "  apply again: it shows what is in force then, and writes only what is lacking"]


def applied_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    if "valid" in answer:
        yield f"valid: {', '.join(answer['valid'])}"
    elif answer["applied"]:
        yield f"applied: {', '.join(answer['applied'])} (in {', '.join(answer['regions'])})"
    else:
        yield f"nothing to apply: it is in force already (in {', '.join(answer['regions'])})"


def listed(names: Sequence[object]) -> str:
    """`a`, `a and b`, `a, b and c`; each once."""
    words = list(dict.fromkeys(map(str, names)))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
