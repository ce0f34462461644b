"""Writing files as client-side-encrypted objects: one half by the stock client, one half by it with our drop-in."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kms_failover import FailoverKms
from proofs.drill.context import Drill, DrillObject
from proofs.drill.files import Candidate, UnreadableFile, read
from proofs.drill.opening import encryption_client
from proofs.drill.places import CONTEXT, DEPLOYMENT, HOME, KEY_SET, REGIONS


@dataclass(frozen=True)
class Clients:
    """The same S3 Encryption Client twice: with the region's own KMS key, and with one changed line."""

    stock: Any
    own: Any

    def of(self, stored: DrillObject) -> Any:
        return self.own if stored.drop_in else self.stock


@contextmanager
def clients_in(drill: Drill, region: str) -> Iterator[Clients]:
    failover_kms = FailoverKms.connect(region=region, deployment=DEPLOYMENT, regions=REGIONS)
    stock = encryption_client(drill.aws, region, drill.aws.client("kms", region), drill.keys[region])
    try:
        yield Clients(stock, encryption_client(drill.aws, region, failover_kms, KEY_SET))
    finally:
        failover_kms.close()


def write(drill: Drill, files: Sequence[Candidate], region: str, clients: Clients) -> list[DrillObject]:
    """Into the home bucket of the region. A file that cannot be read is noted by name, and the rest goes on."""

    def one(numbered: tuple[int, Candidate]) -> DrillObject | None:
        number, candidate = numbered
        content = read(candidate)
        if isinstance(content, UnreadableFile):
            drill.unreadable.append(content)
            return None
        digest = hashlib.sha256(content).hexdigest()
        stored = DrillObject(f"files/{candidate.name}", digest, len(content), region, drop_in=number % 2 == 1)
        clients.of(stored).put_object(Bucket=HOME[region], Key=stored.key, Body=content, EncryptionContext=CONTEXT)
        return stored

    written = drill.each(f"writing files from {region}", enumerate(files), one)
    return [stored for stored in written if stored is not None]
