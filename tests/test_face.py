"""What applications import: these names, each loaded when it is first used, and documents use no other."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kms_failover
from kms_failover.client import failover_kms

REPOSITORY = Path(__file__).resolve().parents[1]
INSTALLED = Path(kms_failover.__file__).parents[1]  # the tree, or where the wheel is
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("runbooks/*.md")])
WITHOUT_BOTO3 = {"boto3", "botocore", "pydantic", "cryptography", "yaml"}


def loaded_by(code: str) -> set[str]:
    """The modules that a new process has after it ran `code`."""
    shown = f"{code}\nimport sys\nprint(*sys.modules)"
    environment = {"PYTHONPATH": str(INSTALLED)}
    ran = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True, env=environment)  # noqa: S603  # ours
    return set(ran.stdout.split())


@pytest.mark.parametrize("name", kms_failover.__all__)
def test_every_name_of_the_face_can_be_imported(name: str) -> None:
    assert getattr(kms_failover, name) is not None
    assert name in dir(kms_failover)


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import kms_failover")

    assert {name for name in loaded if name.startswith("kms_failover")} == {"kms_failover"}
    assert not loaded & WITHOUT_BOTO3


def test_importing_the_client_loads_boto3_and_what_a_first_call_needs_not_yet() -> None:
    loaded = loaded_by("from kms_failover import FailoverKms")

    assert "boto3" in loaded
    assert not loaded & {"pydantic", "cryptography", "yaml", "aws_lambda_powertools"}


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Engine'"):
        kms_failover.Engine  # type: ignore[attr-defined]  # noqa: B018  # it raises, and a type checker knows


def test_every_error_that_a_call_can_carry_is_in_the_face() -> None:
    assert {kind.__name__ for kind, _code in failover_kms._CODES} <= set(kms_failover.__all__)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_import_from_the_face_alone(document: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert {name for name in imported if name and name.startswith("kms_failover")} <= {"kms_failover"}
