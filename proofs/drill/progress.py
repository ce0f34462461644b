"""What the drill shows while it runs: a live line with bar and elapsed time, or plain log lines without a terminal."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

REFRESH_SECONDS = 0.2
PLAIN_SECONDS = 10.0  # between two lines of a long task where there is no terminal
BAR_WIDTH = 24
SPINNER = "|/-\\"
CLEAR_LINE = "\r\x1b[2K"
BOLD, DIM, GREEN, RED, RESET = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"


class Task:
    """Something that takes a while: so many of a total, or a wait with a word on what was last seen."""

    def __init__(self, description: str, total: int | None) -> None:
        self.description = description
        self.total = total
        self.done = 0
        self.seen = ""
        self.started = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self.done += count

    def saw(self, what: str) -> None:
        self.seen = what

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def line(self) -> str:
        bar = ""
        if self.total:
            filled = min(BAR_WIDTH, BAR_WIDTH * self.done // self.total)
            bar = f" [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {self.done}/{self.total}"
        return f"{self.description}{bar}{f' ({self.seen})' if self.seen else ''}  {self.seconds:.0f} s"


class Progress:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._lock = threading.RLock()
        self._started = time.monotonic()
        self._task: Task | None = None
        self._told_at = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="progress", daemon=True)
        self._thread.start()

    def step(self, title: str) -> None:
        self._print(f"{BOLD}{title}{RESET}" if self._live else title)

    def note(self, text: str, *, ok: bool | None = None) -> None:
        colour = {True: GREEN, False: RED, None: DIM}[ok]
        self._print(f"  {colour}{text}{RESET}" if self._live else f"  {text}")

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Task]:
        task = Task(description, total)
        with self._lock:
            self._task, self._told_at = task, time.monotonic()
        try:
            yield task
        finally:
            with self._lock:
                self._task = None
            self.note(task.line())

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _refresh(self) -> None:
        turn = 0
        while not self._ended.wait(REFRESH_SECONDS):
            turn += 1
            with self._lock:
                if self._task is None:
                    continue
                if self._live:
                    columns = shutil.get_terminal_size().columns - 1
                    line = f"  {SPINNER[turn % len(SPINNER)]} {self._task.line()}"
                    self._stream.write(f"{CLEAR_LINE}{line[:columns]}")
                    self._stream.flush()
                elif time.monotonic() - self._told_at > PLAIN_SECONDS:
                    self._told_at = time.monotonic()
                    self._print(f"  ... {self._task.line()}")

    def _print(self, text: str) -> None:
        with self._lock:
            elapsed = f"{time.monotonic() - self._started:6.1f} s  "
            self._stream.write(f"{CLEAR_LINE if self._live else ''}{elapsed}{text}\n")
            self._stream.flush()
