"""What one region knows of the health of another region's KMS, for one key set: the verdict, and what it rests on."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime

from kms_failover.domain.model import Arn, Model, Reason, Region
from kms_failover.domain.routing.doubts import Doubt


class Verdict(StrEnum):
    HEALTHY = "healthy"
    SUSPECT = "suspect"
    IMPAIRED = "impaired"
    UNKNOWN = "unknown"


class RegionHealth(Model):
    """A verdict with what it rests on.

    `losses` counts those that followed each other's return within an hour; `lost_at` and `returned_at` are the latest.
    `key_answers` is the result of the latest check of the key with `key_arn`, made at `key_checked_at`. None: there was
    none, or the probe was denied.
    `doubts` are about those who were wrong about this region; `drill_at` is when the drill began that is on.
    """

    region: Region
    key_arn: Arn = ""
    verdict: Verdict = Verdict.UNKNOWN
    reason: Reason = "nothing observed yet"
    since: AwareDatetime
    key_usable: bool = True
    key_reason: Reason = ""
    key_answers: bool | None = None
    key_checked_at: AwareDatetime | None = None
    ready: bool = True
    last_fault_at: AwareDatetime | None = None
    last_key_fault_at: AwareDatetime | None = None
    losses: int = 0
    lost_at: AwareDatetime | None = None
    returned_at: AwareDatetime | None = None
    doubts: tuple[Doubt, ...] = ()
    drill_at: AwareDatetime | None = None

    @property
    def routable(self) -> bool:
        """Whether a route may prefer this region. The unknown stay where they are: silence alone moves nothing."""
        return self.key_usable and self.verdict is not Verdict.IMPAIRED

    @property
    def is_eligible_target(self) -> bool:
        """Whether a route may flee to this region: it answered its latest probe rounds, and the key when it was asked.

        Whatever others report of it.
        """
        return self.routable and self.ready and self.key_answers is True and self.verdict is not Verdict.UNKNOWN

    @property
    def key_has_answered(self) -> bool:
        """Whether the latest check of the key succeeded, and after the latest return: an older one may be outdated."""
        return self.key_answers is True and self._checked_since(self.returned_at)

    @property
    def may_be_returned_to(self) -> bool:
        """A flight takes the latest check of the key, however old; a return waits for one since the region is back."""
        return self.is_eligible_target and self.verdict is Verdict.HEALTHY and self.key_has_answered

    def needs_key_check(self, since: datetime) -> bool:
        """Whether the key was not checked since then, or since its region is back, and its region answers."""
        answers = self.verdict in {Verdict.HEALTHY, Verdict.SUSPECT}
        return answers and not (self._checked_since(since) and self._checked_since(self.returned_at))

    def _checked_since(self, moment: datetime | None) -> bool:
        return self.key_checked_at is not None and (moment is None or self.key_checked_at >= moment)

    def with_key(self, arn: str) -> Self:
        """The same region's health, of another key of the key set: no check of the one before counts for it."""
        new = {
            "key_usable": True,
            "key_reason": "",
            "key_answers": None,
            "key_checked_at": None,
            "last_key_fault_at": None,
        }
        return self if arn == self.key_arn else self.but(key_arn=arn, **new)

    def in_words(self) -> str:
        return f"{self.verdict} since {self.since:%H:%M:%S} UTC, {self.reason}{self._key_in_words()}"

    def _key_in_words(self) -> str:
        if not self.key_usable:
            return f"; its key is not usable: {self.key_reason}"
        if not self.key_answers:
            return "; its key has not answered"
        is_back = self.verdict is Verdict.HEALTHY and self.returned_at is not None
        return "; its key has not answered since" if is_back and not self._checked_since(self.returned_at) else ""
