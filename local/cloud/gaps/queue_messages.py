"""A message that AWS itself puts into a queue: a dead letter, the record of a failed event."""

import time
from collections.abc import Mapping
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.core.responses import new_uuid
from ministack.services import sqs


def deliver_message(queue: Any, body: str, attributes: Mapping[str, str]) -> None:
    """`queue` is ministack's record. Visible at once, or after the queue's delay."""
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    sent_at = time.time()
    message = {
        "id": new_uuid(),
        "body": body,
        "message_attributes": typed,
        "md5_attrs": sqs._md5_msg_attrs(typed),
        "sent_at": sent_at,
        "visible_at": sent_at + sqs.queue_delay(queue),
    }
    sqs._ensure_msg_fields(message)
    queue["messages"].append(message)
    esm_wake.set()
