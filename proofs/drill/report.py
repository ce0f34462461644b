"""The drill's page, drawn from its `report.json` alone: `python -m proofs.drill.report build/drill/report.json`."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from proofs.drill import plots
from proofs.drill.headlines import headlines, shown
from proofs.drill.waiting import said

STYLE = Path(__file__).with_name("report.css")
EXIT_USAGE = 2
LONG = 40  # characters
PHASES = {"before": "before the fault", "during": "KMS in {region} silent", "after": "after KMS came back"}

type Report = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m proofs.drill.report REPORT.JSON", file=sys.stderr)
        return EXIT_USAGE
    source = Path(arguments[0])
    try:
        report = json.loads(source.read_text("utf-8"))
    except (OSError, ValueError) as error:
        print(f"no report to draw: {error}", file=sys.stderr)
        return EXIT_USAGE
    target = source.with_suffix(".html")
    target.write_text(page(report), "utf-8")
    print(target)
    return 0


def page(report: Report) -> str:
    """One HTML document that asks for nothing from outside."""
    body = [
        _header(report),
        _failures(report),
        _cards(report),
        _charts(report),
        _requests(report),
        _checks(report),
        _timeline(report),
        _settings(report),
        _versions(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_title(report)}</title>\n<style>\n{STYLE.read_text('utf-8')}</style></head>\n"
        f"<body><main>\n{''.join(part for part in body if part)}</main></body></html>\n"
    )


def _title(report: Report) -> str:
    return escape(f"kms-failover drill: {report['regions']['preferred']}'s KMS goes silent")


def _header(report: Report) -> str:
    checks = report["checks"]
    held = sum(check["ok"] for check in checks)
    word, kind = ("PASSED", "passed") if report["passed"] else ("FAILED", "failed-run")
    regions, objects = report["regions"], report["objects"]
    facts = (
        f"{objects['total']} real files, {regions['preferred']} and {regions['other']}, a local cloud on this machine; "
        f"{report['started_at'].replace('T', ' ')[:19]} UTC, {report['duration_seconds']:.0f} s after set-up"
    )
    return (
        f'<header><div><h1>{_title(report)}</h1><p class="soft">{escape(facts)}</p></div>'
        f'<div class="verdict {kind}"><strong>{word}</strong>{held} of {len(checks)} checks hold</div></header>\n'
    )


def _failures(report: Report) -> str:
    failed = [check for check in report["checks"] if not check["ok"]]
    if not failed:
        return ""
    items = "".join(
        f"<li><b>{escape(check['name'])}</b>: expected {_value(check['expected'])}, "
        f"observed {_value(check['observed'])}</li>"
        for check in failed
    )
    return f'<section class="paper failures"><h2>What did not hold</h2><ul>{items}</ul></section>\n'


def _cards(report: Report) -> str:
    cards = "".join(
        f'<div class="card{" bad" if card.bad else ""}"><b>{escape(card.figure)}</b>'
        f"<span>{escape(card.label)}</span><small>{escape(card.note)}</small></div>"
        for card in headlines(report)
    )
    return f'<section class="cards">{cards}</section>\n'


def _charts(report: Report) -> str:
    outcomes = [(f"var(--{kind})", label) for kind, label in plots.OUTCOMES.items()]
    colours = ("var(--p50)", "var(--p50-function)", "var(--p99)")
    thin = list(zip(colours, plots.LATENCY_LINES.values(), strict=True))
    preferred = report["regions"]["preferred"]
    silent = [("var(--outage)", f"KMS in {preferred} silent")]
    sections = [
        _chart(
            "Requests by outcome",
            "Data-key requests from both regions, through the function and the library, by the second they began.",
            plots.requests_chart(report),
            outcomes + silent,
        ),
        _chart(
            "Latency",
            "One dot a request, from call to answer, its plaintext checked.",
            plots.latency_chart(report),
            outcomes + silent,
            thin,
        ),
        _chart(
            "Coverage",
            "Share of the buckets' objects that open with nothing but the named region's KMS, by really opening them.",
            plots.coverage_chart(report),
            silent,
            _region_legend(report["series"]["coverage"], "with {} alone"),
        ),
        _chart(
            "Wrap debt",
            "Objects that lack a wrap they should have, as the service's own status counts them.",
            plots.debt_chart(report),
            silent,
            _region_legend(report["series"]["debt"], "owed to {}"),
        ),
    ]
    return "".join(sections)


def _region_legend(rows: Sequence[Mapping[str, Any]], text: str) -> list[tuple[str, str]]:
    return [(f"var(--{kind})", text.format(region)) for region, kind in plots.regions(rows)]


def _chart(
    title: str, note: str, svg: str, legend: Iterable[tuple[str, str]], thin: Iterable[tuple[str, str]] = ()
) -> str:
    items = [f'<li><i class="thin" style="background:{colour}"></i>{escape(label)}</li>' for colour, label in thin]
    items += [f'<li><i style="background:{colour}"></i>{escape(label)}</li>' for colour, label in legend]
    return (
        f'<section class="paper"><h2>{escape(title)}</h2><p class="soft">{escape(note)}</p>'
        f'<ul class="legend">{"".join(items)}</ul><div class="scroll">{svg}</div></section>\n'
    )


def _requests(report: Report) -> str:
    names = {key: text.format(region=report["regions"]["preferred"]) for key, text in PHASES.items()}
    rows = [
        [names.get(row["phase"], row["phase"]), row["client"], row["region"]]
        + [shown(row[name]) for name in ("total", "failed", "rerouted", "degraded", "p50_ms", "p99_ms")]
        for row in report["requests"]["by_phase"]
    ]
    head = ["when", "through", "from", "requests", "failed", "rerouted", "degraded", "p50 (ms)", "p99 (ms)"]
    note = "A rerouted request was answered by another region than usual; a degraded one left a wrap to be made later."
    return _section("What the callers saw", _table(head, rows, numbers_from=3), note)


def _checks(report: Report) -> str:
    ordered = sorted(report["checks"], key=lambda check: check["ok"])  # stable: steps stay in their order
    rows: list[str] = []
    for ok, with_same in groupby(ordered, key=lambda check: check["ok"]):
        for step, checks in groupby(with_same, key=lambda check: check["step"]):
            heading = step if ok else f"Did not hold: {step}"
            rows.append(f'<tr class="step"><th colspan="4">{escape(heading)}</th></tr>')
            rows += [_check(check) for check in checks]
    head = "<tr><th>check</th><th>expected</th><th>observed</th><th></th></tr>"
    return _section("All checks", f'<table class="checks"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>')


def _check(check: Mapping[str, Any]) -> str:
    row, mark = ("", '<span class="ok">holds</span>') if check["ok"] else ("bad", '<span class="not-ok">FAILED</span>')
    cells = f"<td>{escape(check['name'])}</td><td>{_value(check['expected'])}</td><td>{_value(check['observed'])}</td>"
    return f'<tr class="{row}">{cells}<td>{mark}</td></tr>'


def _timeline(report: Report) -> str:
    ordered = sorted(report["timeline"], key=lambda m: m["at_seconds"])
    rows = [[f"{m['at_seconds']:.1f}", m["label"], m.get("detail", "")] for m in ordered]
    return _section("What happened when", _table(["at (s)", "event", "as recorded by"], rows))


def _settings(report: Report) -> str:
    rows = [[s["name"], shown(s["default"]), shown(s["used"]), s["why"]] for s in report["settings"]]
    return _section("Settings that differ from the defaults", _table(["setting", "default", "here", "why"], rows))


def _versions(report: Report) -> str:
    rows = [[name, version] for name, version in report["versions"].items()]
    return _section("Versions", _table(["what", "version"], rows))


def _section(title: str, content: str, note: str = "") -> str:
    said = f'<p class="soft">{escape(note)}</p>' if note else ""
    return f'<section class="paper"><h2>{escape(title)}</h2>{said}<div class="scroll">{content}</div></section>\n'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int | None = None) -> str:
    def kind(column: int) -> str:
        return ' class="n"' if numbers_from is not None and column >= numbers_from else ""

    top = "".join(f"<th{kind(n)}>{escape(name)}</th>" for n, name in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{kind(n)}>{escape(cell)}</td>" for n, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _value(value: object) -> str:
    """For people; a list that is long in words becomes lines."""
    if value in ([], {}):
        return "none"
    if isinstance(value, list) and any(len(str(one)) > LONG for one in value):
        return "<br>".join(escape(str(one)) for one in value)
    if isinstance(value, float):
        return f"{value:g}"  # 0.9867 is not 1.0
    return escape(shown(None) if value is None else said(value))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
