"""A cold process that makes one data key: says when it has connected, then whether the key is complete.

Arguments: the member keys' ARNs. `AWS_ENDPOINT_URL_KMS` says where KMS is.
"""

import sys

from benchmarks.ours import key_set
from kms_failover import FailoverKms


def main() -> None:
    own = key_set(*sys.argv[1:])
    with FailoverKms.connect(own.regions[0], None, (own,), regions=own.regions) as kms:
        print("connected", flush=True)
        missing = kms.generate_data_key(KeyId="orders", KeySpec="AES_256")["KmsFailover"]["MissingRegions"]
        print("complete" if not missing else f"lacks {missing}", flush=True)


if __name__ == "__main__":
    main()
