"""Behind `make bench`: all figures, to build/bench.json and, if asked, docs/benchmarks.md; 1 if a goal is missed."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from .local_kms import data_keys_over_http
from .measure import Figure

REPOSITORY = Path(__file__).resolve().parents[1]
BENCHMARKS: tuple[Callable[[], Figure], ...] = (data_keys_over_http,)
HEAD = """# Benchmarks

Written by `make bench DOCS=1`. Ours and the peer were measured in the same run, in turn; medians.

| work | ours | peer | unit | ratio | goal | met |
|---|---|---|---|---|---|---|
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md too")
    write_docs = parser.parse_args().docs
    figures = []
    for benchmark in BENCHMARKS:
        print(f"{benchmark.__name__} ...", flush=True)
        figures.append(benchmark())
        print(f"  {_said(figures[-1])}", flush=True)
    build = REPOSITORY / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n")
    if write_docs:
        (REPOSITORY / "docs" / "benchmarks.md").write_text(HEAD + "".join(_row(one) for one in figures))
    return int(not all(one.ok for one in figures))


def _said(one: Figure) -> str:
    met = "met" if one.ok else "missed"
    return f"{one.name}: {one.ours} ({one.unit}: {one.peer}), ratio {one.ratio}; goal: {one.goal}, {met}"


def _row(one: Figure) -> str:
    met = "yes" if one.ok else "**no**"
    return f"| {one.name} | {one.ours} | {one.peer} | {one.unit} | {one.ratio} | {one.goal} | {met} |\n"


if __name__ == "__main__":
    sys.exit(main())
