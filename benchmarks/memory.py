"""Peak memory of the data_keys function's code, in a process of its own: every operation, over and over."""

import json
import resource
import subprocess
import sys

from .kms import EAST, REPOSITORY, WEST, strict_kms
from .measure import Figure, at_most

FEW, MANY = 100, 10_000


def data_keys_memory() -> list[Figure]:
    with strict_kms() as endpoint:
        arns = endpoint.new_key(EAST), endpoint.new_key(WEST)
        ran = subprocess.run(  # noqa: S603 - this module
            [sys.executable, "-m", "benchmarks.memory", *arns],
            check=True,
            cwd=REPOSITORY,
            env=endpoint.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
    few, many = json.loads(ran.stdout)
    name = f"peak memory of data_keys after {MANY} requests"
    return [at_most(1.05, name=name, ours=many, peer=few, unit=f"MB, peer: itself after {FEW}")]


def main() -> None:
    from kms_failover import FailoverKms
    from kms_failover.client.data_key_api import DataKeyApi

    from .ours import key_set

    own = key_set(*sys.argv[1:])
    with FailoverKms.connect(own.regions[0], None, (own,), regions=own.regions) as kms:
        api = DataKeyApi(kms)
        peaks = []
        for requests in (FEW, MANY - FEW):
            for number in range(requests // 4):
                work(api, str(number))
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    print(json.dumps(peaks))


def work(api: object, order: str) -> None:
    """Four requests; each must be answered well."""
    context = {"order": order}
    made = _asked(api, Operation="GenerateDataKey", KeyId="orders", KeySpec="AES_256", EncryptionContext=context)
    blob = made["CiphertextBlob"]
    _asked(api, Operation="Decrypt", CiphertextBlob=blob, EncryptionContext=context)
    _asked(api, Operation="Rewrap", CiphertextBlob=blob, EncryptionContext=context)
    _asked(api, Operation="Encrypt", KeyId="orders", Plaintext="bWVzc2FnZQ==", EncryptionContext=context)


def _asked(api: object, **request: object) -> dict[str, str]:
    body = {"requestContext": {}, "body": json.dumps(request)}
    answer = api.answer(body)  # type: ignore[attr-defined]  # DataKeyApi, imported in the child only
    if answer["statusCode"] != 200:  # noqa: PLR2004 - HTTP's
        raise RuntimeError(answer["body"])
    answered: dict[str, str] = json.loads(answer["body"])
    return answered


if __name__ == "__main__":
    main()
