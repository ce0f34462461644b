"""One round over member keys: all are looked at, the most urgent imported first, and all waited for together."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kms_failover.domain.key_material.reimport_request import ReimportRequest
from kms_failover.domain.key_material.turn import Turn

POLL_SECONDS = 2.0  # between two looks, each one DescribeKey a key: KMS answers 2,000 a second (facts 2.4)
POLLS = 15  # facts 1.8: the control plane is consistent after seconds; half a minute, of all keys together
SETTLING_SECONDS = POLLS * POLL_SECONDS + 5.0  # kept for the polls, the records and the message
IMPORTING_SECONDS = 25.0  # kept for imports, however slow the looks are: some twenty at KMS's pace (facts 1.1)
ENOUGH_SECONDS = SETTLING_SECONDS + IMPORTING_SECONDS
THROTTLED_SECONDS = 2.0  # GetParametersForImport is answered once a second (facts 1.1), to others as well


@dataclass(frozen=True)
class ReimportRound:
    """Ends before its time does. The next one begins where it ended: what was unseen for longest is looked at first."""

    request: ReimportRequest
    seconds_left: Callable[[], float]
    sleep: Callable[[float], None]
    clock: Callable[[], datetime]

    def run(self, turns: Sequence[Turn]) -> tuple[list[Turn], bool]:
        """Those that were looked at; and whether every one had its turn."""
        for turn in turns:
            turn.read()
        looked = self._look(sorted(turns, key=lambda turn: turn.tried_at))
        due = sorted((turn for turn in looked if turn.is_due), key=lambda turn: turn.urgency)
        left = self._import(due)
        self._settle([turn for turn in due if turn.is_imported])
        for turn in due:
            turn.conclude()
        if self.request.force:
            for turn in turns:
                turn.expect_import()
        return looked, not left and len(looked) == len(turns)

    def _look(self, turns: Sequence[Turn]) -> list[Turn]:
        looked = []
        for turn in turns:
            if self.seconds_left() < ENOUGH_SECONDS:
                break
            turn.look(ordered=self.request.force)
            self._let_wait(turn)
            if not turn.is_due:
                turn.conclude()
            looked.append(turn)
        return looked

    def _let_wait(self, turn: Turn) -> None:
        until = turn.waits_until
        asked_for = self.request.force or (self.request.key_id is not None and self.request.names(turn.member))
        if turn.is_due and not asked_for and until is not None and self.clock() < until:
            turn.wait(until)

    def _import(self, due: Sequence[Turn]) -> int:
        """How many the time did not suffice for. One that is throttled comes again, after the others."""
        queue = deque(due)
        while queue and self.seconds_left() > SETTLING_SECONDS:
            turn = queue.popleft()
            if not turn.imports():
                self.sleep(THROTTLED_SECONDS)
                queue.append(turn)
        for turn in queue:
            turn.leave()
        return len(queue)

    def _settle(self, waiting: Sequence[Turn]) -> None:
        """A key that stays pending import costs the others nothing."""
        for poll in range(POLLS):
            if not waiting or (poll and self.seconds_left() <= POLL_SECONDS):
                return
            if poll:
                self.sleep(POLL_SECONDS)
            waiting = [turn for turn in waiting if not turn.settles()]
