"""What a process pays before its first data key, and what a Lambda layer carries."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .envelopes import PEERS_PYTHON
from .kms import EAST, REPOSITORY, Endpoint, strict_kms
from .measure import Figure, at_most, for_information, in_turn, rounded

ROUNDS = 15
BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "python_dateutil", "six", "six.py", "urllib3")
LARGEST_LAYER_MB = 30
LAMBDA_MB = 2**20  # as Lambda counts: its limit of 250 MB unpacked is 262,144,000 bytes

BARE = "import boto3; kms = boto3.client('kms', region_name='us-east-1')"
OURS = "from kms_failover import FailoverKms; kms = FailoverKms.connect('us-east-1', 'kms-failover')"
OURS_CONFIGURED = (
    "from kms_failover import FailoverKms; from benchmarks.ours import key_set; "
    "kms = FailoverKms.connect('us-east-1', None, (key_set('{arn}'),)); "
    "kms.generate_data_key(KeyId='orders', KeySpec='AES_256')"
)


def import_and_first_client() -> list[Figure]:
    with strict_kms() as endpoint:
        arn = endpoint.new_key(EAST)
        ours, peer = in_turn(_run(endpoint, OURS), _run(endpoint, BARE), rounds=ROUNDS)
        bare_key = f"{BARE}; kms.generate_data_key(KeyId='{arn}', KeySpec='AES_256')"
        first, peer_first = in_turn(
            _run(endpoint, OURS_CONFIGURED.format(arn=arn)), _run(endpoint, bare_key), rounds=ROUNDS
        )
    unit = "ms of a whole process, peer: boto3 and a KMS client"
    return [
        at_most(1.25, name="import and first client", ours=ours, peer=peer, unit=unit),
        for_information(name="import, first client and first data key", ours=first, peer=peer_first, unit=unit),
    ]


def layer_size() -> list[Figure]:
    """The dependencies layer as `sam build` makes it, without boto3 and what that needs: they are in the runtime."""
    layer = REPOSITORY / ".aws-sam" / "build" / "DependenciesLayer" / "python"
    ours = megabytes(layer)
    peer = megabytes(Path(PEERS_PYTHON).parents[1] / "lib" / f"python3.{sys.version_info.minor}" / "site-packages")
    return [
        Figure(
            name="dependencies layer, unpacked, without boto3",
            ours=rounded(ours),
            peer=rounded(peer),
            unit="MB of 2^20 bytes, peer: Encryption SDK with MPL and Tink, and theirs",
            ratio=round(ours / peer, 2),
            goal=f"below {LARGEST_LAYER_MB} MB",
            ok=ours < LARGEST_LAYER_MB,
        )
    ]


def megabytes(folder: Path) -> float:
    """Without boto3's own packages, pip, and compiled bytecode; RuntimeError if there is nothing to weigh."""
    left_out = (*BOTO3, "pip")
    files = [
        file
        for package in folder.iterdir()
        if package.name.split("-")[0] not in left_out
        for file in (package.rglob("*") if package.is_dir() else (package,))
        if file.is_file() and file.suffix != ".pyc"
    ]
    if not files:
        raise RuntimeError(f"nothing lies in {folder}")
    return sum(file.stat().st_size for file in files) / LAMBDA_MB


def _run(endpoint: Endpoint, code: str) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, env=endpoint.environment)  # noqa: S603 - the code above
        return 1e3 * (time.perf_counter() - started)

    run()  # bytecode, the file cache
    return run
