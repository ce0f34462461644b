"""A process that uses FailoverKms: one data key for each line that it reads; says what its answer said, or the error.

Arguments: the key set and the endpoints, as JSON.
"""

import json
import sys

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.client.failover_kms import FailoverKms
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet
from proofs.fault_matrix.matrix import CONTEXT, FIRST


def main() -> None:
    own = KeySet.model_validate_json(sys.argv[1])
    kms = FailoverKms.connect(FIRST, None, (own,), settings=Settings(endpoints=json.loads(sys.argv[2])))
    for _ in sys.stdin:
        try:
            made = kms.generate_data_key(KeyId=own.name, KeySpec="AES_256", EncryptionContext=CONTEXT)
            print(json.dumps(made["KmsFailover"]), flush=True)
        except (ClientError, BotoCoreError) as error:
            print(json.dumps({"Error": type(error).__name__}), flush=True)
    # And ends as programs do: without closing anything


if __name__ == "__main__":
    main()
