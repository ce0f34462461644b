"""What the template's schedules say to the functions that measure regions.

A region's alarms ring for silence as well. A function does not know its deployment's other region until a key set
names it, so the schedule says both. For one that no key set names, 0 is measured: then only silence is silence.
"""

from collections.abc import Mapping

MOST_REGIONS = 8  # a deployment has two
LONGEST_REGION = 64  # letters


def deployed_in(event: object) -> tuple[str, ...]:
    """Of `{"deployed_in": ["us-east-1", "us-west-2"]}` the Regions; none where somebody else invokes the function."""
    said = event.get("deployed_in") if isinstance(event, Mapping) else None
    regions = (
        [one for one in said if isinstance(one, str) and 0 < len(one) <= LONGEST_REGION]
        if isinstance(said, list)
        else []
    )
    return tuple(dict.fromkeys(regions))[:MOST_REGIONS]
