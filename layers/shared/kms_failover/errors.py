"""Every error that this library raises on its own account; a leaf per distinct reaction."""

from collections.abc import Sequence
from typing import Any

MOST_NAMED = 10  # key sets in a message
LONGEST_SHOWN = 200  # characters of a caller's text in a message; a key ARN has 75


class KmsFailoverError(Exception):
    """Root of the tree.

    `another_region_may_succeed` is the one question a caller always has: is it worth asking elsewhere?
    """

    another_region_may_succeed = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied with its text and attributes as they are: an exception's own way would call `__init__`."""
        return _made, (type(self), self.args), vars(self)


def _made(kind: type[KmsFailoverError], args: tuple[object, ...]) -> KmsFailoverError:
    return kind.__new__(kind, *args)


class ConfigurationError(KmsFailoverError):
    """A `key-sets.yaml`, a key set in the state table or a call's settings cannot be used; names the field."""


class RequestError(KmsFailoverError):
    """A request to data_keys that is none; the message names the field."""


class RecipientError(KmsFailoverError):
    """A recipient's public key that cannot be used, or not for a plaintext of this length."""


class UnknownKeySetError(KmsFailoverError):
    """No key set of this name, and no key set that has this member key, is applied in this region."""

    def __init__(
        self, key_id: str, known: Sequence[str] = (), what_to_do: str = "`kms-failover apply` applies one"
    ) -> None:
        """`known` are the names of the key sets that there are; where there are none, `what_to_do` is said."""
        named = key_id if len(key_id) <= LONGEST_SHOWN else key_id[:LONGEST_SHOWN] + "…"
        more = ", …" if len(known) > MOST_NAMED else ""
        there_are = f"there are {', '.join(known[:MOST_NAMED])}{more}" if known else what_to_do
        super().__init__(f"no key set, alias or member key {named!r} is known here: {there_are}")
        self.key_id = key_id


class StateUnavailableError(KmsFailoverError):
    """No such key set is known, and what is asked for it does not answer. Another region has its own copy."""

    another_region_may_succeed = True


class UnreadableItemError(KmsFailoverError):
    """An item of the state table that this version cannot read; of the items beside it nothing is lost.

    Another version wrote it, or somebody by hand. `reason` says what is wrong with it, never what the item says.
    """

    def __init__(self, partition: str, sort_key: str, reason: str) -> None:
        self.partition = partition
        self.sort_key = sort_key
        self.reason = reason
        self.item = f"{partition}/{sort_key}" if sort_key else partition
        super().__init__(
            f"the state table's item {self.item} cannot be read by this version ({reason}): deploy the version that "
            f"wrote it, or write it anew (runbooks/README.md, items that cannot be read)"
        )

    def may_be(self, key_id: str) -> bool:
        """Whether the key set of this item is the one that is asked for; by an ARN it may be any."""
        return key_id.startswith("arn:") or key_id in {self.sort_key, f"alias/{self.sort_key}"}


class BundleError(KmsFailoverError):
    """Bytes that are no bundle, or a bundle whose parts contradict each other."""


class IncorrectKeySetError(KmsFailoverError):
    """The bundle belongs to another key set than the one that was named."""


class CommitmentError(BundleError):
    """A wrap opened to another key than the one this bundle was made for. Never use that key; page a human."""


class TamperedError(CommitmentError):
    """An object's own wrapped key opened to another key than the object commits to; refused. Page a human."""


class ObjectFormatError(KmsFailoverError):
    """An object in no format that can be rewrapped; it is reported and never touched."""


class WrapRefusedError(KmsFailoverError):
    """Every member key that the key set at hand names was asked, and none opens it. Carries their answers."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__(f"no member key opens it: {', '.join(answers)}")


class UnknownBucketError(KmsFailoverError):
    """An object of a bucket that no applied key set names; nothing is lost, its message is tried again."""


class KeySetChangedError(KmsFailoverError):
    """Another version of the key set is in force by now; nothing was changed, look again with that one."""


class ObjectChangedError(KmsFailoverError):
    """The object was overwritten while it was being rewrapped; nothing was changed, read it again."""


class RegionUnavailableError(KmsFailoverError):
    """One region's KMS, or its member key, cannot be used now; another may. Carries the region and the AWS code.

    Where all regions were silent to the deadline, `region` names them all.
    """

    another_region_may_succeed = True

    def __init__(self, region: str, code: str) -> None:
        super().__init__(f"KMS in {region} is not available: {code}")
        self.region = region
        self.code = code


class WrapUnavailableError(RegionUnavailableError):
    """No key that could be asked opens it, and each of `regions` has one that could not be asked: any may open it."""

    def __init__(self, regions: Sequence[str], code: str) -> None:
        super().__init__(", ".join(regions), code)
        self.regions = tuple(regions)


class NotSentError(KmsFailoverError):
    """No request left this process within the deadline, so no region has done wrong: nothing was asked of any."""

    def __init__(self, regions: Sequence[str]) -> None:
        why = "the credentials did not come, or all threads were taken"
        super().__init__(f"no request to KMS in {', '.join(regions)} was sent within the deadline: {why}")
        self.regions = tuple(regions)


class MalformedAnswerError(RegionUnavailableError):
    """Something answered in KMS's place, or KMS in another shape than its own: HTML, other bytes, half an answer."""


class MaterialMissingError(KmsFailoverError):
    """Custody holds no material, or not 32 bytes of it, for this key set in this region."""


class SentinelError(KmsFailoverError):
    """After an import the sentinel ciphertext did not open: the material may be the wrong one. Page a human."""


class ImportRefusedError(KmsFailoverError):
    """KMS says that these bytes are not this key's material. Never try again blindly; page a human."""


class SeveralMaterialsError(KmsFailoverError):
    """The key has more key materials than the one in custody, so it lapses with another one. Page a human, early."""


class ThrottledError(KmsFailoverError):
    """AWS is asked more often than it answers; nothing has happened. Ask again, later."""


class KeyNotReadyError(KmsFailoverError):
    """The key does not yet show what was imported, or another of its materials is missing; the next run looks again."""


class QueueError(KmsFailoverError):
    """SQS did not take some messages; the debts are still recorded, so a later run sends them again."""


class NotCountedError(KmsFailoverError):
    """A backfill's counts are not final yet; ask again in a few seconds."""


class WriteConflictError(KmsFailoverError):
    """Somebody else has written the item since it was read; read again and decide again."""


class IntentRefusedError(KmsFailoverError):
    """An operator's command that would make things worse, or do nothing; the message says how to insist or go on."""


class CommandRefusedError(KmsFailoverError):
    """A runbook command that was not carried out, for a caller that looks at nothing but success."""


class NotBegunError(KmsFailoverError):
    """A runbook command that failed before it did anything: no order is given, no work has begun. Ask again."""

    another_region_may_succeed = True


class WorkFailedError(KmsFailoverError):
    """Another function was asked to do it, and has answered why it is not done, or not wholly."""


class NotAskedError(KmsFailoverError):
    """Probes that could not be told to ask keys which an event says may be gone."""

    def __init__(self, regions: Sequence[str], key_sets: Sequence[str]) -> None:
        super().__init__(f"the probe in {', '.join(regions)} could not be asked for the keys of {', '.join(key_sets)}")


class EventFormatError(KmsFailoverError):
    """An event of a shape that no handler knows; it is recorded and ignored, loudly."""
