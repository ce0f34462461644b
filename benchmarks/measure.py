"""Figures, always of two contestants in the same run, in turn, so that a machine that slows down slows both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .contestant import Contestant


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


def at_most(limit: float, *, name: str, ours: float, peer: float, unit: str) -> Figure:
    """Lower is better: ours may be `limit` times the peer's."""
    ratio = ours / peer
    return Figure(name, rounded(ours), rounded(peer), unit, round(ratio, 3), f"ratio at most {limit}", ratio <= limit)


def at_least(limit: float, *, name: str, ours: float, peer: float, unit: str) -> Figure:
    """Higher is better: ours should be `limit` times the peer's."""
    ratio = ours / peer
    return Figure(name, rounded(ours), rounded(peer), unit, round(ratio, 2), f"ratio at least {limit}", ratio >= limit)


def for_information(*, name: str, ours: float, peer: float, unit: str) -> Figure:
    """A figure that a reader will ask for, and nobody set a goal for."""
    return Figure(name, rounded(ours), rounded(peer), unit, rounded(ours / peer), "-", ok=True)


def rounded(value: float) -> float:
    """Three digits that mean something."""
    return float(f"{value:.4g}")


def in_turn(ours: Callable[[], float], peer: Callable[[], float], *, rounds: int) -> tuple[float, float]:
    """The median of what each returns, over rounds in which one goes after the other, each first as often."""
    measured: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        pairs = list(zip((ours, peer), measured, strict=True))
        for contestant, results in pairs if number % 2 else reversed(pairs):
            results.append(contestant())
    return median(measured[0]), median(measured[1])


def rates(ours: Callable[[], object], peer: Callable[[], object], *, rounds: int, calls: int) -> tuple[float, float]:
    """Calls a second of each."""

    def rate(call: Callable[[], object]) -> Callable[[], float]:
        call()  # connections, caches
        return lambda: calls / sum(timed(call, calls))

    return in_turn(rate(ours), rate(peer), rounds=rounds)


def contestants_rates(ours: Contestant, peer: Contestant, *, rounds: int, calls: int) -> tuple[float, float]:
    """The same for contestants in processes of their own."""
    return in_turn(lambda: calls / ours.seconds_for(calls), lambda: calls / peer.seconds_for(calls), rounds=rounds)


def timed(call: Callable[[], object], calls: int) -> list[float]:
    """Seconds of each call."""
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return seconds
