"""Every file in events/: what the signals function makes of it, or whose it is. A file without an entry fails."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from functions.signals.handler import lambda_handler
from kms_failover import bootstrap
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.observation import Outcome, Source
from tests.domain.strategies import EAST, IRELAND, NOON, WEST, arn
from tests.functions.lambdas import EVENTS, Stack, event, stack
from tests.functions.test_signals import CONTEXT

ANY_TIME = NOON.replace(year=2001)
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION_ID = "mrk-1234abcd12ab34cd56ef1234567890ab"


class Made(NamedTuple):
    source: Source
    outcome: Outcome
    region: str
    key_set: str = ""


def against(source: Source) -> Made:
    return Made(source, Outcome.REGION_FAULT, EAST)


def not_against(source: Source) -> Made:
    return Made(source, Outcome.INCONCLUSIVE, EAST)


def endangers(region: str, key_set: str) -> Made:
    return Made(Source.KMS_EVENT, Outcome.KEY_FAULT, region, key_set)


def changes(region: str, key_set: str) -> Made:
    return Made(Source.KMS_EVENT, Outcome.INCONCLUSIVE, region, key_set)


UNKNOWN = "ignored, loudly"
MADE: dict[str, Made | str] = {
    "arc-region-switch-step": "runbook",
    "aws-health-abuse-event": UNKNOWN,
    "aws-health-account-notification": not_against(Source.HEALTH_EVENT),
    "aws-health-account-specific": against(Source.HEALTH_EVENT),
    "aws-health-backup-copy": against(Source.HEALTH_EVENT),
    "aws-health-investigation": not_against(Source.HEALTH_EVENT),
    "aws-health-kms-closed": not_against(Source.HEALTH_EVENT),
    "aws-health-kms-open": against(Source.HEALTH_EVENT),
    "aws-health-multiple-services": against(Source.HEALTH_EVENT),
    "aws-health-multiple-services-closed": not_against(Source.HEALTH_EVENT),
    "aws-health-organization-view": not_against(Source.HEALTH_EVENT),
    "aws-health-page-2-of-2": against(Source.HEALTH_EVENT),
    "aws-health-scheduled-change": not_against(Source.HEALTH_EVENT),
    "cloudtrail-cancel-key-deletion": changes(EAST, "orders"),
    "cloudtrail-delete-expired-key-material": endangers(EAST, "orders"),
    "cloudtrail-delete-imported-key-material": endangers(IRELAND, "european"),
    "cloudtrail-delete-key": endangers(EAST, "orders"),
    "cloudtrail-disable-key": endangers(EAST, "orders"),
    "cloudtrail-enable-key": changes(EAST, "orders"),
    "cloudtrail-get-parameters-for-import": changes(EAST, "orders"),
    "cloudtrail-import-key-material": changes(EAST, "orders"),
    "cloudtrail-put-key-policy": endangers(EAST, "orders"),
    "cloudtrail-rotate-key": changes(EAST, "orders"),
    "cloudtrail-schedule-key-deletion": endangers(EAST, "orders"),
    "cloudtrail-synchronize-multi-region-key": changes(EAST, "related"),
    "cloudwatch-alarm": against(Source.ALARM),
    "cloudwatch-alarm-contributor": not_against(Source.ALARM),
    "cloudwatch-alarm-insufficient-data": not_against(Source.ALARM),
    "cloudwatch-alarm-ok": not_against(Source.ALARM),
    "cloudwatch-composite-alarm": against(Source.ALARM),
    "drill-region-impaired": against(Source.DRILL),
    "kms-cmk-deletion": endangers(EAST, "orders"),
    "kms-cmk-rotation": changes(EAST, "orders"),
    "kms-imported-key-material-expiration": endangers(IRELAND, "european"),
    "kms-readiness-changed": "emitted",
    "kms-region-recovered": "sweep",
    "kms-route-changed": "emitted",
    "reimport-now": "reimport",
    "rewrap-backfill-batch": "rewrap",
    "rewrap-backfill-item": "rewrap",
    "rewrap-debt": "rewrap",
    "s3-object-created": "rewrap",
}


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setattr(bootstrap, "_key_prober", lambda _place: lambda _names: None)
    with stack(monkeypatch) as made:
        for name, key_id, regions in (
            ("orders", KEY_ID, (EAST,)),
            ("others", "aaaa", (EAST, WEST)),
            ("related", MULTI_REGION_ID, (EAST, WEST)),
            ("european", KEY_ID, (IRELAND,)),
        ):
            members = tuple(MemberKey(region=region, arn=arn(region, key_id)) for region in regions)
            made.state.put_key_set(KeySet(name=name, members=members))
        yield made


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_every_example_is_what_it_is_said_to_be(prod: Stack, name: str) -> None:
    expected = MADE[name]

    answer: dict[str, Any] = lambda_handler(event(name), CONTEXT)

    seen = [Made(o.source, o.outcome, o.region, o.key_set) for o in prod.state.observations(ANY_TIME)]
    assert seen == ([expected] if isinstance(expected, Made) else [])
    assert answer["observations"] == len(seen)
    assert ("ignored" in answer) is isinstance(expected, str)


def test_no_entry_is_about_a_file_that_is_not_there() -> None:
    assert set(MADE) == {path.stem for path in EVENTS.glob("*.json")}
