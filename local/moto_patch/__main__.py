"""Behind `make moto-patch`: writes the patch, applies it to a copy of moto, and runs the conformance cases there."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .patch import PatchError, apply_patch, copy_moto, moto_version, write_patch

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(f"{__doc__}\nArguments go to python -m tests.conformance, -k for one.")
        return 0
    path = REPOSITORY / "build" / f"moto-{moto_version()}-strict-kms.patch"
    with TemporaryDirectory() as scratch, TemporaryDirectory() as fresh:
        try:
            write_patch(path, Path(scratch))
            copy_moto(Path(fresh))
            apply_patch(path, Path(fresh))
        except PatchError as error:
            print(error, file=sys.stderr)
            return 2
        print(
            f"{path.relative_to(REPOSITORY)} applies to moto {moto_version()}; the cases in the patched copy:",
            flush=True,
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([fresh, os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, "-m", "tests.conformance", "--only", "moto-patched", *sys.argv[1:]]
        return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode  # noqa: S603 - our own


if __name__ == "__main__":
    sys.exit(main())
