"""Alarms are evaluated by the clock, once a minute, whether or not there are data.

ministack 1.5.33 evaluates when data are put, over one period, without regard to dimensions and to missing data.
"""

import asyncio
import json
import logging
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sqs

from local.cloud.alarm_evaluation import (
    AlarmClock,
    AlarmQuery,
    Samples,
    Series,
    alarm_points,
    alarm_query,
    evaluate_alarm,
    minutes_looked_at,
)
from local.cloud.alarm_notices import alarm_reason, alarm_reason_data

from . import queue_metrics

logger = logging.getLogger(__name__)


def install() -> None:
    """`_evaluate_alarm` is replaced: ministack calls it whenever data or an alarm are put."""
    cloudwatch._evaluate_alarm = lambda _alarm: None


async def run_alarm_clock(clock: AlarmClock) -> None:
    """Until it is cancelled. In the loop that serves requests, so that nothing changes while it looks."""
    while True:
        await asyncio.sleep(clock.minute_seconds)
        evaluate_alarms(clock)


def evaluate_alarms(clock: AlarmClock) -> None:
    for account, region in _scopes():
        with request_scope(account, region):
            for alarm in cloudwatch._alarms.values():
                try:
                    update_alarm(alarm, clock, time.time())
                except Exception:  # the entry point of an alarm: one that fails must not stop the others
                    logger.exception("%s could not be evaluated", alarm["AlarmName"])
            try:
                queue_metrics.publish_gauges()  # they belong to the minute that is under way
            except Exception:  # the entry point of a region's queues: the clock goes on
                logger.exception("the queues of %s could not be measured", region)


def _scopes() -> set[tuple[str, str]]:
    """Account and Region of everything that has an alarm or a queue."""
    return {key[:2] for store in (cloudwatch._alarms, sqs._queues) for key, _ in store.all_items()}


def update_alarm(alarm: Any, clock: AlarmClock, now: float) -> None:
    before, minute = alarm["StateValue"], clock.minute(now)
    since = minute - minutes_looked_at(alarm)
    found = evaluate_alarm(alarm, alarm_points(alarm, _series(alarm_query(alarm), clock, since), minute), before)
    if found.state == before:
        return
    why = alarm_reason(alarm, found, before, clock.begins(alarm, found, minute))
    data = alarm_reason_data(alarm, found, now)
    alarm |= {
        "StateValue": found.state,
        "StateReason": why,
        "StateReasonData": json.dumps(data),
        "StateUpdatedTimestamp": int(now),
        "StateTransitionedTimestamp": int(now),
    }
    cloudwatch._record_history(alarm["AlarmName"], before, found.state, why, reason_data=data)
    cloudwatch._dispatch_alarm_actions(alarm, before, found.state, why)
    cloudwatch._evaluate_parent_alarms(alarm)


def _series(query: AlarmQuery, clock: AlarmClock, since: int) -> Series:
    """Of the one metric: with other dimensions, or more of them, it is another. What is older is passed over."""
    key = (query.namespace, query.name, cloudwatch._dims_key(dict(query.dimensions)))
    begins, series = since * clock.minute_seconds, dict[int, list[Samples]]()
    for point in cloudwatch._metrics.get(key) or ():
        if point["Timestamp"] >= begins:
            count, total, lowest, highest = cloudwatch._point_stats(point)
            if count:
                series.setdefault(clock.minute(point["Timestamp"]), []).append(Samples(count, total, lowest, highest))
    return series
