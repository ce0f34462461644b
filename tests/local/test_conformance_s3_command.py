"""The conformance command for S3: what it leaves behind, what it asks for, where it ends with what."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from local.strict_kms import Installation, ReusedPairs
from local.strict_kms.server import StrictKmsServer
from tests.conformance_s3.targets import fake_s3_client, strict_s3_server

from .test_conformance_command import command, write_profile

LOCKED = "a_held_version or a_retained_version or compliance_mode or does_not_keep_the_key or goes_from_one_region"
pytestmark = pytest.mark.enable_socket


@dataclass(frozen=True)
class Urls:
    s3: str
    kms: str

    @property
    def bucket_names(self) -> list[str]:
        s3 = fake_s3_client("s3", "us-east-1", self.s3)
        return [one["Name"] for one in s3.list_buckets()["Buckets"]]

    @property
    def states_of_keys(self) -> set[str]:
        kms = fake_s3_client("kms", "us-east-1", self.kms)
        ids = [one["KeyId"] for one in kms.list_keys()["Keys"]]
        return {kms.describe_key(KeyId=one)["KeyMetadata"]["KeyState"] for one in ids}


@pytest.fixture(scope="module")
def strict() -> Iterator[Urls]:
    kms = StrictKmsServer(Installation(key_pairs=ReusedPairs()))
    kms.start()
    with strict_s3_server(kms.url) as url:
        yield Urls(url, kms.url)
    kms.stop()


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_an_endpoint_is_left_without_buckets_keys_and_locks(strict: Urls) -> None:
    ran = command("--service", "s3", "--endpoint", strict.s3, "-k", LOCKED, AWS_ENDPOINT_URL_KMS=strict.kms)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{strict.s3}: 4 pass, 0 fail, 1 not offered" in ran.stdout
    assert "test_compliance_mode_holds_against_everybody_until_its_end not offered" in ran.stdout
    assert "stays" not in ran.stdout
    assert strict.bucket_names == []
    assert strict.states_of_keys == {"PendingDeletion"}


def test_an_endpoint_that_lies_ends_with_1_and_says_where(moto_url: str) -> None:
    ran = command("--service", "s3", "--endpoint", moto_url, "-k", "a_put_takes_one_condition and both")

    assert ran.returncode == 1, ran.stderr
    assert "refused with PreconditionFailed (412); AWS refuses with NotImplemented (501)" in ran.stdout


def test_an_account_is_told_the_price_and_not_touched_without_a_yes(
    strict: Urls, moto_url: str, tmp_path: Path
) -> None:
    profile = write_profile(tmp_path, s3=strict.s3, kms=strict.kms, sts=moto_url)

    ran = command("--service", "s3", "--aws-profile", "trial", "-k", "changes_the_key", said="n\n", **profile)

    assert ran.returncode == 2
    assert "This makes buckets and 2 KMS keys, tagged kms-failover-conformance, and " in ran.stderr
    assert "in account 123456789012" in ran.stderr
    assert "costs at most 0.00 dollars" in ran.stderr
    assert "Nothing was done." in ran.stderr
    assert strict.bucket_names == []


def test_a_target_of_the_other_service_is_refused() -> None:
    ran = command("--service", "s3", "--only", "moto-patched")

    assert ran.returncode == 2
    assert "--only moto-patched is no target of --service s3" in ran.stderr
