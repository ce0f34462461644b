"""Lambda workers see their code, their layers and the standard library, and not the tools' own packages.

ministack 1.5.33 runs them with its own interpreter: a function would find there what its layer forgot, or in another
version. AWS adds boto3 to the runtime; here it has to be in a layer, where the product pins it anyway.
"""

import sys
from typing import Any

from ministack.core import lambda_runtime


def bare_interpreter() -> str:
    """The interpreter this environment was made from; the same when there is no environment around it."""
    base: str = getattr(sys, "_base_executable", None) or sys.executable
    return base


def install() -> None:
    """`_detect_runtime_binary` is replaced: ministack has no setting for it."""
    detect = lambda_runtime._detect_runtime_binary

    def detect_runtime_binary(runtime: str) -> Any:
        binary, script = detect(runtime)
        return (bare_interpreter() if runtime.startswith("python") else binary), script

    lambda_runtime._detect_runtime_binary = detect_runtime_binary
