"""What SNS topics send is kept for the page of messages. ministack 1.5.33 keeps nothing of it itself."""

import time
from collections import deque
from typing import Any

from ministack.services import sns

from local.cloud.message_page import TopicMessage

MOST_MESSAGES = 1000  # the page is for people; 200 are a drill's
PEOPLE = "email"  # whose form of a message with several is shown

messages: deque[TopicMessage] = deque(maxlen=MOST_MESSAGES)


def install() -> None:
    """`_fanout` is replaced: every way to publish ends there."""
    fan_out = sns._fanout

    def fan_out_and_keep(
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        *rest: Any,
        **named: Any,
    ) -> None:
        if sns._topic_by_arn_any_scope(topic_arn):
            body = sns._resolve_message_for_protocol(message, message_structure, PEOPLE)
            messages.append(TopicMessage(time.time(), topic_arn, topic_arn.split(":")[3], subject or "", body))
        fan_out(topic_arn, message_id, message, subject, message_structure, *rest, **named)

    sns._fanout = fan_out_and_keep
