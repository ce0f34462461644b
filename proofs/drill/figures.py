"""From what was recorded to the report's figures: pure, so that it can be tested."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from proofs.drill.traffic import Record

LATENCY_BUCKET_SECONDS = 5
PHASES = ("before", "during", "after")


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest rank: p99 of 100 values is the 99th; None of none."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1) if ordered else None


def kind(record: Record) -> str:
    """The one category a request is drawn in; the totals count rerouted and degraded each for themselves."""
    if record.failed:
        return "failed"
    if record.rerouted:
        return "rerouted"
    return "degraded" if record.degraded else "usual"


def phase(at: float, fault: float | None, recovery: float | None) -> str:
    if fault is None or at < fault:
        return "before"
    return "during" if recovery is None or at < recovery else "after"


def totals(records: Sequence[Record]) -> dict[str, int]:
    return {
        "total": len(records),
        "failed": sum(r.failed for r in records),
        "rerouted": sum(r.rerouted for r in records),
        "degraded": sum(r.degraded for r in records),
    }


def latencies(records: Sequence[Record]) -> dict[str, float | None]:
    spent = [r.milliseconds for r in records]
    return {"p50_ms": percentile(spent, 0.5), "p99_ms": percentile(spent, 0.99)}


def by_phase(records: Sequence[Record], fault: float | None, recovery: float | None) -> list[dict[str, Any]]:
    def group(record: Record) -> tuple[int, str, str]:
        return PHASES.index(phase(record.at, fault, recovery)), record.client, record.region

    return [
        {"phase": PHASES[number], "client": client, "region": region} | totals(members) | latencies(members)
        for (number, client, region), found in groupby(sorted(records, key=group), key=group)
        for members in [list(found)]
    ]


def phase_latencies(
    records: Sequence[Record], fault: float | None, recovery: float | None, name: str
) -> dict[str, float | None]:
    in_phase = {p: [r for r in records if phase(r.at, fault, recovery) == p] for p in PHASES}
    return {p: latencies(found)[name] for p, found in in_phase.items()}


def first_request_after(records: Sequence[Record], fault: float | None, region: str) -> float | None:
    """Milliseconds that the first request from `region` took which began after the fault."""
    later = [r for r in records if fault is not None and r.at >= fault and r.region == region]
    return round(min(later, key=lambda r: r.at).milliseconds, 1) if later else None


def per_second(records: Sequence[Record], began: float) -> list[dict[str, int]]:
    """Every second from the first to the last, those without requests too."""
    seconds = [math.floor(r.at - began) for r in records]
    empty = {"usual": 0, "degraded": 0, "rerouted": 0, "failed": 0}
    rows = {s: {"second": s} | empty for s in range(min(seconds, default=0), max(seconds, default=-1) + 1)}
    for second, record in zip(seconds, records, strict=True):
        rows[second][kind(record)] += 1
    return list(rows.values())


def latency_series(records: Sequence[Record], began: float) -> list[dict[str, Any]]:
    def bucket(record: Record) -> int:
        return math.floor((record.at - began) / LATENCY_BUCKET_SECONDS)

    return [
        {"at_seconds": (number + 0.5) * LATENCY_BUCKET_SECONDS} | latencies(members) | _medians(members)
        for number, found in groupby(sorted(records, key=bucket), key=bucket)
        for members in [list(found)]
    ]


def _medians(records: Sequence[Record]) -> dict[str, float | None]:
    """By client: a function's call takes longer than the library's, so the median of both would be of neither."""
    return {
        f"p50_{client}_ms": percentile((r.milliseconds for r in records if r.client == client), 0.5)
        for client in ("function", "library")
    }


def dots(records: Sequence[Record], began: float) -> list[list[float | str]]:
    return [[round(r.at - began, 2), round(r.milliseconds, 1), kind(r)] for r in records]


def since(text: str | None) -> float | None:
    """Epoch seconds of an ISO 8601 time."""
    return datetime.fromisoformat(text).timestamp() if text else None


def changed_to(history: Sequence[Mapping[str, Any]], head: str, after: float) -> Mapping[str, Any] | None:
    """The first route change after a moment that put this region first. The newest come first in a history."""
    later = [h for h in history if h["Regions"][0] == head and (since(h["DecidedAt"]) or 0.0) >= after]
    return min(later, key=lambda h: since(h["DecidedAt"]) or 0.0, default=None)


def succeeded(calls: Mapping[str, Mapping[str, Any]], region: str) -> dict[str, int]:
    """Calls that succeeded at one region's KMS, by operation."""
    return {name: outcomes["succeeded"] for name, outcomes in calls.get(region, {}).items()}


def more(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What was added between two counts; empty where nothing was."""
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in grown.items() if count}
