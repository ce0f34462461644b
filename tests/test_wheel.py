"""What `pip install` of this repository brings: the package, its licence, and the client's dependencies alone."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[1]
CLIENTS_OWN = {"boto3", "botocore", "cryptography", "pydantic", "pyyaml"}
WITHOUT_THE_SERVICE = """
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith(("aws_lambda_powertools", "mypy_boto3_", "functions")):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
sys.path.insert(0, sys.argv[1])
import kms_failover
from kms_failover import *
import kms_failover.client, kms_failover.domain
for room in (kms_failover.client, kms_failover.domain):
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        importlib.import_module(module.name)
print(kms_failover.__file__, FailoverKms.__name__, callable(read_key_sets))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds; it is built offline, by the build backend of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)  # noqa: S603  # ours
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture(scope="module")
def distribution(installed: Path) -> Distribution:
    (metadata,) = installed.glob("*.dist-info")
    return Distribution.at(metadata)


def requirements(distribution: Distribution, extra: str = "") -> dict[str, Requirement]:
    """By name, those that `pip install` takes without an extra, or only for this one."""
    every = [Requirement(each) for each in distribution.requires or ()]
    plain = {each.name: each for each in every if each.marker is None}
    marked = {each.name: each for each in every if each.marker and each.marker.evaluate({"extra": extra})}
    return marked if extra else plain


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^[a-z][a-z0-9-]*", path.read_text("utf-8"), re.MULTILINE))


def test_the_wheel_installs_the_package_and_nothing_beside_it(installed: Path, distribution: Distribution) -> None:
    assert {path.name for path in installed.iterdir()} == {
        "kms_failover",
        f"kms_failover-{distribution.version}.dist-info",
    }
    assert (installed / "kms_failover" / "py.typed").is_file()


def test_the_wheel_carries_its_licence(installed: Path, distribution: Distribution) -> None:
    (licence,) = installed.glob("*.dist-info/licenses/LICENSE")

    assert licence.read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    assert distribution.metadata["License-Expression"] == "Apache-2.0"


def test_the_client_alone_is_required_and_the_service_is_an_extra(distribution: Distribution) -> None:
    assert set(requirements(distribution)) == CLIENTS_OWN
    assert set(requirements(distribution, "service")) == {"aws-lambda-powertools", "boto3"}


def test_lambda_gets_what_the_client_and_the_service_require(distribution: Distribution) -> None:
    required = {*requirements(distribution), *requirements(distribution, "service")}

    assert names_in(REPOSITORY / "layers/dependencies/requirements.in") == required


def test_the_lowest_versions_that_are_allowed_are_those_that_the_tests_run_with(distribution: Distribution) -> None:
    lock = (REPOSITORY / "tests/lowest/requirements.txt").read_text("utf-8")
    locked = {name: Version(version) for name, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock, re.MULTILINE)}

    for name, requirement in requirements(distribution).items():
        (bound,) = requirement.specifier
        assert (bound.operator, Version(bound.version)) == (">=", locked[name]), name


def test_the_client_is_imported_from_the_wheel_without_what_only_the_service_needs(installed: Path) -> None:
    command = [sys.executable, "-I", "-c", WITHOUT_THE_SERVICE, str(installed)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # ours

    assert ran.stdout.split() == [str(installed / "kms_failover" / "__init__.py"), "FailoverKms", "True"], ran.stderr
