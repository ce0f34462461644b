"""The patch for moto applies, and a patched moto has the strict KMS when it is asked for, and else its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.moto_patch import patch

SCRIPT = """
import boto3, moto, sys
from moto import mock_aws
assert moto.__file__.startswith(sys.argv[1]), moto.__file__
STRICT = ({"kms": {"strict": True}}, "PendingImport")
for config, expected in (STRICT, ({}, "Enabled"), STRICT):
    with mock_aws(config=config):
        kms = boto3.client("kms", region_name="us-east-1")
        assert kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyState"] == expected, expected
        west = boto3.client("kms", region_name="us-west-2")
        if config:
            key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
            kms.replicate_key(KeyId=key, ReplicaRegion="us-west-2")
            blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
            assert west.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
print("as promised")
"""


def folders(tmp_path: Path, *names: str) -> list[Path]:
    made = [tmp_path / name for name in names]
    for folder in made:
        folder.mkdir()
    return made


def test_the_patch_applies_and_is_switched_on_by_motos_own_configuration(tmp_path: Path) -> None:
    scratch, fresh = folders(tmp_path, "scratch", "fresh")
    patch.write_patch(tmp_path / "strict-kms.patch", scratch)
    patch.copy_moto(fresh)

    patch.apply_patch(tmp_path / "strict-kms.patch", fresh)

    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", SCRIPT, str(fresh)],
        env=os.environ | {"PYTHONPATH": str(fresh)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == "as promised", ran.stderr


def test_another_moto_than_the_patch_was_made_for_is_refused(tmp_path: Path) -> None:
    package = patch.copy_moto(tmp_path)
    (package / "kms" / "models.py").write_text("kms_backends = {}\n")

    with pytest.raises(patch.PatchError, match=r"moto/kms/models\.py"):
        patch.add_strict_kms(package)
