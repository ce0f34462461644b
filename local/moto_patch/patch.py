"""Puts local/strict_kms into a copy of moto and writes the difference as a patch."""

import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import moto

OURS = Path(__file__).resolve().parents[1] / "strict_kms"
# what moto has its own of (a server), or what only tests and drills need
LEFT_OUT = ("__init__.py", "__main__.py", "delivery.py", "owner.py", "server.py")
PACKAGE = '''"""A KMS that refuses what AWS KMS refuses: `mock_aws(config={"kms": {"strict": True}})`."""

from .mock import mock_strict_kms, settle_all

__all__ = ["mock_strict_kms", "settle_all"]
'''
MAKE_BACKEND = """def _make_backend(region_name: str, account_id: str) -> KmsBackend:
    if default_user_config.get("kms", {}).get("strict"):
        from .strict.registration import strict_backend  # it needs this module

        return strict_backend(region_name, account_id)
    return KmsBackend(region_name, account_id)


kms_backends = BackendDict(_make_backend, "kms")  # type: ignore[arg-type]
"""
BASES = "from moto.core.common_models import BaseModel, CloudFormationModel\n"
IOT = "class _iot_config(TypedDict, total=False):\n"
IOT_DEFAULT = '    "iot": {"use_valid_cert": False},\n'
# by file: what is there once, and what takes its place
EDITS = {
    "core/config.py": (
        (IOT, f"class _kms_config(TypedDict, total=False):\n    strict: bool\n\n\n{IOT}"),
        ('        "iot": _iot_config,\n', '        "iot": _iot_config,\n        "kms": _kms_config,\n'),
        (IOT_DEFAULT, f'{IOT_DEFAULT}    "kms": {{"strict": False}},\n'),
    ),
    "kms/models.py": (
        (BASES, f"{BASES}from moto.core.config import default_user_config\n"),
        ('kms_backends = BackendDict(KmsBackend, "kms")\n', MAKE_BACKEND),
    ),
}


class PatchError(Exception):
    """moto is not the version that the edits were made for, or git is missing; the message says which."""


def moto_version() -> str:
    return version("moto")


def copy_moto(folder: Path) -> Path:
    """The installed moto's sources below `folder`, without what was compiled. Returns the package's folder."""
    target = folder / "moto"
    shutil.copytree(Path(moto.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def add_strict_kms(package: Path) -> None:
    """`package` is a moto of the version that is installed here."""
    strict = package / "kms" / "strict"
    strict.mkdir()
    for source in sorted(OURS.glob("*.py")):
        if source.name not in LEFT_OUT:
            shutil.copy(source, strict / source.name)
    (strict / "__init__.py").write_text(PACKAGE)
    for name, edits in EDITS.items():
        path = package / name
        text = path.read_text()
        for old, new in edits:
            if text.count(old) != 1:
                raise PatchError(f"moto/{name} of moto {moto_version()} is not as expected: {old!r}")
            text = text.replace(old, new)
        path.write_text(text)


def write_patch(path: Path, scratch: Path) -> None:
    """A patch for `git apply` in moto's repository, written from two copies below `scratch`."""
    for name in ("a", "b"):
        (scratch / name).mkdir()
    copy_moto(scratch / "a")
    add_strict_kms(copy_moto(scratch / "b"))
    # without a repository around, and without the user's own settings of git
    command = ["git", "diff", "--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "a", "b"]
    ran = subprocess.run(command, cwd=scratch, capture_output=True, check=False)  # noqa: S603 - fixed words
    if ran.returncode != 1 or not ran.stdout:  # 1: there are differences
        raise PatchError(f"git made no patch: {ran.stderr.decode(errors='replace').strip()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ran.stdout)


def apply_patch(path: Path, folder: Path) -> None:
    """To the moto below `folder`."""
    command = ["git", "apply", "--whitespace=error-all", str(path.resolve())]
    environment = {"GIT_CEILING_DIRECTORIES": str(folder.parent), "PATH": _path()}
    ran = subprocess.run(  # noqa: S603 - fixed words and our own file
        command, cwd=folder, env=environment, capture_output=True, check=False
    )
    if ran.returncode:
        raise PatchError(f"the patch does not apply: {ran.stderr.decode(errors='replace').strip()}")


def _path() -> str:
    git = shutil.which("git")
    if git is None:
        raise PatchError("git is needed to write and to try the patch")
    return str(Path(git).parent)
