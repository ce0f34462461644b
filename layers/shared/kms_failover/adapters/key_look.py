"""Looks at keys with DescribeKey, each in its own region, all regions at once."""

import queue
import threading
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.aws_config import aws_config
from kms_failover.adapters.classify import code_of
from kms_failover.domain.key_set import MemberKey
from kms_failover.domain.runbook.member_check import KeyFacts, Look

PATIENCE = aws_config(3, attempts=2, read_seconds=5)  # a person waits


def look(members: Sequence[MemberKey]) -> tuple[Look, ...]:
    """At each of them, with the caller's credentials. A region that is silent is waited for some 16 s at most.

    The threads are daemons: who gives up is not made to wait for them.
    """
    clients = {member.region: _client(member.region) for member in members}  # made here: boto3's session is no thread's
    found: queue.SimpleQueue[tuple[int, Look]] = queue.SimpleQueue()

    def ask(numbered: Sequence[tuple[int, MemberKey]]) -> None:
        for number, member in numbered:
            found.put((number, _look(clients[member.region], member)))

    for region in clients:
        here = [(number, member) for number, member in enumerate(members) if member.region == region]
        threading.Thread(target=ask, args=(here,), daemon=True).start()
    looks = dict(found.get() for _ in members)
    return tuple(looks[number] for number in range(len(members)))


def _client(region: str) -> Any:
    """Or why there is none."""
    try:
        return boto3.client("kms", region_name=region, config=PATIENCE)
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint URL that is none
        return error


def _look(client: Any, member: MemberKey) -> Look:
    if isinstance(client, Exception):
        return Look(member, unseen=f"{type(client).__name__}: {client}")
    try:
        told = client.describe_key(KeyId=member.arn)["KeyMetadata"]
    except (ClientError, BotoCoreError) as error:
        if code_of(error) == "NotFoundException":
            return Look(member)
        return Look(member, unseen=f"{code_of(error)}: {error}")
    except Exception as error:  # noqa: BLE001  # whatever it is, the key was not seen, and a thread must not end mute
        return Look(member, unseen=f"{type(error).__name__}: {error}")
    facts = KeyFacts(told["Arn"], told["KeyState"], told["Origin"], told["KeySpec"], told["KeyUsage"])
    return Look(member, facts)
