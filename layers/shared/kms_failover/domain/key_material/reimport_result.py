"""What was done for one member key in a run of reimport."""

from dataclasses import dataclass, field
from datetime import datetime

from kms_failover.domain.key_material.material import (
    Concern,
)
from kms_failover.domain.key_material.plan import Action


@dataclass(frozen=True)
class Reimport:
    """What was done for one member key; `error` if it could not be, `concern` if people must act."""

    key_set: str
    region: str
    action: Action
    reason: str
    key_material_id: str = ""
    valid_to: datetime | None = None
    state: str = ""
    concern: Concern = Concern.NONE
    error: Exception | None = field(default=None, repr=False)
    may_pass: bool = False  # the error: by the time that a repeat of the event comes

    def after(self, earlier: "Reimport | None") -> "Reimport":
        """Of two rounds of one run: what the earlier did is not forgotten because the later found it done."""
        is_quiet = self.error is None and self.action is Action.NOTHING
        return earlier if earlier is not None and earlier.action is not Action.NOTHING and is_quiet else self
