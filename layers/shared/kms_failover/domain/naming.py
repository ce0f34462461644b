"""Names of a deployment's resources, all derived from its own: functions carry no environment variables.

Lambda decrypts environment variables with KMS at every cold start (facts 8.3), which is when KMS may be impaired.
"""

from dataclasses import dataclass
from typing import Self

from kms_failover.errors import ConfigurationError

FUNCTIONS = ("data-keys", "probe", "signals", "controller", "rewrap", "sweep", "reimport", "runbook")
EVENT_SOURCE = "kms-failover"


@dataclass(frozen=True)
class Deployment:
    """The stack's name, the same in every region."""

    name: str

    @property
    def state_table(self) -> str:
        return f"{self.name}-state"

    @property
    def rewrap_queue(self) -> str:
        return f"{self.name}-rewrap"

    @property
    def secrets(self) -> str:
        """How the names of the secrets begin that the service may read."""
        return f"{self.name}/"

    def function(self, role: str) -> str:
        return f"{self.name}-{role}"


@dataclass(frozen=True)
class Place:
    """Where a function runs, read from its ARN: `arn:aws:lambda:us-east-1:111122223333:function:prod-probe`."""

    deployment: Deployment
    partition: str
    region: str
    account: str

    @classmethod
    def of_function(cls, arn: str) -> Self:
        """ConfigurationError unless the ARN is that of one of the service's own functions."""
        parts = arn.split(":")
        expected_parts = 7
        if len(parts) >= expected_parts:
            for role in FUNCTIONS:
                if parts[6].endswith(f"-{role}"):
                    return cls(Deployment(parts[6].removesuffix(f"-{role}")), parts[1], parts[3], parts[4])
        raise ConfigurationError(f"{arn!r} is no function of a kms-failover deployment: keep the template's names")

    @property
    def changes_topic(self) -> str:
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{self.deployment.name}-changes"

    @property
    def backfill(self) -> str:
        return f"arn:{self.partition}:states:{self.region}:{self.account}:stateMachine:{self.deployment.name}-backfill"
