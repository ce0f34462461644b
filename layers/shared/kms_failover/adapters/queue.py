"""The rewrap queue (the port `domain.objects.sweep.RewrapQueue`)."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from kms_failover.domain.objects.sweep import RewrapMessage
from kms_failover.errors import QueueError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAX_BATCH = 10  # SQS's own limit; ten keys of 1024 bytes stay far below its limit of bytes
SEND_ATTEMPTS = 3
PAUSE_SECONDS = 0.5  # entries fail singly where SQS is throttled or ill: a moment later is another try


class SqsRewrapQueue:
    def __init__(self, client: "SQSClient", queue_url: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._queue_url = queue_url
        self._sleep = sleep

    def send(self, messages: Sequence[RewrapMessage]) -> None:
        """All of them, or QueueError at the first batch that SQS keeps refusing; those before it are sent."""
        for at in range(0, len(messages), MAX_BATCH):
            self._send_batch(messages[at : at + MAX_BATCH])

    def _send_batch(self, batch: Sequence[RewrapMessage]) -> None:
        waiting = {str(at): json.dumps(asdict(message)) for at, message in enumerate(batch)}
        codes: set[str] = set()
        for attempt in range(SEND_ATTEMPTS):
            if attempt:
                self._sleep(PAUSE_SECONDS * 2**attempt)
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": name, "MessageBody": body} for name, body in waiting.items()
            ]
            failed = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries).get("Failed", [])
            waiting = {entry["Id"]: waiting[entry["Id"]] for entry in failed}
            codes = {entry["Code"] for entry in failed}
            if not waiting or any(entry["SenderFault"] for entry in failed):
                break
        if waiting:
            raise QueueError(f"SQS did not take {len(waiting)} messages: {', '.join(sorted(codes))}")
