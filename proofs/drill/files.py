"""Which files the drill takes: of all sizes, the same ones on every run of one installation."""

import hashlib
import os
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST_BYTES = 8 * 1024 * 1024  # "several MB"; what is larger only tells how fast the local S3 is
TOTAL_BYTES = 48 * 1024 * 1024
LARGE_SHARE = 40  # one file in so many is among the largest
SKIPPED_FOLDERS = {"__pycache__", "site-packages", "dist-packages", ".git"}


@dataclass(frozen=True)
class Candidate:
    name: str
    path: Path
    size: int


@dataclass(frozen=True)
class UnreadableFile:
    """A file that the drill could not read: named, and the rest goes on."""

    name: str
    reason: str


def standard_library() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def choose(folder: Path, count: int) -> tuple[list[Candidate], list[UnreadableFile]]:
    """`count` files, evenly from the smallest to the largest, with some of the very largest, in an order of their own.

    Fewer where the folder has fewer, or where they would be too much to carry.
    """
    found: list[Candidate] = []
    unreadable: list[UnreadableFile] = []
    for path in _walk(folder):
        try:
            size = path.stat().st_size
        except OSError as error:
            unreadable.append(UnreadableFile(path.relative_to(folder).as_posix(), type(error).__name__))
            continue
        if size <= LARGEST_BYTES and path.is_file():
            found.append(Candidate(path.relative_to(folder).as_posix(), path, size))
    by_size = sorted(found, key=lambda one: (one.size, one.name))
    return _within_budget(_spread(by_size, count)), unreadable


def read(candidate: Candidate) -> bytes | UnreadableFile:
    try:
        return candidate.path.read_bytes()
    except OSError as error:
        return UnreadableFile(candidate.name, type(error).__name__)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        yield from (Path(parent, name) for name in sorted(names))


def _spread(by_size: list[Candidate], count: int) -> list[Candidate]:
    """Evenly along the sizes, then the largest, until there are enough; each once."""
    if len(by_size) <= count:
        return by_size
    large = max(1, count // LARGE_SHARE)
    rest, largest = by_size[:-large], by_size[-large:]
    wanted = count - large
    step = max(1, (len(rest) - 1)) / max(1, wanted - 1)
    return [rest[round(n * step)] for n in range(wanted)] + largest


def _within_budget(files: Iterable[Candidate]) -> list[Candidate]:
    """Mixed by a hash of their names, so that every part of the list has files of all sizes."""
    kept, total = [], 0
    for one in sorted(files, key=lambda one: hashlib.sha256(one.name.encode("utf-8", "surrogateescape")).digest()):
        if total + one.size <= TOTAL_BYTES:
            kept.append(one)
            total += one.size
    return kept
