"""When a debt is tried: at once, later and later, or not before a region, a key set or a person makes it possible."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.object_record import KEY_SET_UNREAD, REFUSED
from kms_failover.domain.routing.health import RegionHealth, Verdict

FIRST_PAUSE = timedelta(minutes=1)  # between tries; doubled each time
LONGEST_PAUSE = timedelta(hours=1)  # 24 tries a day of what only a person can mend
LONGEST_PAUSE_FOR_A_REGION = timedelta(minutes=5)  # which nobody calls impaired, or not yet; or for a key set
OVERDUE_AFTER = timedelta(hours=1)  # some six tries of a debt that fails


def is_parked(debt: Debt, health: Mapping[str, RegionHealth]) -> bool:
    """Whether a try would be in vain: the region it is owed to is out, or all of those that it waits for."""
    if debt.code == REFUSED or _is_out(debt.owed_to, health):
        return True
    return bool(debt.waits_for) and all(_is_out(region, health) for region in debt.waits_for)


def is_due(debt: Debt, health: Mapping[str, RegionHealth], now: datetime) -> bool:
    """After one minute, then two, four, up to an hour; at once where a region it may have waited for has changed.

    Example: tried for the third time at 12:00, it is due at 12:04.
    """
    if debt.tried_at is None:
        return True
    regions = {debt.owed_to, *debt.waits_for}
    if any(health[region].since > debt.tried_at for region in regions & health.keys()):
        return True
    failed = bool(debt.code) and not debt.waits_for and debt.code != KEY_SET_UNREAD
    longest = LONGEST_PAUSE if failed else LONGEST_PAUSE_FOR_A_REGION
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(debt.tries - 1, 10), longest)
    return now - debt.tried_at >= pause


def is_overdue(debt: Debt, health: Mapping[str, RegionHealth], now: datetime) -> bool:
    """Whether it could have been repaid for an hour, and was not: no outage explains it, so nothing else rings for it.

    Example: it is owed since 12:00 to a region that was out from 11:50 to 14:00, so it is overdue at 15:00. One that
    waits for a person is overdue as well.
    """
    sources = [region for region in debt.waits_for if not _is_out(region, health)]
    if _is_out(debt.owed_to, health) or (debt.waits_for and not sources):
        return False
    source_is_back = min((_is_back_since(region, health) for region in sources), default=debt.since)
    return now - max(debt.since, _is_back_since(debt.owed_to, health), source_is_back) >= OVERDUE_AFTER


def _is_back_since(region: str, health: Mapping[str, RegionHealth]) -> datetime:
    found = health.get(region)
    return found.returned_at if found and found.returned_at else _EVER


_EVER = datetime.min.replace(tzinfo=UTC)


def _is_out(region: str, health: Mapping[str, RegionHealth]) -> bool:
    found = health.get(region)
    return found is not None and (found.verdict is Verdict.IMPAIRED or not found.key_usable)
