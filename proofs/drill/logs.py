"""Keeps what the deployed functions logged: the local cloud forgets it when it ends."""

from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.domain.naming import FUNCTIONS
from proofs.drill.aws import Aws
from proofs.drill.places import DEPLOYMENT, REGIONS

MAX_PAGES = 50  # of one function's log; a drill's has a few


def save_function_logs(aws: Aws, folder: Path) -> None:
    """One file a function and region. What cannot be read says so: the drill's verdict does not hang on it."""
    for region in REGIONS:
        for function in FUNCTIONS:
            file = folder / region / f"{function}.log"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_log(aws, region, f"/aws/lambda/{DEPLOYMENT}-{function}"), "utf-8")


def _log(aws: Aws, region: str, group: str) -> str:
    try:
        pages = aws.client("logs", region).get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = [
            event["message"].rstrip()
            for page, _ in zip(pages, range(MAX_PAGES), strict=False)
            for event in page["events"]
        ]
    except (ClientError, BotoCoreError) as error:
        return f"could not be read: {error}\n"
    return "\n".join(lines) + "\n"
