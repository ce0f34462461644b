"""Objects as rewrapping sees them, and what it asks of the store that has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class StoredObject:
    """One version of an object. `settings` is the store's own: what a copy would lose if it were not resent.

    `version_id` is empty where the bucket keeps no versions.
    """

    bucket: str
    key: str
    size: int
    is_replica: bool
    metadata: Mapping[str, str]
    etag: str
    settings: Mapping[str, object] = field(default_factory=dict, repr=False)
    version_id: str = ""


class ObjectStore(Protocol):
    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The current version; None if there is none. ObjectFormatError if it is there and cannot be looked at."""
        ...

    def replace_metadata(self, stored: StoredObject, metadata: Mapping[str, str]) -> None:
        """Write the metadata and keep all else; ObjectChangedError, with nothing written, if its ETag is another.

        An ETag covers neither metadata nor settings: look at what was `replaced` for a change in that moment.
        """
        ...

    def replaced(self, written: StoredObject) -> StoredObject | None:
        """The version below this one, as it is now; None where the store keeps none."""
        ...

    def replicates_into(self, bucket: str) -> frozenset[str]:
        """Names of the buckets into which this bucket replicates."""
        ...
