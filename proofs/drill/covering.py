"""Coverage: the share of the objects that open with one region's KMS alone, by really opening them."""

import time
from collections.abc import Iterable, Sequence

from proofs.drill.context import Drill, DrillObject
from proofs.drill.opening import Opener
from proofs.drill.waiting import poll


def opener(drill: Drill, region: str) -> Opener:
    return Opener(drill.aws, region, drill.keys[region])


def coverage(drill: Drill, *regions: str, objects: Sequence[DrillObject] | None = None) -> dict[str, float]:
    """Every object's data key is asked of each region, whose copy it is; the shares go into the time series."""
    chosen = drill.objects if objects is None else objects
    shares = {}
    for region in regions:
        alone = opener(drill, region)
        shares[region] = share(drill.each(f"opening every data key with {region} alone", chosen, alone.opens))
    drill.coverage.append((time.time(), shares))
    return shares


def as_written(drill: Drill, region: str) -> dict[DrillObject, bool]:
    """What the other region could open had the service done nothing: the envelopes as their writers made them."""
    alone = opener(drill, region)
    opened = drill.each(
        f"opening the data keys as written with {region} alone",
        drill.objects,
        lambda one: alone.envelope_opens(one.bucket_in(one.home), one.key),
    )
    drill.coverage.append((time.time(), {region: share(opened)}))
    return dict(zip(drill.objects, opened, strict=True))


def wait_until_covered(drill: Drill, region: str, *, deadline_seconds: float) -> float:
    """Looks again at what did not open yet; the share that opened when the last one did, or at the deadline."""
    alone = opener(drill, region)
    left = list(drill.objects)

    def look() -> str:
        left[:] = [one for one in left if not alone.opens(one)]
        reached = 1 - len(left) / len(drill.objects) if drill.objects else 0.0
        drill.coverage.append((time.time(), {region: reached}))
        return f"{len(drill.objects) - len(left)} of {len(drill.objects)}"

    poll(
        drill.progress,
        f"every object to open with {region} alone",
        look,
        lambda _seen: not left,
        deadline_seconds=deadline_seconds,
    )
    return drill.coverage[-1][1][region]


def share(opened: Iterable[bool]) -> float:
    found = list(opened)
    return sum(found) / len(found) if found else 0.0


def problems(drill: Drill, region: str) -> list[str]:
    """Reads every file whole with this region alone, and compares; what was wrong, in words."""
    alone = opener(drill, region)
    found = drill.each(f"reading every file with {region} alone", drill.objects, alone.problem)
    drill.coverage.append((time.time(), {region: share(problem is None for problem in found)}))
    return [problem for problem in found if problem is not None]
