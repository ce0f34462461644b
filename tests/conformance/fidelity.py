"""docs/fidelity.md: which behaviours are proved, which are assumed, which endpoints lie where."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from .results import Outcome, Result

REFERENCE = "strict"
SYMBOLS = {Outcome.PASS: "pass", Outcome.FAIL: "**fail**", Outcome.NOT_OFFERED: "n/a"}
AREAS = {
    "test_import_parameters.py": "Import parameters",
    "test_import.py": "Importing material",
    "test_expiry.py": "Expiry",
    "test_material_deletion.py": "Deleting material",
    "test_rotation.py": "Rotation",
    "test_multi_region.py": "Multi-Region keys",
    "test_states.py": "Key states",
    "test_cryptography.py": "Cryptography",
    "test_dry_run.py": "Dry runs",
    "test_mac_and_asymmetric.py": "HMAC and asymmetric keys",
    "test_signatures.py": "Signatures",
    "test_answers.py": "What answers say",
    "test_arguments.py": "What is said of arguments",
}
HEAD = """# Fidelity of the local KMS

Written by `make conformance`; every line is a case that ran. What a case claims is its name; the source beside it
says where AWS says so: `kms:X` is the API reference of that call, `guide: x` a page of the AWS KMS developer guide,
`facts` a section of [aws-facts.md](aws-facts.md), which names its own sources, `recorded: x, date` a test of the
LocalStack project, whose answers an account of AWS gave on that day. **None of these cases was run against AWS itself
yet**: `make conformance AWS_PROFILE=name` does that.

- *proved*: the source documents the behaviour, and the strict KMS was seen to behave so.
- *assumed*: the strict KMS does what we think likely; the part named has no primary source (UNCONFIRMED). Do not
  build on it.
- n/a, not offered: the endpoint lacks a call, a clock that can be set, or events that can be read. That is no lie.
"""


def write(path: Path, by_target: Mapping[str, list[Result]], names: Mapping[str, str]) -> None:
    path.write_text("\n".join(_lines(by_target, names)) + "\n")


def _lines(by_target: Mapping[str, list[Result]], names: Mapping[str, str]) -> Iterator[str]:
    reference = by_target[REFERENCE]
    yield HEAD
    yield from _summary(by_target, names)
    yield from _lies(by_target, names)
    yield from _assumptions(reference)
    outcomes = {key: {one.case: one.outcome for one in results} for key, results in by_target.items()}
    for area, cases in groupby(reference, key=area_of):
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


def _lies(by_target: Mapping[str, list[Result]], names: Mapping[str, str]) -> Iterator[str]:
    for key, results in by_target.items():
        failed = [one for one in results if one.outcome is Outcome.FAIL]
        if not failed:
            continue
        lies = [one for one in failed if not one.assumed]
        differences = [one for one in failed if one.assumed]
        yield f"\n## Where {names[key]} lies\n"
        yield f"{len(lies)} times; and {len(differences)} times it differs from what we only assume of AWS, below.\n"
        yield "| area | behaviour | what it does |"
        yield "|---|---|---|"
        yield from (_reason_row(one, one.reason) for one in lies)
        yield "\n| area | behaviour that is assumed | what it does |"
        yield "|---|---|---|"
        yield from (_reason_row(one, one.reason) for one in differences)


def _assumptions(reference: list[Result]) -> Iterator[str]:
    yield "\n## What is assumed\n"
    yield "| area | behaviour | UNCONFIRMED | what source there is |"
    yield "|---|---|---|---|"
    yield from (
        f"{_reason_row(one, one.assumed)} {', '.join(one.sources)} |" for one in reference if one.assumed is not None
    )


def _reason_row(one: Result, text: str) -> str:
    return f"| {area_of(one)} | {said(one.case)} | {_cell(text)} |"


def area_of(one: Result) -> str:
    name = one.case.partition("::")[0]
    return AREAS.get(name, name)


def said(case: str) -> str:
    """`test_import.py::test_a_token_is_good[x]` as "a token is good (x)"."""
    name, _, parameters = case.partition("::test_")[2].partition("[")
    text = name.replace("_", " ")
    return f"{text} ({parameters.removesuffix(']')})" if parameters else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
