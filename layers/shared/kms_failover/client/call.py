"""One call of one region's KMS while it is under way, and how a thread waits for several of them."""

import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from kms_failover.client.awake import AWAKE

STALL_SECONDS = 0.05  # the shortest delay that is judged by default; what is shorter says nothing about anybody

UNTIL_WOKEN = float("inf")  # a pause that only a wake-up ends


class Wakeup:
    """Wakes the one thread that waits for calls: one has ended, or there is a reason to look at it."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()

    def wake(self, _future: object = None) -> None:
        self._queue.put(None)

    def wait(self, seconds: float) -> None:
        """Until `wake` is called, at most so long. A call of it from before counts too."""
        with suppress(Empty):
            self._queue.get(timeout=max(0.0, seconds))


class Call:
    """Its clock starts when the request is sent: not while it waits for a thread of ours, or for credentials.

    It counts as one fault at most, whether it is overtaken, fails, or both.
    """

    future: Future[dict[str, Any]]

    def __init__(self, region: str, openings: int = 0, wakeup: Wakeup | None = None) -> None:
        """`openings`: how often the region had gone out before. `wakeup`: of whoever waits for it."""
        self.region = region
        self.openings = openings
        self.has_thread = False
        self.sent_at: float | None = None  # on the awake clock
        self._sent_at_all = 0.0  # on the monotonic one
        self._wakeup = wakeup
        self._wakes_when_sent = False
        self._uncounted = [True]

    def sent(self) -> None:
        if self.sent_at is None:
            self._sent_at_all, self.sent_at = time.monotonic(), AWAKE.now()
            if self._wakes_when_sent:
                self.wake()

    def wake(self) -> None:
        if self._wakeup is not None:
            self._wakeup.wake()

    @property
    def seconds(self) -> float:
        """Since it was sent, without our own stalls."""
        return 0.0 if self.sent_at is None else AWAKE.now() - self.sent_at

    def patience_left(self, seconds: float) -> float | None:
        """Of so much patience. None if it has not been sent yet: then it wakes who waits when it is."""
        if self.sent_at is None:
            self._wakes_when_sent = True
        return None if self.sent_at is None else seconds - self.seconds

    @property
    def was_stalled(self) -> bool:
        """For most of the time since it was sent, this process did not run."""
        seconds = self.seconds
        return time.monotonic() - self._sent_at_all - seconds > max(seconds, STALL_SECONDS)

    def counts_now(self) -> bool:
        """True for the first caller only; taking from a list is atomic."""
        try:
            return self._uncounted.pop()
        except IndexError:
            return False


def wait_for(
    calls: Collection[Call], wakeup: Wakeup, deadline: float, pause: float, look: Callable[[Call], float | None]
) -> None:
    """Until each call has ended or is not worth waiting for, at most until `deadline` on the monotonic clock.

    `look` at a call gives the seconds until the next look, or None: it is not worth waiting for any more. The first
    look comes with the first wake-up, at the latest after `pause`.
    """
    while calls and (left := deadline - time.monotonic()) > 0:
        wakeup.wait(min(pause, left))
        pauses = {call: seconds for call in calls if not call.future.done() and (seconds := look(call)) is not None}
        calls, pause = pauses, min(pauses.values(), default=UNTIL_WOKEN)
