"""The deployed service as the trials see it: its state table, and what makes it as new as on its first day."""

import json
from pathlib import Path
from typing import Any

import yaml

from kms_failover.adapters.state_table.observations import KINDS
from proofs.drill import set_up
from proofs.drill.aws import Aws
from proofs.drill.commands import SetUpError, cli
from proofs.drill.context import Options
from proofs.drill.places import DEPLOYMENT, KEY_SET, PREFERRED, REGIONS
from proofs.drill.progress import Progress

FUNCTIONS = ("controller", "signals", "data-keys", "runbook")


def prepare(folder: Path, sam: Path | None, progress: Progress, aws: Aws) -> None:
    """Two AWS_KMS keys, the stacks, and a key set with default rules."""
    with progress.task("making keys and buckets"):
        keys = {r: str(aws.client("kms", r).create_key()["KeyMetadata"]["Arn"]) for r in REGIONS}
        set_up.make_buckets(aws)
    options = Options(data=None, files=0, folder=folder, short=True, build=False, sam=sam)
    set_up.build(options, progress, aws.environment)
    set_up.deploy(options, progress, aws, keys)
    orders = {"name": KEY_SET, "members": [{"region": region, "arn": keys[region]} for region in REGIONS]}
    file = folder / "key-sets.yaml"
    file.write_text(yaml.safe_dump({"key_sets": [orders]}, sort_keys=False), "utf-8")
    regions = [word for region in REGIONS for word in ("--region", region)]
    ended = cli(["apply", str(file), "--yes", "--deployment", DEPLOYMENT, *regions], aws.environment)
    if ended.status != 0:
        raise SetUpError(f"the key set could not be applied: {ended.errors.strip()}")


class State:
    """The state table in each region, read and emptied from outside."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def judgement(self, observer: str) -> dict[str, Any] | None:
        """What the observer has decided last."""
        answer = self._aws.client("dynamodb", observer).get_item(
            TableName=f"{DEPLOYMENT}-state",
            Key={"pk": {"S": f"control#{observer}"}, "sk": {"S": KEY_SET}},
            ConsistentRead=True,
        )
        body: dict[str, Any] | None = json.loads(answer["Item"]["body"]["S"]) if "Item" in answer else None
        return body

    def head(self, observer: str) -> str | None:
        judgement = self.judgement(observer)
        return judgement["route"]["regions"][0] if judgement else None

    def is_calm(self, observer: str) -> bool:
        """Whether the observer calls every region healthy, has an answer of each key, and prefers the right region."""
        judgement = self.judgement(observer)
        if judgement is None or judgement["route"]["regions"][0] != PREFERRED:
            return False
        seen = {v["region"]: (v["verdict"], v["key_answers"]) for v in judgement["verdicts"]}
        return seen == dict.fromkeys(REGIONS, ("healthy", True))

    def is_lost(self, observer: str) -> bool:
        """Whether the observer calls a region impaired."""
        judgement = self.judgement(observer)
        return judgement is not None and any(verdict["verdict"] == "impaired" for verdict in judgement["verdicts"])

    def forget(self) -> None:
        """Verdicts, routes and all signals of earlier trials: each trial is the service's first outage.

        Callers' complaints too: without the rounds that agreed with them they would be contradicted.
        """
        for observer in REGIONS:
            for kind in (*KINDS, "control"):
                self._empty(observer, f"{kind}#{observer}")

    def _empty(self, observer: str, partition: str) -> None:
        client = self._aws.client("dynamodb", observer)
        pages = client.get_paginator("query").paginate(
            TableName=f"{DEPLOYMENT}-state",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ProjectionExpression="pk, sk",
        )
        for item in [item for found in pages for item in found["Items"]]:
            client.delete_item(TableName=f"{DEPLOYMENT}-state", Key=item)


def make_cold(aws: Aws) -> None:
    """Ends the warm environments of every function but the probe, of which one invocation always runs."""
    for region in REGIONS:
        functions = aws.client("lambda", region)
        for role in FUNCTIONS:
            name = f"{DEPLOYMENT}-{role}"
            size = functions.get_function_configuration(FunctionName=name)["MemorySize"]
            functions.update_function_configuration(FunctionName=name, MemorySize=size)
