"""A layer is unpacked once and shared by all workers, read-only for them as `/opt` is on Lambda.

ministack 1.5.33 unpacks every layer anew for each worker: a dependencies layer of 3,000 files costs each cold start two
seconds of a processor, and a burst of eight on two processors most of a minute.
"""

import hashlib
import tempfile
import threading
import types
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

LAYER_PREFIX = "layer_"  # how ministack names a layer's folder beside a worker's code


class SharedLayerZip(zipfile.ZipFile):
    """Puts a link to the one unpacked copy in the place of a layer's folder; unpacks all else as ever."""

    _lock = threading.Lock()
    _unpacked: dict[str, Path] = {}  # noqa: RUF012  # of the whole process, under the lock

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        if path is None or not Path(path).name.startswith(LAYER_PREFIX):
            super().extractall(path, members, pwd)
            return
        folder = self._unpack_once()
        Path(path).rmdir()  # ministack made it, empty
        Path(path).symlink_to(folder, target_is_directory=True)

    def _unpack_once(self) -> Path:
        with self._lock:
            digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
            if digest not in self._unpacked:
                folder = Path(tempfile.mkdtemp(prefix="shared-layer-"))
                super().extractall(folder)
                self._unpacked[digest] = folder
            return self._unpacked[digest]


def install() -> None:
    """Gives the module of the workers a `zipfile` of its own, with the three names it uses."""
    lambda_runtime.zipfile = types.SimpleNamespace(
        ZipFile=SharedLayerZip, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )
