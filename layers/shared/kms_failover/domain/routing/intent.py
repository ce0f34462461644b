"""Intents: what an operator wants of a key set's route, and which of several is in force."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from kms_failover.domain.model import Model, Reason, Region, at_most


class Mode(StrEnum):
    AUTOMATIC = "automatic"
    HOLD = "hold"
    FORCE = "force"


class Intent(Model):
    """What an operator wants. The newest epoch wins in every region; of equal epochs the greater `written_in`.

    `failback` approves one return to the preferred region, which `region` names. `insist` is for what the service
    would not do by itself: stay in a forced region that is lost, return before the debt is repaid. After `expires_at`
    it is as if released.
    """

    mode: Mode = Mode.AUTOMATIC
    region: Region | None = None
    failback: bool = False
    insist: bool = False
    epoch: int = Field(0, ge=0)
    written_in: Region = ""
    author: Annotated[str, at_most(256)] = ""
    reason: Reason = ""
    at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None

    @property
    def order(self) -> tuple[int, str]:
        """Which of two intents is the newer, the same in every region."""
        return self.epoch, self.written_in


NOTHING_SAID = Intent()


def in_force(intents: Sequence[Intent], now: datetime) -> Intent:
    """The newest intent; automatic where nobody has said anything, or where what was said has expired."""
    newest = max(intents, key=lambda intent: intent.order, default=NOTHING_SAID)
    if newest.expires_at is None or now < newest.expires_at:
        return newest
    return Intent(
        epoch=newest.epoch, written_in=newest.written_in, reason=f"the {newest.mode} by {newest.author} has expired"
    )
