"""How long a lost region stays away: its hold-down time, which grows with each loss that follows a return.

A region whose `healthy_after_seconds` is 600 stays away for 10 quiet minutes. Lost again within an hour of its return
it stays away for 20, then 40, at most 160. A key that was lost stays away for `key_usable_after_seconds` likewise.
How long one process leaves a region alone is another matter: `data_keys.breaker`.
A return waits for more than that: see `route.decide` for the debt, the approval and the check of the key.
"""

from datetime import datetime, timedelta

from kms_failover.domain.routing.health import RegionHealth

MAX_DOUBLINGS = 4  # up to 16 times
LOSSES_FOLLOW_WITHIN = timedelta(hours=1)  # of a return; a later loss is a first one again


def hold_down(seconds: int, losses: int) -> timedelta:
    """`losses` in succession, this one included; `seconds` after the first."""
    return timedelta(seconds=seconds * 2 ** min(max(losses - 1, 0), MAX_DOUBLINGS))


def loss_or_return(previous: RegionHealth, now: datetime, *, routable: bool) -> dict[str, object]:
    """What a loss or a return changes."""
    if previous.routable and not routable:
        follows = previous.returned_at is not None and now - previous.returned_at < LOSSES_FOLLOW_WITHIN
        return {"losses": previous.losses + 1 if follows else 1, "lost_at": now}
    return {"returned_at": now} if routable and not previous.routable else {}
