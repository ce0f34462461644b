"""A boto3 error in the words of an answer: code, message, and whether another region may succeed."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.classify import classify, code_of
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.errors import KmsFailoverError


@dataclass(frozen=True)
class Failure:
    code: str
    message: str
    fault: FaultClass

    @classmethod
    def of(cls, error: ClientError | BotoCoreError) -> "Failure":
        message = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else str(error)
        fault = classify(error) or FaultClass.CALLER
        if isinstance(error.__cause__, KmsFailoverError) and not error.__cause__.another_region_may_succeed:
            fault = FaultClass.CALLER
        return cls(code_of(error), message, fault)

    @property
    def as_error(self) -> dict[str, Any]:
        """The `Error` entry of an answer."""
        elsewhere = self.fault in {FaultClass.REGION, FaultClass.KEY}
        return {"Code": self.code, "Message": self.message, "AnotherRegionMaySucceed": elsewhere}
