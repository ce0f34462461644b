"""What is installed: the script, and the library that it needs."""

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kms_failover.version import __version__ as library_version
from kms_failover_command.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "command" / "pyproject.toml").read_text("utf-8"))["project"])


def test_the_script_is_the_commands_and_not_the_librarys(project: dict[str, Any]) -> None:
    module, _, function = project["scripts"]["kms-failover"].partition(":")
    library = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert getattr(import_module(module), function) is main
    assert "scripts" not in library


def test_the_library_of_the_same_version_is_needed(project: dict[str, Any]) -> None:
    assert f"kms-failover=={library_version}" in project["dependencies"]


def test_its_licence_is_the_repositorys(project: dict[str, Any]) -> None:
    (file,) = project["license-files"]

    assert (ROOT / "command" / file).read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project["license"] == "Apache-2.0"
