"""The document of a suite: which behaviours are proved, which are assumed, which endpoints lie where."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from .results import Outcome, Result
from .suite import Suite

SYMBOLS = {Outcome.PASS: "pass", Outcome.FAIL: "**fail**", Outcome.NOT_OFFERED: "n/a"}


def write(suite: Suite, by_target: Mapping[str, list[Result]]) -> None:
    suite.document.write_text("\n".join(_lines(suite, by_target)) + "\n")


def _lines(suite: Suite, by_target: Mapping[str, list[Result]]) -> Iterator[str]:
    reference, names = by_target[suite.ours[0].key], suite.names
    yield suite.head
    yield from _summary(by_target, names)
    yield from _lies(suite, by_target)
    yield from _assumptions(suite, reference)
    outcomes = {key: {one.case: one.outcome for one in results} for key, results in by_target.items()}
    for area, cases in groupby(reference, key=lambda one: area_of(suite, one)):
        yield f"\n## {area}\n"
        yield "| behaviour | basis | source | " + " | ".join(names[key] for key in by_target) + " |"
        yield "|---|---|---|" + "---|" * len(by_target)
        for one in cases:
            cells = [SYMBOLS.get(outcomes[key].get(one.case, Outcome.NOT_OFFERED), "") for key in by_target]
            basis = "assumed" if one.assumed else "proved"
            yield f"| {said(one.case)} | {basis} | {', '.join(one.sources)} | {' | '.join(cells)} |"


def _summary(by_target: Mapping[str, list[Result]], names: Mapping[str, str]) -> Iterator[str]:
    yield "| endpoint | pass | fail | not offered |"
    yield "|---|---|---|---|"
    for key, results in by_target.items():
        counts = [sum(one.outcome is outcome for one in results) for outcome in Outcome]
        yield f"| {names[key]} | {' | '.join(str(count) for count in counts)} |"


def _lies(suite: Suite, by_target: Mapping[str, list[Result]]) -> Iterator[str]:
    for key, results in by_target.items():
        failed = [one for one in results if one.outcome is Outcome.FAIL]
        if not failed:
            continue
        lies = [one for one in failed if not one.assumed]
        differences = [one for one in failed if one.assumed]
        yield f"\n## Where {suite.names[key]} lies\n"
        yield f"{len(lies)} times; and {len(differences)} times it differs from what we only assume of AWS, below.\n"
        yield "| area | behaviour | what it does |"
        yield "|---|---|---|"
        yield from (_reason_row(suite, one, one.reason) for one in lies)
        yield "\n| area | behaviour that is assumed | what it does |"
        yield "|---|---|---|"
        yield from (_reason_row(suite, one, one.reason) for one in differences)


def _assumptions(suite: Suite, reference: list[Result]) -> Iterator[str]:
    yield "\n## What is assumed\n"
    yield "| area | behaviour | UNCONFIRMED | what source there is |"
    yield "|---|---|---|---|"
    yield from (
        f"{_reason_row(suite, one, one.assumed)} {', '.join(one.sources)} |"
        for one in reference
        if one.assumed is not None
    )


def _reason_row(suite: Suite, one: Result, text: str) -> str:
    return f"| {area_of(suite, one)} | {said(one.case)} | {_cell(text)} |"


def area_of(suite: Suite, one: Result) -> str:
    name = one.case.partition("::")[0]
    return suite.areas.get(name, name)


def said(case: str) -> str:
    """`test_import.py::test_a_token_is_good[x]` as "a token is good (x)"."""
    name, _, parameters = case.partition("::test_")[2].partition("[")
    text = name.replace("_", " ")
    return f"{text} ({parameters.removesuffix(']')})" if parameters else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
