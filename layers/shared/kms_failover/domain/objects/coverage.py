"""Coverage: what of a bucket opens with its own region's key alone. Nothing counts that nobody has proved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.backfill import Backfill, Phase


@dataclass(frozen=True)
class CoverageGap:
    """Of a bucket: objects owed to its region, objects refused, and how many objects that is, for one can be both.

    `more`: there may be more than was counted, here or where nobody can tell the bucket of.
    """

    owed: int
    refused: int
    objects: int
    more: bool = False


class CoverageState(Protocol):
    """Satisfied by the state table."""

    def uncovered(self, key_set: str, region: str, bucket: str, at_most: int) -> CoverageGap: ...
    def backfill(self, key_set: str, bucket: str, phase: Phase) -> Backfill | None: ...


def coverage(state: CoverageState, key_set: KeySet, region: str, at_most: int) -> Mapping[str, Mapping[str, Any]]:
    """By bucket, JSON-ready. `Share` is None where it is not known, and `Unknown` says why.

    It is the share of the objects that the last backfill listed: what came since counts where it is owed or refused.
    `Later` says what became of one that began after it, and of which no end is recorded.
    """
    member = key_set.member_in(region)
    return {
        bucket.name: _of(state, key_set.name, bucket.name, region, member.arn if member else "", at_most)
        for bucket in key_set.buckets_in(region)
    }


def _of(state: CoverageState, key_set: str, bucket: str, region: str, key_arn: str, at_most: int) -> dict[str, Any]:
    uncovered = state.uncovered(key_set, region, bucket, at_most)
    ended = state.backfill(key_set, bucket, Phase.ENDED)
    begun = state.backfill(key_set, bucket, Phase.BEGUN)
    unknown = _unknown(ended, begun, key_arn, uncovered)
    listed = ended.listed if ended else None
    return {
        "Share": max(0.0, 1 - uncovered.objects / listed) if listed and not unknown else None,
        "Unknown": unknown,
        "Listed": listed,
        "ListedAt": ended.began_at.isoformat() if ended else None,
        "Later": _later(ended, begun),
        "Owed": uncovered.owed,
        "Refused": uncovered.refused,
        "OwedIsMore": uncovered.more,
    }


def _later(ended: Backfill | None, begun: Backfill | None) -> str:
    if ended is None or begun is None or begun.execution == ended.execution:
        return ""
    when = f"of {begun.began_at:%Y-%m-%d %H:%M} UTC"
    if begun.reason:
        return f"A LATER ONE, {when}, CAME TO NOTHING: its execution is {begun.reason}"
    return f"a later one, {when}, has not ended"


def _unknown(ended: Backfill | None, begun: Backfill | None, key_arn: str, uncovered: CoverageGap) -> str:
    """Why nobody can say what the share is; empty if somebody can."""
    if ended is None:
        return f"no backfill has looked at every object yet: {_first(begun)}"
    if not ended.is_complete:
        counts = f"{ended.failed} of {ended.listed} objects" if ended.failed is not None else "it"
        because = f", {ended.reason}" if ended.reason else ""
        return f"the last backfill, of {ended.began_at:%Y-%m-%d %H:%M} UTC, failed: {counts} failed{because}"
    if ended.key_arn != key_arn:
        return "the region's member key is another one since the last backfill: sweep starts one"
    if uncovered.more:
        return "more is owed or refused than can be counted"
    return "" if ended.listed else "there was no object when the last backfill listed the bucket"


def _first(begun: Backfill | None) -> str:
    if begun is None:
        return "sweep starts one"
    if begun.reason:
        return f"the one of {begun.began_at:%Y-%m-%d %H:%M} UTC came to nothing: its execution is {begun.reason}"
    return f"the one that began at {begun.began_at:%Y-%m-%d %H:%M} UTC has not ended"
