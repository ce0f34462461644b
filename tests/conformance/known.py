"""The lies that are known: cases that an endpoint fails or does not offer, with the reason it gave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from .results import Outcome, Result
from .suite import Suite


@dataclass(frozen=True)
class Difference:
    target: str
    text: str


def known(suite: Suite) -> dict[str, dict[str, str]]:
    """By target and case: the outcome, and the reason that was given."""
    content: dict[str, dict[str, str]] = json.loads(suite.known.read_text())
    return content


def write_known(suite: Suite, by_target: Mapping[str, list[Result]]) -> None:
    content = {key: _lies(results) for key, results in by_target.items() if key not in suite.must_pass}
    suite.known.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def differences(suite: Suite, by_target: Mapping[str, list[Result]], *, is_whole: bool = False) -> list[Difference]:
    """Lies that are new, that are told otherwise, and known ones that are none any more.

    Cases that were not run say nothing, unless the run was whole: then they are no cases any more.
    """
    found, all_known = [], known(suite)
    for target, results in by_target.items():
        if target in suite.must_pass:
            continue
        expected, lies, run = all_known.get(target, {}), _lies(results), {one.case for one in results}
        for case in sorted(run | (set(expected) if is_whole else set())):
            before, now = expected.get(case, "pass"), lies.get(case, "pass" if case in run else "no case")
            if before != now:
                found.append(Difference(target, f"{case}: {now}; known as: {before}"))
    return found


def _lies(results: list[Result]) -> dict[str, str]:
    return {one.case: f"{one.outcome}: {one.reason}" for one in results if one.outcome is not Outcome.PASS}
