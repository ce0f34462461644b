"""Who was wrong is doubted: complaints that the probe's rounds contradict, at whatever pace they come.

One caller with a broken line complains for ever. If each report counted, it would keep a region suspect, and agree with
every blip of the probe. Its reports count again after a failed round, or after a pause that grows with each time it
was wrong.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime, Field

from kms_failover.domain.key_set import Rules
from kms_failover.domain.model import Model
from kms_failover.domain.routing.rounds import Round
from kms_failover.domain.timing import SECONDS_A_ROUND

PAUSE = timedelta(seconds=3 * SECONDS_A_ROUND)  # callers with work report every 5 s; then they are new ones
PAUSE_GROWS = 4  # each time: 30 s, 2 min, 8 min, 32 min
MOST_WRONG = 5  # counted: then the pause is the longest
FORGOTTEN_AFTER = timedelta(hours=1)  # without a word; and the longest pause
KEPT_ANEW_AFTER = timedelta(seconds=60)  # each of which is a write; what came since is weighed again from the window


class Doubt(Model):
    """How many times in succession one source was wrong; what it reported up to `weighed_at` has been weighed."""

    source: str
    wrong: int = Field(0, ge=0)
    weighed_at: AwareDatetime


class Complaints(NamedTuple):
    """When one source reported a fault, and the rounds before the probe's own run of faults.

    Both oldest first, of one window.
    """

    source: str
    reported_at: Sequence[datetime]
    rounds: Sequence[Round]
    until: datetime
    rules: Rules

    def weighed(self, before: Doubt | None) -> Doubt | None:
        """With each report that rounds have answered: a fault among the next ones confirms it, good ones contradict it.

        Worked example: complaints at 0, 31 and 62 s, all rounds good. The first counts, and is found wrong at 60 s. The
        second comes after a pause of more than 30 s, counts, and is found wrong at 91 s. From then on a pause of two
        minutes is asked for, so the reports of whoever goes on at this pace count no more.
        """
        doubt = before
        for at in self.reported_at:
            if doubt is not None and at <= doubt.weighed_at:
                continue
            after = self._rounds_after(at)
            if any(each.fault for each in after):
                doubt = Doubt(source=self.source, weighed_at=at)
            elif len(after) == self.rules.faults_to_impair and self.until - at >= self._patience:
                doubt = Doubt(source=self.source, wrong=self._times_wrong(doubt, at), weighed_at=at)
            else:
                break
        return doubt

    def counted(self, doubt: Doubt | None) -> frozenset[datetime]:
        """Those of its reports that count."""
        if doubt is None or not doubt.wrong:
            return frozenset(self.reported_at)
        if self._failed_since(doubt.weighed_at, self.until):
            return frozenset(at for at in self.reported_at if at > doubt.weighed_at)
        return frozenset(self._after_a_pause(doubt))

    def _after_a_pause(self, doubt: Doubt) -> Iterator[datetime]:
        last, pause, is_new = doubt.weighed_at, pause_after(doubt.wrong), False
        for at in self.reported_at:
            if at > doubt.weighed_at:
                is_new = is_new or at - last > pause
                last = at
                if is_new:
                    yield at

    @property
    def _patience(self) -> timedelta:
        return timedelta(seconds=self.rules.contradicted_after_seconds)

    def _rounds_after(self, at: datetime) -> Sequence[Round]:
        return [each for each in self.rounds if each.at > at][: self.rules.faults_to_impair]

    def _times_wrong(self, before: Doubt | None, at: datetime) -> int:
        if before is None or self._failed_since(before.weighed_at, at):
            return 1
        return times_wrong(before.wrong, at - before.weighed_at)

    def _failed_since(self, moment: datetime, until: datetime) -> bool:
        return any(each.fault and moment < each.at < until for each in self.rounds)


def pause_after(wrong: int) -> timedelta:
    """After which the reports of whoever was wrong so many times count again."""
    longer: int = PAUSE_GROWS ** max(min(wrong, MOST_WRONG) - 1, 0)
    return min(PAUSE * longer, FORGOTTEN_AFTER)


def times_wrong(before: int, quiet: timedelta) -> int:
    """One time more, unless it is still the same one, or all of it is long ago."""
    if not before or quiet > FORGOTTEN_AFTER:
        return 1
    return min(before + 1, MOST_WRONG) if quiet > PAUSE else before


def kept(before: Doubt | None, after: Doubt | None) -> Doubt | None:
    """The very same object where nothing is new that has to be remembered beyond the window."""
    if before is None or after is None or before.wrong != after.wrong:
        return after
    return after if after.weighed_at - before.weighed_at >= KEPT_ANEW_AFTER else before
