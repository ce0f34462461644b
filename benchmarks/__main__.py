"""Behind `make bench`: all figures, to build/bench.json and, if asked, docs/benchmarks.md; 1 if a goal is missed."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial

from .bursts import bursts_into_silence
from .cold_start import import_and_first_client, layer_size
from .data_plane import breaker_open, first_request_into_silence, steady_state
from .envelopes import from_the_cache, peer_in_an_outage, two_region_wraps
from .kms import REPOSITORY
from .local_kms import data_keys_over_http
from .measure import Figure
from .memory import data_keys_memory
from .own_delays import degraded_by_own_delays

HEAD = """# Benchmarks

Written by `make bench DOCS=1`. Ours and the peer were measured in the same run, in turn; medians.

| work | ours | peer | unit | ratio | goal | met |
|---|---|---|---|---|---|---|
"""


def main() -> int:
    with peer_in_an_outage() as peer_seconds:  # it takes three minutes, and no processor: the others run meanwhile
        benchmarks: Mapping[str, Callable[[], list[Figure]]] = {
            "steady-state": steady_state,
            "two-region-wraps": two_region_wraps,
            "breaker-open": breaker_open,
            "bursts": bursts_into_silence,
            "own-delays": degraded_by_own_delays,
            "cache": from_the_cache,
            "cold-start": import_and_first_client,
            "layer": layer_size,
            "memory": data_keys_memory,
            "local-kms": data_keys_over_http,
            "silence": partial(first_request_into_silence, peer_seconds),
        }
        parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
        parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md too; not with ONLY")
        parser.add_argument("--only", choices=benchmarks, nargs="+", help="these and no others")
        chosen = parser.parse_args()
        if chosen.docs and chosen.only:
            parser.error("--docs writes all figures or none")
        figures = _measure({name: run for name, run in benchmarks.items() if name in (chosen.only or benchmarks)})
    build = REPOSITORY / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n")
    if chosen.docs:
        notes = (REPOSITORY / "benchmarks" / "notes.md").read_text()
        (REPOSITORY / "docs" / "benchmarks.md").write_text(HEAD + "".join(map(_row, figures)) + "\n" + notes)
    return int(not all(one.ok for one in figures))


def _measure(benchmarks: Mapping[str, Callable[[], list[Figure]]]) -> list[Figure]:
    figures = []
    for name, run in benchmarks.items():
        print(f"{name} ...", flush=True)
        figures += (measured := run())
        for one in measured:
            print(f"  {_said(one)}", flush=True)
    return figures


def _said(one: Figure) -> str:
    met = "for information" if one.goal == "-" else "met" if one.ok else "missed"
    return f"{one.name}: {one.ours} ({one.unit}: {one.peer}), ratio {one.ratio}; goal: {one.goal}, {met}"


def _row(one: Figure) -> str:
    met = "-" if one.goal == "-" else "yes" if one.ok else "**no**"
    return f"| {one.name} | {one.ours} | {one.peer} | {one.unit} | {one.ratio} | {one.goal} | {met} |\n"


if __name__ == "__main__":
    sys.exit(main())
