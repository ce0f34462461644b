"""How long a region's KMS takes by its own standard, and so when a call is late enough to ask another region."""

from collections import deque

REMEMBERED = 100  # calls; p95 of these moves within seconds under load
FEWEST = 10  # below, a tail is a guess
TIMES_P95 = 3.0  # well beyond the 95th percentile, where Dean and Barroso hedge ("The Tail at Scale", 2013)
BEYOND_P95 = 1.25  # at least, whatever the bound: a far region is slow by no fault of its own
SEVERAL = 4  # calls; that so many at once lie beyond p95 is no tail any more, it is silence
REFRESHED_EVERY = 10  # calls; sorting at every call would cost more than it tells


class Latency:
    """Of one region. A torn read between threads only uses a figure of a moment ago.

    `hedge_delay_seconds`: after so long one call is late. `silence_seconds`: after so long without any answer the
    region is silent to `SEVERAL` calls that all wait; at most as long as the delay.
    """

    def __init__(self, first_seconds: float, min_seconds: float, max_seconds: float) -> None:
        self._min, self._max = min_seconds, max_seconds
        self._recent: deque[float] = deque(maxlen=REMEMBERED)
        self._added = 0
        self.hedge_delay_seconds = self.silence_seconds = first_seconds

    @property
    def is_known(self) -> bool:
        return self._added >= FEWEST

    def add(self, seconds: float) -> None:
        """One answer's time."""
        self._recent.append(seconds)
        self._added += 1
        if self._added >= FEWEST and self._added % REFRESHED_EVERY == 0:
            p95 = self._p95()
            self.hedge_delay_seconds = max(self._min, min(self._max, TIMES_P95 * p95), BEYOND_P95 * p95)
            self.silence_seconds = max(self._min, BEYOND_P95 * p95)

    def _p95(self) -> float:
        ordered = sorted(self._recent)
        return ordered[int(0.95 * (len(ordered) - 1))]
