"""Routes and verdicts to decide from."""

from datetime import timedelta

from kms_failover.domain.key_set import Failback
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.route import Route, first_route
from tests.domain.strategies import (
    EAST,
    NOON,
    WEST,
    health,
    key_set,
)

ORDERS = key_set(EAST, WEST)
AUTOMATIC = Intent()
HEALTHY = {EAST: health(EAST), WEST: health(WEST)}
EAST_LOST = HEALTHY | {EAST: health(EAST, Verdict.IMPAIRED)}


def route(*regions: str, intent_epoch: int = 0, changes: int = 0) -> Route:
    first = first_route(ORDERS, WEST, NOON - timedelta(minutes=30))
    times = tuple(NOON - timedelta(minutes=minute) for minute in range(changes, 0, -1))
    return first.but(regions=regions, intent_epoch=intent_epoch, changes=times)


RETURN = key_set(failback=Failback.AUTOMATIC)
