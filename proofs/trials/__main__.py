"""`make trials`: how long a silent region keeps the route, in the local cloud, with default rules.

Exit status 0: every goal is met. 1: one is not. 2: the trials could not begin. 130: interrupted.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.cloud import LocalCloud, PortBusyError, StartError
from proofs.drill.aws import Aws
from proofs.drill.commands import REPOSITORY, SetUpError
from proofs.drill.logs import save_function_logs
from proofs.drill.progress import Progress
from proofs.trials.report import page, summary
from proofs.trials.running import MODES, Trials
from proofs.trials.service import prepare

EXIT_MISSED, EXIT_SET_UP, EXIT_INTERRUPTED = 1, 2, 130
FOLDER = REPOSITORY / "build" / "trials"
DOCS = REPOSITORY / "docs" / "decision-times.md"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        return _run(options, progress)
    except (SetUpError, PortBusyError, StartError) as error:
        print(f"trials: {error}", file=sys.stderr)
        return EXIT_SET_UP
    except KeyboardInterrupt:
        print("trials: interrupted; everything they started has ended", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        progress.close()


def _run(options: argparse.Namespace, progress: Progress) -> int:
    (FOLDER / "logs").mkdir(parents=True, exist_ok=True)
    # the library's own warnings, of the region that is silent on purpose
    logging.basicConfig(filename=FOLDER / "logs" / "trials.log", filemode="w", level=logging.WARNING)
    started = time.time()
    progress.step("Set-up")
    with progress.task("starting the local cloud"):
        cloud = LocalCloud(folder=FOLDER / "cloud")
        cloud.__enter__()
    try:
        aws = Aws(cloud.environment, cloud.endpoint)
        prepare(FOLDER, options.sam, progress, aws)
        trials = Trials(aws, cloud.faults, progress, options.seed)
        results = {mode: trials.run(mode, options.trials) for mode in options.modes}
        save_function_logs(aws, FOLDER / "logs")
    finally:
        with progress.task("ending the local cloud"):
            cloud.__exit__(None, None, None)
    told = summary(results, time.time() - started, options.seed)
    (FOLDER / "trials.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    if options.docs:
        DOCS.write_text(page(told), "utf-8")
    for line in told["lines"]:
        progress.note(line["text"], ok=line["met"])
    missed = [line for line in told["lines"] if not line["met"]]
    progress.step(f"trials: {len(told['lines']) - len(missed)} of {len(told['lines'])} goals are met")
    return EXIT_MISSED if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make trials", description=__doc__)
    parser.add_argument("--trials", type=int, default=20, help="of each kind (default: %(default)s)")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), help="kinds of trials (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which the silence begins")
    parser.add_argument("--docs", action="store_true", help="write docs/decision-times.md")
    parser.add_argument("--sam", type=Path, default=None, help="the SAM CLI (default: the PATH's)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
