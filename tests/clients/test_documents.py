"""The README's code runs as it stands there; that of the other documents does in tests/test_documents.py."""

import re
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from proofs.fault_matrix.matrix import REGIONS, Kms
from tests.clients.world import MESSAGE

pytestmark = pytest.mark.enable_socket

REPOSITORY = Path(__file__).resolve().parents[2]


def code_of(document: str, section: str) -> str:
    """The section's first block of Python."""
    text = (REPOSITORY / document).read_text("utf-8")
    found = re.search(rf"^## {re.escape(section)}$.*?^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{document} has no code in {section!r}"
    return found[1]


@pytest.fixture
def environment(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", kms.url)


def test_the_readmes_code_serves_although_there_is_no_state_table(
    kms: Kms, environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    members = [{"region": one.region, "arn": one.arn} for one in kms.key_set.members]
    (tmp_path / "key-sets.yaml").write_text(yaml.safe_dump({"key_sets": [{"name": "orders", "members": members}]}))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}

    with mock_aws():
        exec(compile(code_of("README.md", "Use it in code"), "README.md", "exec"), names)  # noqa: S102  # ours
        boto3.client("s3").create_bucket(Bucket="orders")
        names["s3"].put_object(Bucket="orders", Key="order", Body=MESSAGE)
        read = names["s3"].get_object(Bucket="orders", Key="order")["Body"].read()
        made = names["kms"].generate_data_key(KeyId="orders", KeySpec="AES_256")
        names["kms"].close()

    assert read == MESSAGE
    assert made["KmsFailover"]["Regions"] == list(REGIONS)
