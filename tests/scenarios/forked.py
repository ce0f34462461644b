"""A process that forks after it has used FailoverKms; parent and child print the commitments of three data keys each.

Arguments as of `child`.
"""

import json
import os
import sys
import time

from kms_failover.client.failover_kms import FailoverKms
from kms_failover.client.reservoir import REQUESTS_BEFORE_STOCK
from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.data_keys.settings import ReservoirLimits, Settings
from kms_failover.domain.key_set import KeySet
from proofs.fault_matrix.matrix import FIRST

STOCK, KEYS = 8, 3


def main() -> None:
    own = KeySet.model_validate_json(sys.argv[1])
    settings = Settings(endpoints=json.loads(sys.argv[2]), reservoir=ReservoirLimits(keys=STOCK))
    kms = FailoverKms.connect(FIRST, None, (own,), settings=settings)
    for _ in range(REQUESTS_BEFORE_STOCK):
        kms.generate_data_key(KeyId=own.name, KeySpec="AES_256")
    reservoir = kms._operations._reservoir
    assert reservoir is not None
    while sum(len(shelf.keys) for shelf in reservoir._shelves.values()) < STOCK:
        time.sleep(0.01)
    child = os.fork()
    made = [kms.generate_data_key(KeyId=own.name, KeySpec="AES_256") for _ in range(KEYS)]
    lines = [
        f"{Bundle.parse(one['CiphertextBlob']).commitment.hex()} {len(one['KmsFailover']['MissingRegions'])}"
        for one in made
    ]
    os.write(1, ("\n".join(lines) + "\n").encode())
    if child:
        _, status = os.waitpid(child, 0)
        raise SystemExit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
