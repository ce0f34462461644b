"""FailoverKms, one way of using it to a process. Runs in this project's own environment.

Arguments: the way, then the member keys' ARNs in order of preference. `AWS_ENDPOINT_URL_KMS` says where KMS is.
"""

import os
import secrets
import sys
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.contestant import serve
from benchmarks.peers.envelopes import CONTEXT, MESSAGE, in_threads
from kms_failover import CacheLimits, FailoverKms, KeySet, MemberKey, ReservoirLimits, Settings

WAYS: dict[str, Settings] = {
    "plain": Settings(),
    "cached": Settings(cache=CacheLimits(max_age_seconds=3600, max_uses=2**32)),
    "reservoir": Settings(reservoir=ReservoirLimits()),
}


def key_set(*arns: str) -> KeySet:
    return KeySet(name="orders", members=tuple(MemberKey(region=arn.split(":")[3], arn=arn) for arn in arns))


def encrypting(kms: FailoverKms) -> Callable[[], object]:
    """A data key, and 1 KB under it."""

    def call() -> object:
        made = kms.generate_data_key(KeyId="orders", KeySpec="AES_256", EncryptionContext=CONTEXT)
        nonce = secrets.token_bytes(12)
        return made["CiphertextBlob"], nonce, AESGCM(made["Plaintext"]).encrypt(nonce, MESSAGE, None)

    return call


def main() -> None:
    way, *arns = sys.argv[1:]
    own = key_set(*arns)
    call = encrypting(FailoverKms.connect(own.regions[0], None, (own,), regions=own.regions, settings=WAYS[way]))
    count = int(os.environ.get("THREADS", "1"))
    serve(call if count == 1 else in_threads(call, count))


if __name__ == "__main__":
    main()
