"""A contestant in a process of its own, so that each has its environment and none feels another's memory.

In the child, `serve(call)` obeys; here, `Contestant` commands. Only the standard library: peers import this too.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[1]
END_SECONDS = 10.0


class Contestant:
    """`python -m <module> <arguments>`, ready when it has said so. RuntimeError with its last words if it dies."""

    def __init__(self, python: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a module of this folder
            [python, "-m", module, *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hear()

    def seconds_for(self, calls: int) -> float:
        assert self._process.stdin is not None  # noqa: S101 - opened above
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        return float(self._hear())

    def close(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened above
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _hear(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - opened above
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a contestant ended with status {self._process.wait()}: {self._process.args!r}")
        return line


def serve(call: Callable[[], object]) -> None:
    """Says that it is ready, then answers each number of calls with the seconds that they took, until told no more."""
    call()  # connections, caches
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        for _ in range(int(line)):
            call()
        print(time.perf_counter() - started, flush=True)
