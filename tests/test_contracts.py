"""Each contract of import-linter is kept as the code stands, and broken by one import against it."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
PROJECT = REPOSITORY / "pyproject.toml"
LINTER: dict[str, Any] = tomllib.loads(PROJECT.read_text("utf-8"))["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {contract["name"]: contract for contract in LINTER["contracts"]}
HOMES = ("layers/shared", "command", ".")  # where packages lie
COMMAND = "from importlinter.cli import lint_imports_command; lint_imports_command()"


class Tree:
    """A copy of the packages that the contracts are about, and of the contracts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copy(PROJECT, folder)
        for package in LINTER["root_packages"]:
            source = next(REPOSITORY / home / package for home in HOMES if (REPOSITORY / home / package).exists())
            shutil.copytree(source, folder / package, ignore=shutil.ignore_patterns("__pycache__"))

    def add_import(self, importer: str, imported: str) -> None:
        path = self._folder / Path(*importer.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n")

    def module_of(self, package: str) -> str:
        """Itself, or its first module where it is a namespace and cannot be imported from."""
        path = self._folder / Path(*package.split("."))
        if not path.is_dir() or (path / "__init__.py").exists():
            return package
        first = min(path.rglob("*.py"))
        return ".".join(first.relative_to(self._folder).with_suffix("").parts)

    def lint(self) -> tuple[dict[str, str], str]:
        """KEPT or BROKEN by contract, and all that the linter says."""
        ended = subprocess.run(  # noqa: S603  # our own interpreter and words
            [sys.executable, "-c", COMMAND, "--no-cache"],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(self._folder), "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        states = dict(re.findall(r"^(.+) (KEPT|BROKEN)$", said, re.MULTILINE))
        assert ended.returncode == ("BROKEN" in states.values()), said
        return states, said


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def imports_against(contract: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Who must not import whom: the layer below not the one above it, nor one of a layer its neighbour."""
    if contract["type"] == "forbidden":
        yield from itertools.product(contract["source_modules"], contract["forbidden_modules"])
        return
    for container in contract.get("containers", [""]):
        layers = [
            [f"{container}.{part}".removeprefix(".") for part in re.split(r"\s*[|:]\s*", layer)]
            for layer in contract["layers"]
        ]
        for upper, lower in itertools.pairwise(layers):
            yield from itertools.product(lower, upper)
        for layer, text in zip(layers, contract["layers"], strict=True):
            if "|" in text:
                yield from itertools.pairwise(layer)


def test_the_code_keeps_every_contract(tree: Tree) -> None:
    states, said = tree.lint()

    assert states == dict.fromkeys(CONTRACTS, "KEPT"), said


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_import_against_a_contract_breaks_it(tree: Tree, name: str) -> None:
    against = [(tree.module_of(a), tree.module_of(b)) for a, b in imports_against(CONTRACTS[name])]
    for importer, imported in against:
        tree.add_import(importer, imported)

    states, said = tree.lint()

    assert states[name] == "BROKEN"
    unseen = [pair for pair in against if f"{pair[0]} -> {pair[1]} (l." not in said]
    assert unseen == [], said
