"""What a process sees of the outside: the local cloud, and nothing of the user's own AWS settings."""

import os
from collections.abc import Mapping
from pathlib import Path

from .ports import LOOPBACK
from .state import Addresses

ACCESS_KEY = "test"  # ministack takes this key for the account's root
ACCOUNT = "000000000000"
HOME_REGION = "us-east-1"
REGIONS = ("us-east-1", "us-west-2")


def client_settings(addresses: Addresses) -> dict[str, str]:
    """The variables to add for a client, once every AWS_ variable of the user's own is gone."""
    return {
        "AWS_ENDPOINT_URL": addresses.front,
        "AWS_ENDPOINT_URL_KMS": addresses.kms_front,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": HOME_REGION,
        # a profile of the user's could name another endpoint, region or account
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
    }


def client_environment(addresses: Addresses, own: Mapping[str, str]) -> dict[str, str]:
    """Everything for a child process that talks to the cloud: the caller's variables, cleaned, and the settings."""
    direct = ",".join(filter(None, [own.get("NO_PROXY"), LOOPBACK, "localhost"]))
    return without_aws(own) | {"NO_PROXY": direct, "no_proxy": direct} | client_settings(addresses)


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.upper().startswith("AWS_")}


def server_environment(addresses: Addresses, own: Mapping[str, str], folder: Path) -> dict[str, str]:
    """For the cloud's own processes. The Lambda workers inherit all of it, so it holds what a function may see.

    Without PYTHONPATH: a worker would find the repository in it, and a function would work without its layer.
    """
    inherited = {name: value for name, value in client_environment(addresses, own).items() if name != "PYTHONPATH"}
    ministack = {
        "AUTH": "true",  # a role may do what its policies say, and nothing else
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": addresses.gateway.rpartition(":")[2],
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": HOME_REGION,
        "TMPDIR": str(folder / "tmp"),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "SFTP_ENABLED": "0",  # a listener on a fixed port; two clouds would collide
        "IOT_MTLS_ENABLED": "0",  # the same
        "DOCKER_HOST": "unix:///nonexistent",  # never look for containers
        "LOG_LEVEL": "INFO",
    }
    return inherited | ministack | {"PYTHONUNBUFFERED": "1"}
