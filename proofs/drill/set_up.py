"""Before the clock starts: keys, custody, buckets, and the service deployed to both regions by sam itself."""

import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from proofs.drill.aws import Aws
from proofs.drill.commands import REPOSITORY, SetUpError, cli, run_logged, sam
from proofs.drill.context import Options
from proofs.drill.places import BUCKETS, DEPLOYMENT, HOME, KEY_SET, OTHER, PREFERRED, REGIONS, REPLICA
from proofs.drill.progress import Progress
from proofs.drill.result import HEALTHY_AFTER_SECONDS

MATERIAL_BYTES = 32  # facts 1.2: exactly this for a symmetric key
TEMPLATE = REPOSITORY / ".aws-sam" / "build" / "template.yaml"
AT_ONCE = 4
STATUS = {"Action": "status", "KeySet": KEY_SET}
WARMED: tuple[tuple[str, dict[str, Any]], ...] = (
    *[("rewrap", {"Items": []})] * AT_ONCE,  # the template lets the queue run so many at once
    *[("data-keys", {"Operation": "none"})] * 2,  # the drill's traffic asks with so many threads
    ("runbook", STATUS),
)
REPLICATION_ROLE = "arn:aws:iam::000000000000:role/drill-replication"


def build(options: Options, progress: Progress, environment: Mapping[str, str]) -> None:
    """`sam build`, or what the Makefile built already."""
    if not options.build:
        if not TEMPLATE.exists():
            raise SetUpError(
                f"{TEMPLATE.relative_to(REPOSITORY)} is missing: run `make build`, or leave out --no-build"
            )
        return
    clean = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    with progress.task("sam build"):
        run_logged([sam(options.sam), "build"], clean, options.folder / "logs" / "sam-build.log")


def make_keys(aws: Aws) -> dict[str, str]:
    """One EXTERNAL key a region, both still without material, and the same bytes in each region's custody."""
    material = secrets.token_bytes(MATERIAL_BYTES)
    keys = {}
    for region in REGIONS:
        created = aws.client("kms", region).create_key(Origin="EXTERNAL", Description=f"{KEY_SET}, drill")
        keys[region] = created["KeyMetadata"]["Arn"]
        aws.client("secretsmanager", region).create_secret(Name=f"{DEPLOYMENT}/{KEY_SET}", SecretBinary=material)
    return keys


def make_buckets(aws: Aws) -> None:
    """Two pairs, each replicating one way, so that nothing goes round in circles; and one for sam in each region."""
    for bucket, region in [*BUCKETS.items(), *((_artifacts(region), region) for region in REGIONS)]:
        s3 = aws.client("s3", region)
        placed: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **({} if region == PREFERRED else placed))
    for bucket, region in BUCKETS.items():
        s3 = aws.client("s3", region)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    for region in REGIONS:
        rule = {
            "ID": "to-the-other-region",
            "Status": "Enabled",
            "Priority": 1,
            "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{REPLICA[region]}"},
        }
        aws.client("s3", region).put_bucket_replication(
            Bucket=HOME[region], ReplicationConfiguration={"Role": REPLICATION_ROLE, "Rules": [rule]}
        )


def deploy(options: Options, progress: Progress, aws: Aws, keys: Mapping[str, str]) -> None:
    """The region that owns the global table comes first."""
    clean = {name: value for name, value in aws.environment.items() if name != "PYTHONPATH"}
    for region in REGIONS:
        parameters = [
            f"MemberKeyArns={','.join(keys.values())}",
            f"BucketNames={','.join(BUCKETS)}",
            f"StateTableHome={PREFERRED}",
        ]
        # a config environment that the file does not have: samconfig.toml is for real accounts
        command = [sam(options.sam), "deploy", "--config-env", "drill", "--template-file", str(TEMPLATE)]
        command += ["--stack-name", DEPLOYMENT, "--region", region, "--s3-bucket", _artifacts(region)]
        command += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
        with progress.task(f"sam deploy to {region}"):
            run_logged(
                [*command, "--parameter-overrides", *parameters],
                clean,
                options.folder / "logs" / f"deploy-{region}.log",
            )


def key_sets(keys: Mapping[str, str]) -> dict[str, Any]:
    """The content of the drill's `key-sets.yaml`."""
    orders = {
        "name": KEY_SET,
        "members": [{"region": region, "arn": keys[region], "origin": "EXTERNAL"} for region in REGIONS],
        "failback": "held",
        "rules": {"healthy_after_seconds": HEALTHY_AFTER_SECONDS, "key_usable_after_seconds": HEALTHY_AFTER_SECONDS},
        "material": {"secret": f"{DEPLOYMENT}/{KEY_SET}"},
        "buckets": [{"name": bucket, "region": region} for bucket, region in BUCKETS.items()],
    }
    return {"key_sets": [orders]}


def apply(options: Options, aws: Aws, keys: Mapping[str, str]) -> None:
    file = options.folder / "key-sets.yaml"
    file.write_text(yaml.safe_dump(key_sets(keys), sort_keys=False), "utf-8")
    arguments = ["apply", str(file), "--yes", "--deployment", DEPLOYMENT, *_regions(PREFERRED, OTHER)]
    ended = cli(arguments, aws.environment)
    if ended.status != 0:
        raise SetUpError(f"the key sets could not be applied: {ended.errors.strip()}")


def warm(progress: Progress, aws: Aws) -> None:
    """Begin as a service that has run for a while: the first call of a function unpacks and loads its layers."""
    calls = [(*call, region) for region in REGIONS for call in WARMED]
    with progress.task("warming the functions", len(calls)) as task, ThreadPoolExecutor(AT_ONCE) as pool:

        def call(one: tuple[str, dict[str, Any], str]) -> None:
            function, payload, region = one
            aws.invoke(function, region, payload)
            task.advance()

        list(pool.map(call, calls))


def wrong_region_file(folder: Path, keys: Mapping[str, str]) -> Path:
    """A `key-sets.yaml` whose second member names the first one's key."""
    wrong = key_sets({PREFERRED: keys[PREFERRED], OTHER: keys[PREFERRED]})
    file = folder / "wrong-region.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(wrong)), sort_keys=False), "utf-8")  # no aliases in YAML
    return file


def _regions(*regions: str) -> Iterator[str]:
    for region in regions:
        yield from ("--region", region)


def _artifacts(region: str) -> str:
    return f"{DEPLOYMENT}-artifacts-{region}"
