"""`python -m proofs.drill`: the main job on real files in a local cloud, with a report of what was measured."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.cloud import LocalCloud, PortBusyError, StartError
from proofs.drill import report, result, set_up
from proofs.drill.alarms import ALARM_MINUTE_SECONDS
from proofs.drill.aws import Aws
from proofs.drill.checks import Checks
from proofs.drill.commands import REPOSITORY, SetUpError
from proofs.drill.context import Drill, Options
from proofs.drill.files import Candidate, UnreadableFile, choose, standard_library
from proofs.drill.logs import save_function_logs
from proofs.drill.progress import Progress
from proofs.drill.steps import NEEDED_BY_ALL, STEPS
from proofs.drill.traffic import Traffic
from proofs.drill.watching import Watcher

EXIT_FAILED, EXIT_SET_UP, EXIT_INTERRUPTED = 1, 2, 130
DEFAULT_FILES, SHORT_FILES = 300, 40
FEWEST_FILES = 8
OUTAGE_SHARE = 12  # one file in so many is written during the outage


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every check holds; 1: some do not; 2: the drill could not begin; 130: interrupted."""
    options = _options(arguments)
    progress = Progress()
    try:
        return _run(options, progress)
    except (SetUpError, PortBusyError, StartError) as error:
        print(f"drill: {error}", file=sys.stderr)
        return EXIT_SET_UP
    except KeyboardInterrupt:
        print("drill: interrupted; everything it started has ended", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        progress.close()


def _run(options: Options, progress: Progress) -> int:
    (options.folder / "logs").mkdir(parents=True, exist_ok=True)
    # the library's own warnings, of the region that is silent on purpose
    logging.basicConfig(filename=options.folder / "logs" / "drill.log", filemode="w", level=logging.WARNING)
    files, unreadable = _files(options)
    progress.step("Set-up")
    with progress.task("starting the local cloud"):
        cloud = LocalCloud(folder=options.folder / "cloud", alarm_minute_seconds=ALARM_MINUTE_SECONDS)
        cloud.__enter__()
    progress.note(f"what people are told: {cloud.addresses.messages}")
    try:
        drill = _prepare(options, progress, cloud, files, unreadable)
        started = time.time()
        try:
            _run_steps(drill)
        finally:
            drill.watcher.stop()
            drill.traffic.stop()
        save_function_logs(drill.aws, options.folder / "logs")
        return _finish(drill, started)
    finally:
        with progress.task("ending the local cloud"):
            cloud.__exit__(None, None, None)


def _prepare(
    options: Options, progress: Progress, cloud: LocalCloud, files: list[Candidate], unreadable: list[UnreadableFile]
) -> Drill:
    aws = Aws(cloud.environment, cloud.endpoint)
    set_up.build(options, progress, aws.environment)
    with progress.task("making keys, custody and buckets"):
        keys = set_up.make_keys(aws)
        set_up.make_buckets(aws)
    set_up.deploy(options, progress, aws, keys)
    with progress.task("applying key-sets.yaml"):
        set_up.apply(options, aws, keys)
    set_up.warm(progress, aws)
    later = max(2, len(files) // OUTAGE_SHARE)
    return Drill(
        options,
        cloud,
        aws,
        progress,
        Checks(),
        keys,
        Traffic(aws),
        Watcher(aws),
        first_files=files[:-later],
        later_files=files[-later:],
        unreadable=unreadable,
    )


def _run_steps(drill: Drill) -> None:
    drill.watcher.start()
    for number, (title, step) in enumerate(STEPS):
        drill.progress.step(title)
        shown = len(drill.checks.all)
        with drill.checks.step(title):
            step(drill)
        for check in drill.checks.all[shown:]:
            drill.progress.note(f"{'holds ' if check.ok else 'FAILED'} {check.name}", ok=check.ok)
        if number < NEEDED_BY_ALL and not _has_a_base(drill, number):
            drill.progress.note("the steps that follow would show nothing, so they are left out", ok=False)
            return


def _has_a_base(drill: Drill, number: int) -> bool:
    """Keys that hold material; then files that are covered."""
    return not drill.checks.failed if number == 0 else drill.figures.get("coverage_after") == 1


def _finish(drill: Drill, started: float) -> int:
    content = result.report(drill, started, drill.checks.all)
    file = drill.options.folder / "report.json"
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n", "utf-8")
    page = file.with_suffix(".html")
    page.write_text(report.page(content), "utf-8")
    held = len(drill.checks.all) - len(drill.checks.failed)
    drill.progress.step(f"{held} of {len(drill.checks.all)} checks hold, in {content['duration_seconds']:.0f} s")
    for check in drill.checks.failed:
        drill.progress.note(f"FAILED {check.step}: {check.name} (observed: {check.observed})", ok=False)
    drill.progress.note(f"the report: {page}")
    return 0 if content["passed"] else EXIT_FAILED


def _files(options: Options) -> tuple[list[Candidate], list[UnreadableFile]]:
    folder = options.data or standard_library()
    if not folder.is_dir():
        raise SetUpError(f"{folder} is no folder")
    files, unreadable = choose(folder, options.files)
    if len(files) < FEWEST_FILES:
        raise SetUpError(f"{folder} has {len(files)} files that can be used, the drill needs at least {FEWEST_FILES}")
    return files, unreadable


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser("python -m proofs.drill", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="your own files (default: Python's own)")
    parser.add_argument("--files", type=int, metavar="N", help=f"how many (default: {DEFAULT_FILES})")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "drill", help="where the report goes")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_FILES} files and shorter waits, every check")
    parser.add_argument("--no-build", action="store_true", help="deploy what `sam build` has built already")
    parser.add_argument("--sam", type=Path, metavar="PROGRAM", help="the SAM CLI (default: the PATH's)")
    given = parser.parse_args(arguments)
    usual = SHORT_FILES if given.short else DEFAULT_FILES
    count = usual if given.files is None else given.files
    if count < FEWEST_FILES:
        parser.error(f"--files must be at least {FEWEST_FILES}")
    return Options(given.data, count, given.folder.resolve(), given.short, build=not given.no_build, sam=given.sam)


if __name__ == "__main__":
    sys.exit(main())
