"""The report's charts, each from the report's own series."""

from collections.abc import Mapping, Sequence
from typing import Any

from proofs.drill.charts import Chart, Mark

# In the order in which a second's bar is stacked; each request is in one of them, the last that applies
OUTCOMES = {
    "usual": "as usual",
    "degraded": "one wrap missing (debt)",
    "rerouted": "answered by the other region",
    "failed": "failed",
}
LATENCY_LINES = {
    "p50_library_ms": "p50, library (5 s)",
    "p50_function_ms": "p50, function (5 s)",
    "p99_ms": "p99, all (5 s)",
}
DEFAULT_SECONDS = 60.0
LATENCY_FLOOR_MS = 1.0
SAME_MOMENT_SECONDS = 0.5
HEADROOM = 1.12

type Report = Mapping[str, Any]


def marks(report: Report) -> list[Mark]:
    """In order; what the same region did in the same moment shares one mark: `us-west-2 detects, reroutes`."""
    merged: list[Mark] = []
    for moment in sorted(report["timeline"], key=lambda m: m["at_seconds"]):
        at, label = moment["at_seconds"], moment["label"]
        before = merged[-1] if merged else None
        subject, _, deed = label.partition(" ")
        if before and at - before.at < SAME_MOMENT_SECONDS and before.label.startswith(f"{subject} "):
            merged[-1] = Mark(before.at, f"{before.label}, {deed}", before.kind)
        else:
            merged.append(Mark(at, label, moment.get("kind", "event")))
    return merged


def span(report: Report) -> tuple[float, float]:
    """All charts have the same horizontal axis, so that they can be read one below the other."""
    series = report["series"]
    last = [0.0, *(row["second"] + 1.0 for row in series["requests"]), *(m["at_seconds"] for m in report["timeline"])]
    last += [row["at_seconds"] for name in ("coverage", "debt") for row in series[name]]
    first = [0.0, *(row["at_seconds"] for name in ("coverage", "debt") for row in series[name])]
    return min(first), max(last) if max(last) > 0 else DEFAULT_SECONDS


def requests_chart(report: Report) -> str:
    rows = report["series"]["requests"]
    highest = max((sum(row[kind] for kind in OUTCOMES) for row in rows), default=0) or 1
    chart = _chart(report, "Requests by outcome", "requests per second", (0, highest * HEADROOM))
    for row in rows:
        base = 0
        for kind, label in OUTCOMES.items():
            if count := row[kind]:
                chart.bar(row["second"], row["second"] + 1, base, count, kind, f"{row['second']} s: {count} {label}")
                base += count
    return chart.svg()


def latency_chart(report: Report) -> str:
    series = report["series"]
    spent = [ms for _, ms, _ in series["dots"]] or [LATENCY_FLOOR_MS, 100.0]
    scale = max(min(spent) * 0.7, LATENCY_FLOOR_MS), max(*spent, 10.0) * 1.4
    chart = _chart(report, "Latency", "milliseconds (log scale)", scale, height=300, log=True)
    for kind in OUTCOMES:
        chart.dots([(at, ms) for at, ms, outcome in series["dots"] if outcome == kind], kind)
    for name in LATENCY_LINES:
        points = [(row["at_seconds"], row[name]) for row in series["latency"] if row.get(name) is not None]
        chart.line(points, name.removesuffix("_ms").replace("_", "-"))
    return chart.svg()


def coverage_chart(report: Report) -> str:
    rows = report["series"]["coverage"]
    chart = _chart(report, "Coverage", "objects that open (%)", (0, 100 * 1.06), height=170)
    chart.y_format = lambda value: f"{value:g} %"
    for region, kind in regions(rows):
        _region_line(chart, rows, region, kind, factor=100)
    return chart.svg()


def debt_chart(report: Report) -> str:
    rows = report["series"]["debt"]
    highest = max((count for row in rows for count in row["regions"].values()), default=0)
    chart = _chart(report, "Wrap debt", "objects owed a wrap", (0, max(highest, 4) * HEADROOM), height=170)
    for region, kind in regions(rows):
        _region_line(chart, rows, region, kind)
    return chart.svg()


def regions(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Each region of the rows with its CSS class."""
    names = sorted({region for row in rows for region in row["regions"]})
    return [(name, f"region{number}") for number, name in enumerate(names)]


def _region_line(chart: Chart, rows: Sequence[Mapping[str, Any]], region: str, kind: str, factor: float = 1) -> None:
    points = [(row["at_seconds"], row["regions"][region] * factor) for row in rows if region in row["regions"]]
    chart.line(points, kind, steps=True)


def _chart(
    report: Report, title: str, y_label: str, y_range: tuple[float, float], *, height: int = 220, log: bool = False
) -> Chart:
    chart = Chart(title, y_label, span(report), y_range, height=height, log=log, marks=marks(report))
    outage = {m["kind"]: m["at_seconds"] for m in report["timeline"] if m.get("kind") in {"fault", "recovery"}}
    if "fault" in outage:
        chart.band(outage["fault"], outage.get("recovery", span(report)[1]), "outage")
    return chart
