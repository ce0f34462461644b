"""The cases of one service, what they run against, and where is written what became of them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .results import Run
from .targets import Opener

REPOSITORY = Path(__file__).resolve().parents[2]

type Opens = Callable[[], AbstractContextManager[Any]]
type Regions = tuple[str, str]


@dataclass(frozen=True)
class Bill:
    """What a run in an account makes there, at most costs, and leaves behind; in whole sentences."""

    makes: str
    leaves: str
    dollars: float


@dataclass(frozen=True)
class Suite:
    """`service` is boto3's name, and what is said on the command line.

    `ours` must pass every case, and the first of them is the reference of the document; `others` may fail those that
    `known` names; `optional` run only when they are named, and have to offer everything. `ask` tries a region of an
    endpoint before the cases; it raises what boto3 raises.
    """

    service: str
    name: str
    folder: Path
    document: Path
    known: Path
    head: str
    areas: Mapping[str, str]
    ours: tuple[Opener, ...]
    others: tuple[Opener, ...]
    optional: tuple[Opener, ...]
    endpoint: Callable[[str, Regions], Opens]
    aws_account: Callable[[str, Regions], Opens]
    ask: Callable[[Any, str], None]
    bill: Callable[[Run], Bill]

    @property
    def local(self) -> tuple[Opener, ...]:
        return (*self.ours, *self.others)

    @property
    def by_key(self) -> dict[str, Opener]:
        return {one.key: one for one in (*self.local, *self.optional)}

    @property
    def names(self) -> dict[str, str]:
        return {one.key: one.name for one in self.local}

    @property
    def must_pass(self) -> frozenset[str]:
        return frozenset(one.key for one in self.ours)

    @property
    def must_offer_all(self) -> frozenset[str]:
        return self.must_pass | {one.key for one in self.optional}
