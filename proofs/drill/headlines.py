"""The handful of figures at the top of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_MEASURED = "not measured"
SECOND_MS = 1000


@dataclass(frozen=True)
class Headline:
    figure: str
    label: str
    note: str
    bad: bool = False


def headlines(report: Mapping[str, Any]) -> list[Headline]:
    """In the order in which a reader asks: did anything fail, can I read my data, how long did it take."""
    requests, objects = report["requests"], report["objects"]
    preferred, other = report["regions"]["preferred"], report["regions"]["other"]
    coverage, debt = report["coverage"], report["debt"]
    return [
        Headline(
            f"{requests['failed']} of {requests['total']}",
            "requests failed",
            f"{requests['rerouted']} answered by another region, {requests['degraded']} with a wrap still to be made",
            bad=bool(requests["failed"]) or not requests["total"],
        ),
        Headline(
            f"{shown(objects['opened_in_secondary'])} of {objects['total']}",
            f"files read in {other} during the outage",
            "with that region's KMS alone, each SHA-256 equal to the file's",
            bad=objects["opened_in_secondary"] != objects["total"],
        ),
        Headline(
            duration(report["first_request_after_fault_ms"]),
            "the first request after the fault",
            f"from {preferred}, whose own KMS had just gone silent; p99 during the outage "
            f"{duration(report['p99_ms']['during'])}, before it {duration(report['p99_ms']['before'])}",
            bad=report["first_request_after_fault_ms"] is None,
        ),
        Headline(
            seconds(report["detection_seconds"]),
            "until the fault was known for certain",
            f"the slower region's route changed after {seconds(report['route_change_seconds'])}; requests went on",
            bad=report["route_change_seconds"] is None,
        ),
        Headline(
            f"{percent(coverage['before'])} → {percent(coverage['after'])}",
            f"of the copies open in {other} alone",
            "as replicated, and after the service rewrapped what arrived",
            bad=coverage["after"] != 1,
        ),
        Headline(
            f"{shown(debt['peak'])} → {shown(debt['after'])}",
            "objects owed a wrap",
            f"at the peak of the outage, and after {preferred} was back",
            bad=debt["after"] != 0,
        ),
        Headline(
            f"{shown(objects['opened_in_primary_after'])} of {objects['total']}",
            f"files open with {preferred} alone afterwards",
            "those written during the outage too",
            bad=objects["opened_in_primary_after"] != objects["total"],
        ),
        Headline(
            seconds(report["reimport_seconds"]),
            "from expiry to restored material",
            "imported from custody by the service, woken by the expiry event",
            bad=report["reimport_seconds"] is None,
        ),
    ]


def shown(value: float | str | None) -> str:
    """For people: no needless digits, and a word where there is no figure."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 or value.is_integer() else f"{value:.1f}"
    return str(value)


def duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return NOT_MEASURED
    return f"{milliseconds / SECOND_MS:.2f} s" if milliseconds >= SECOND_MS else f"{milliseconds:.0f} ms"


def seconds(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.1f} s"


def percent(share: float | None) -> str:
    """Rounded towards zero: 99.96 % is not 100 %."""
    if share is None:
        return NOT_MEASURED
    return f"{int(share * 1000) / 10:g} %"
