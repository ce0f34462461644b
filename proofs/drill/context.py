"""What the steps share: the cloud, the clients, the facts gathered so far."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs.drill.aws import Aws
from proofs.drill.checks import Checks
from proofs.drill.files import Candidate, UnreadableFile
from proofs.drill.places import HOME, REPLICA
from proofs.drill.progress import Progress
from proofs.drill.traffic import Traffic
from proofs.drill.watching import Watcher

if TYPE_CHECKING:
    from local.cloud import LocalCloud

WORKERS = 3  # for the drill's own reading and writing: the machine runs two clouds and the traffic beside it


@dataclass(frozen=True)
class Options:
    data: Path | None
    files: int
    folder: Path
    short: bool
    build: bool
    sam: Path | None = None


@dataclass(frozen=True)
class DrillObject:
    """One file as an object: written from `home`, by the stock client or by the same client with our drop-in."""

    key: str
    sha256: str
    size: int
    home: str
    drop_in: bool

    def bucket_in(self, region: str) -> str:
        return HOME[self.home] if region == self.home else REPLICA[self.home]


@dataclass(frozen=True)
class Moment:
    at: float
    label: str
    kind: str = "event"
    detail: str = ""


@dataclass
class Drill:
    options: Options
    cloud: "LocalCloud"
    aws: Aws
    progress: Progress
    checks: Checks
    keys: dict[str, str]
    traffic: Traffic
    watcher: Watcher
    first_files: list[Candidate]
    later_files: list[Candidate]  # written during the outage
    objects: list[DrillObject] = field(default_factory=list)
    unreadable: list[UnreadableFile] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    coverage: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def mark(self, label: str, kind: str = "event", *, at: float | None = None, detail: str = "the drill") -> float:
        moment = Moment(time.time() if at is None else at, label, kind, detail)
        with self._lock:
            self.moments.append(moment)
        return moment.at

    def at(self, kind: str) -> float | None:
        """When the first moment of this kind was."""
        return next((moment.at for moment in self.moments if moment.kind == kind), None)

    def each[T, R](self, description: str, items: Iterable[T], work: Callable[[T], R]) -> list[R]:
        """`work` on every item, a few at a time, with a bar; the first error ends it."""
        listed = list(items)
        with self.progress.task(description, len(listed)) as task, ThreadPoolExecutor(WORKERS) as pool:

            def one(item: T) -> R:
                result = work(item)
                task.advance()
                return result

            return list(pool.map(one, listed))
