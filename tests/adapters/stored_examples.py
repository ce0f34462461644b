"""What is stored in these tests."""

from typing import Any

from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.routing.route import Route, first_route
from tests.domain.strategies import EAST, NOON, WEST, key_set


def route(epoch: int = 0, *regions: str) -> Route:
    known = first_route(key_set(), WEST, NOON).but(epoch=epoch)
    return known.but(regions=regions) if regions else known


def a_debt(key: str = "k", owed_to: str = EAST, bucket: str = "bucket", **more: Any) -> Debt:
    return Debt(key_set="orders", owed_to=owed_to, bucket=bucket, key=key, since=NOON, **more)
