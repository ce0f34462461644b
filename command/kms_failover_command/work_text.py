"""What an operator reads of work that was ordered: what a sweep has begun, and what a reimport has done."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kms_failover_command.times import in_utc

_DONE = {"nothing": "nothing imported", "renew": "renewed", "restore": "restored"}
_DEBTS = {
    "parked": "wait for a region, a key set or a person",
    "waiting": "were sent by an earlier run, and nobody has tried them since",
    "dropped": "are owed no more: their bucket or region has left the key set",
    "overdue": "are OVERDUE: the log of the sweep function names the oldest",
}

type Answer = Mapping[str, Any]


def reimport_lines(keys: Iterable[Answer]) -> Iterator[str]:
    looked_at = False
    for key in keys:
        looked_at = True
        yield f"{key['key_set']} in {key['region']}: {_DONE[key['action']]}: {key['reason']}"
        if key["key_material_id"]:
            valid_to = f", valid to {in_utc(key['valid_to'])}" if key["valid_to"] else ""
            yield f"  material {key['key_material_id']}{valid_to}; KMS shows {key['state'] or 'no state'}"
        if key["concern"]:
            yield f"  NEEDS YOU ({key['concern']}): look at the status"
    if not looked_at:
        yield "no key was looked at: another run is at work, and looks at all keys once more"


def sweep_lines(debt: Answer, backfills: Iterable[str]) -> Iterator[str]:
    yield f"debt: {debt['queued']} objects queued, to be repaid now; {debt['remaining']} left for the next run"
    yield from (f"  {debt[name]} debts {words}" for name, words in _DEBTS.items() if debt[name])
    yield from (f"backfill begun: {execution}" for execution in backfills)
    yield "  each goes on by itself: status shows the bucket's coverage when it has ended"
