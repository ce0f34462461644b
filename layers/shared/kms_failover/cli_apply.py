"""`kms-failover apply`: what a `key-sets.yaml` says is put into force."""

import argparse
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.adapters.state_table import StateTable
from kms_failover.cli_outcome import EXIT_FAILED, CommandError, explained
from kms_failover.domain.naming import Deployment
from kms_failover.errors import KmsFailoverError


def apply(options: argparse.Namespace) -> dict[str, Any]:
    key_sets = read_key_sets(options.file).key_sets
    for done, region in enumerate(options.region):
        try:
            table = boto3.resource("dynamodb", region_name=region).Table(Deployment(options.deployment).state_table)
            for key_set in key_sets:
                StateTable(table, region).put_key_set(key_set)
        except (KmsFailoverError, ClientError, BotoCoreError) as error:
            applied = ", ".join(options.region[:done]) or "no region"
            said = explained(error, options.deployment, region)
            message = f"{region}: {said} (applied in {applied}; apply again once that is mended)"
            raise CommandError(type(error).__name__, message, EXIT_FAILED) from error
    verb = "valid" if options.check else "applied"
    return {verb: [key_set.name for key_set in key_sets], "regions": options.region}
