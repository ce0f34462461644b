"""docs/simulation.md, from one run's figures."""

from collections.abc import Mapping
from typing import Any

from proofs.simulation.mutations import MUTATIONS

INVARIANTS = {
    "usable": "never routed to a region known unusable while another is usable; silence is noticed",
    "evidence": "no region or key is given up without as many failed rounds as the rules say; every change says why",
    "hold-down": "nothing is usable again before its quiet time is over",
    "target": "a route flees only to a region that answers, and returns to one whose key has since",
    "rate": "at most the allowed changes an hour, but for an operator's order and for leaving a lost region",
    "hold": "a hold is never broken",
    "intent": "the newest order wins, and none is lost",
    "force": "a forced region leads while it is not lost, and where the operator insists always",
    "refusal": "a failback to a region that is not healthy is refused, a force to an unusable one unless insisted on",
    "failback": "a held route returns only when an operator has said so, and to a region that answers",
    "debt": "no return before the debt is repaid, unless an operator insists",
    "agreement": "once faults stop, all regions agree within the longest hold-down, an hour and a few rounds",
    "opens": "a ciphertext made at any moment opens whenever one of its regions is up",
    "history": "each change stands in the history once",
    "announced": "each change, each loss, each return when its key has answered and not sooner, and each route that"
    " cannot leave a lost region, is announced, to people and to machines; once, unless the announcer died meanwhile",
}

TEXT = """# The simulator

Written by `make simulate DOCS=1`. The controller, `judge`, `decide` and the runbook as they are deployed, two or three
regions, virtual time. A seed draws rules and a schedule: regions, lines and keys break and heal, calls are throttled,
other keys take the place of lost ones, events are lost, late, doubled, untrue, taken back and out of order, callers
complain for ever, clocks differ by up to a minute, tables and EventBridge go away, replication lags and stops,
controllers die between any two writes and run two
at a time, operators hold, force, release and fail back. Each write is checked against what really happened.
`make simulate REPLAY=seed` shows one schedule step by step. Not in it, but in tests of their own: the functions around
this core, several key sets, calls that take their time, and the data plane's bundler.

**{runs:,} schedules (seeds {first_seed} to {last_seed}), {violations} violations**; {route_changes:,} route changes,
{moves:,} of them to another region, in {simulated_hours:,} simulated hours; {runs_a_minute:,} schedules a minute in
{jobs} processes.

| invariant | what always holds |
|---|---|
{invariants}

Each is shown to be missed when its guard is taken out (`proofs/simulation/mutations.py`, run by `make test`):

{mutations}
"""


def page(figures: Mapping[str, Any]) -> str:
    """The whole text of the page."""
    return TEXT.format(
        **figures,
        last_seed=figures["first_seed"] + figures["runs"] - 1,
        invariants="\n".join(f"| {name} | {text} |" for name, text in INVARIANTS.items()),
        mutations="\n".join(f"- {m.name}: seen by {', '.join(sorted(m.seen_by))}" for m in MUTATIONS),
    )
