"""Time as this process lives it: it stands still while the process itself does not run."""

import os
import threading
import time
from collections.abc import Callable

BEAT_SECONDS = 0.01  # a fifth of the shortest default delay that is judged by this clock


class AwakeClock:
    """A clock for what others let us wait. It leaves out our own stalls: a freeze, a starved processor, a busy GIL.

    A thread beats while calls are under way; a beat that comes late is time in which an answer would not have been
    seen either. Without a beat for 50 ms the clock has advanced by BEAT_SECONDS, not by 50 ms.
    While nobody needs it there is no thread, and the clock is the monotonic one.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beat = (float("inf"), 0.0)  # when the last one was, and the seconds lost until then; swapped as one
        self._needed_until = float("-inf")
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds; never backwards."""
        beat_at, lost = self._beat  # first: a stall between these lines must not be taken off a time before it
        now = self._monotonic()
        return now - lost - max(0.0, now - beat_at - BEAT_SECONDS)

    def keep(self, seconds: float) -> None:
        """Stalls are noticed for so long from now on at least."""
        self._needed_until = max(self._needed_until, self._monotonic() + seconds)
        if self._thread is None:
            self._start()

    def beat(self) -> None:
        """The process runs at this moment."""
        now = self._monotonic()
        beat_at, lost = self._beat
        self._beat = (now, lost + max(0.0, now - beat_at - BEAT_SECONDS))

    def forget_parent(self) -> None:
        """In a forked child, which has none of its parent's threads."""
        self._thread, self._lock = None, threading.Lock()
        self._beat = (float("inf"), self._beat[1])

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="kms-failover-clock", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the process ends: its last calls are judged by the monotonic clock
                return
            self._thread = thread

    def _run(self) -> None:
        try:
            self._beat_on()
        except BaseException:  # else the clock would stand still for good
            with self._lock:
                self._stop()
            raise

    def _beat_on(self) -> None:
        self.beat()
        while True:
            time.sleep(BEAT_SECONDS)
            self.beat()
            if self._monotonic() >= self._needed_until and self._ends():
                return

    def _ends(self) -> bool:
        """Not if somebody has come to need it since."""
        with self._lock:
            self._thread = None
            if self._monotonic() < self._needed_until:
                self._thread = threading.current_thread()
                return False
            self._stop()
            return True

    def _stop(self) -> None:
        """From now on the clock is the monotonic one, until somebody needs more."""
        self._thread, self._beat = None, (float("inf"), self._beat[1])


AWAKE = AwakeClock()  # of this process
os.register_at_fork(after_in_child=AWAKE.forget_parent)
