"""Figures, always of two contestants in the same run, in turn, so that a machine that slows down slows both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`ours` and `peer` are medians over the rounds, in `unit`; `goal` says in words what `ok` means."""

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    goal: str
    ok: bool


def rates(ours: Callable[[], object], peer: Callable[[], object], *, rounds: int, calls: int) -> tuple[float, float]:
    """Calls a second of each, as the median over rounds in which one goes after the other."""
    measured: tuple[list[float], list[float]] = ([], [])
    for contestant in (ours, peer):  # connections, caches
        contestant()
    for _ in range(rounds):
        for contestant, list_of_rates in zip((ours, peer), measured, strict=True):
            started = time.perf_counter()
            for _ in range(calls):
                contestant()
            list_of_rates.append(calls / (time.perf_counter() - started))
    return median(measured[0]), median(measured[1])
