"""What became of one object's turn."""

from dataclasses import dataclass
from enum import StrEnum


class RewrapOutcome(StrEnum):
    ALREADY = "already"  # nothing to do, which includes an object that is gone
    REWRAPPED = "rewrapped"
    OWED = "owed"  # some region cannot open it yet; the debt is recorded
    REFUSED = "refused"  # never touched; the refusal is recorded


@dataclass(frozen=True)
class RewrapResult:
    bucket: str
    key: str
    outcome: RewrapOutcome
    reason: str = ""
