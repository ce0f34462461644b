"""What can be set while the server runs: `PUT /_strict_s3/settings` with the changed fields as JSON, DELETE for all."""

from enum import StrEnum
from threading import Lock
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

MIB, GIB = 1 << 20, 1 << 30
ANSWER_LATE = frozenset({"CompleteMultipartUpload", "CopyObject", "UploadPartCopy"})

type Seconds = Annotated[float, Field(ge=0, le=7 * 86_400)]
type Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
type Rate = Annotated[int, Field(ge=0)] | None
type Bytes = Annotated[int, Field(ge=1, le=50_000 * GIB)]


class VersionOrder(StrEnum):
    """Which version of a key is current when a replica arrives. AWS does not say (UNCONFIRMED)."""

    CREATION = "creation"  # the one that was created last; a replica keeps its source's time
    ARRIVAL = "arrival"  # the one that came last


class Settings(BaseModel):
    """Sizes are AWS's limits; a test that wants a large object makes them small. Times are seconds.

    `replication_seconds` is the shortest and the longest time that a replica takes, drawn evenly.
    Whether annotations are replicated is UNCONFIRMED, so `replicates_annotations` can be both.
    `reads_per_second` and `writes_per_second` hold for each prefix of a bucket; None is without limit.
    `errors_inside_200` says how many of the next calls of an operation end so, {"CopyObject": 1}.
    `bucket_key_seconds` is how long S3 uses a bucket key before it asks KMS again; AWS says only that it is limited.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    largest_put_bytes: Bytes = 5 * GIB
    largest_copy_bytes: Bytes = 5 * GIB
    smallest_part_bytes: Bytes = 5 * MIB
    replication_seconds: tuple[Seconds, Seconds] = (0.0, 0.0)
    replication_retry_seconds: Seconds = 1.0
    replication_paused_from: frozenset[Region] = frozenset()
    version_order: VersionOrder = VersionOrder.CREATION
    replicates_annotations: bool = True
    bucket_key_seconds: Seconds = 300.0
    kms_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    reads_per_second: Rate = None
    writes_per_second: Rate = None
    errors_inside_200: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    @field_validator("errors_inside_200")
    @classmethod
    def _operations_that_answer_late(cls, chosen: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(chosen.keys() - ANSWER_LATE):
            raise ValueError(f"{', '.join(unknown)}: only {', '.join(sorted(ANSWER_LATE))} answer 200 before they end")
        return chosen

    @model_validator(mode="after")
    def _times_in_order(self) -> "Settings":
        if self.replication_seconds[0] > self.replication_seconds[1]:
            raise ValueError("replication_seconds: the shortest time comes first")
        return self


class LiveSettings:
    """The settings in force."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._lock = Lock()

    @property
    def now(self) -> Settings:
        return self._settings

    def change(self, changes: dict[str, Any]) -> Settings:
        """Raises pydantic's ValidationError, and then nothing is changed."""
        with self._lock:
            self._settings = Settings.model_validate(self._settings.model_dump() | dict(changes))
            return self._settings

    def reset(self) -> None:
        with self._lock:
            self._settings = Settings()

    def take_error(self, operation: str) -> bool:
        """True where this call is to end with an error inside 200; one fewer is left then."""
        with self._lock:
            left = self._settings.errors_inside_200.get(operation, 0)
            if left:
                rest = {**self._settings.errors_inside_200, operation: left - 1}
                self._settings = self._settings.model_copy(update={"errors_inside_200": rest})
        return bool(left)
