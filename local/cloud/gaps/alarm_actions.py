"""What an alarm's change of state sets off: messages to SNS topics, and an event to EventBridge.

ministack 1.5.33 sends messages of another shape, and no event. Actions that are no topic are kept and not carried out.
"""

import json
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import cloudwatch, eventbridge, sns

from local.cloud.alarm_notices import AlarmState, StateChange, alarm_event, alarm_message, alarm_subject

from .event_shape import event_record

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

_last_states: dict[str, AlarmState] = {}  # by alarm ARN: when ministack dispatches, the alarm has its new state only


def install() -> None:
    """`_dispatch_alarm_actions` is replaced: ministack calls it for metric and composite alarms and SetAlarmState."""
    cloudwatch._dispatch_alarm_actions = dispatch_alarm


def dispatch_alarm(alarm: Any, old_state: str, new_state: str, reason: str) -> None:
    after = AlarmState(new_state, reason, alarm.get("StateReasonData", ""), time.time())
    before = _last_states.get(alarm["AlarmArn"], AlarmState(at=alarm["AlarmConfigurationUpdatedTimestamp"]))
    _last_states[alarm["AlarmArn"]] = after
    if before.value != old_state:  # a stack of the same name was here before
        before = AlarmState(old_state, at=before.at)
    change = StateChange(alarm, get_account_id(), get_region(), before, after)
    eventbridge._dispatch_event(event_record(alarm_event(change)))
    for topic in alarm.get(ACTIONS[new_state]) or () if alarm.get("ActionsEnabled", True) else ():
        if cloudwatch._is_sns_action_arn(topic):
            sns._fanout(topic, new_uuid(), json.dumps(alarm_message(change)), alarm_subject(change))
