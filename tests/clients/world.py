"""Two regions of a strict KMS on real sockets, either of which can be lost, and DynamoDB and S3 by moto."""

import functools
from contextlib import ExitStack
from typing import Any

from moto import mock_aws

from kms_failover import FailoverKms, KeySet, MemberKey, Settings
from proofs.fault_matrix.faulty_kms import Handler, Reply, running
from proofs.fault_matrix.matrix import Kms

EAST, WEST = REGIONS = ("us-east-1", "us-west-2")
CONTEXT = {"order": "42"}
MESSAGE = b"a message"


class World:
    """`orders` has a key of its own in each region, `related` one multi-Region key with its replica."""

    def __init__(self, kms: Kms, stack: ExitStack) -> None:
        self._stack = stack
        self._lost: dict[str, str] = {}
        servers = {
            region: stack.enter_context(running(kms.behind, functools.partial(self._act, region))) for region in REGIONS
        }
        self._endpoints = {region: server.url for region, server in servers.items()}
        clients = {region: kms.client(region, kms.url) for region in REGIONS}
        own = {region: client.create_key()["KeyMetadata"]["Arn"] for region, client in clients.items()}
        primary: str = clients[EAST].create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
        clients[EAST].replicate_key(KeyId=primary, ReplicaRegion=WEST)
        related = {EAST: primary, WEST: primary.replace(EAST, WEST)}
        self.key_sets = (_key_set("orders", own), _key_set("related", related))
        aws: Any = mock_aws()
        stack.enter_context(aws)

    def client(self, region: str = EAST) -> Any:
        """A new process's, which knows nothing of any region yet."""
        settings = Settings(endpoints=self._endpoints)
        return self._stack.enter_context(
            FailoverKms.connect(region, None, self.key_sets, regions=REGIONS, settings=settings)
        )

    def arn(self, region: str, name: str = "orders") -> str:
        key_set = next(one for one in self.key_sets if one.name == name)
        return next(member.arn for member in key_set.members if member.region == region)

    def lose(self, region: str, how: str = "reset") -> None:
        """From now on its KMS resets every connection, or is `silent`."""
        self._lost[region] = how

    def restore(self) -> None:
        self._lost.clear()

    def _act(self, region: str, _operation: str, handler: Handler) -> Reply | None:
        how = self._lost.get(region)
        if how == "reset":
            handler.reset()
        elif how == "silent":
            handler.stay_silent()
        return None


def _key_set(name: str, arns: dict[str, str]) -> KeySet:
    return KeySet(name=name, members=tuple(MemberKey(region=region, arn=arn) for region, arn in arns.items()))
