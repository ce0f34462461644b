"""Key sets: one KMS key per region under a logical name, and the rules they are kept by."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from kms_failover.domain.model import Arn, Model, Region
from kms_failover.domain.timing import SECONDS_A_ROUND, SKEW_SECONDS

KEY_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):(?P<account>[0-9]{12}):key/(?P<key_id>[A-Za-z0-9-]+)\Z"
)
MULTI_REGION_KEY_ID_PREFIX = "mrk-"  # facts 2.1: related multi-Region keys share an id of this form
MAX_MEMBER_KEYS = 8  # a bundle of eight wraps is 2 KB; S3 user metadata ends there (facts 6.1)

KEY_SET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


def _expect_name(said: str) -> str:
    if KEY_SET_NAME.match(said) is None:
        raise ValueError("it must be 1 to 63 lower-case letters, digits and hyphens, and begin with no hyphen")
    return said


Name = Annotated[str, AfterValidator(_expect_name)]


class Origin(StrEnum):
    AWS_KMS = "AWS_KMS"
    EXTERNAL = "EXTERNAL"


class Failback(StrEnum):
    AUTOMATIC = "automatic"
    HELD = "held"


class RestoreAfterDeletion(StrEnum):
    """What happens to material that a person deleted: it waits for `kms-failover reimport`, or comes back by itself."""

    ASK = "ask"
    ALWAYS = "always"


class MemberKey(Model):
    """One region's KMS key of a key set."""

    region: Region
    arn: Arn
    origin: Origin = Origin.AWS_KMS

    @model_validator(mode="after")
    def _region_is_the_arns_own(self) -> Self:
        match = KEY_ARN.match(self.arn)
        if match is None:
            raise ValueError(f"{self.arn!r} is no KMS key ARN (an alias or a bare key id does not name a region)")
        if match["region"] != self.region:
            raise ValueError(f"key {self.arn} belongs to {match['region']}, not to {self.region}")
        return self

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`."""
        return self.arn.split(":")[1]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def key_id(self) -> str:
        return self.arn.rsplit("/", 1)[1]

    def opens(self, key_arn: str) -> bool:
        """Whether this key opens what that key has encrypted: itself, or a related multi-Region key (facts 2.1).

        That one need not be a member any more. Equal material alone never suffices.
        """
        if self.arn == key_arn:
            return True
        own, other = KEY_ARN.match(self.arn), KEY_ARN.match(key_arn)
        related = self.key_id.startswith(MULTI_REGION_KEY_ID_PREFIX)
        same = ("partition", "account", "key_id")
        return related and own is not None and other is not None and own.group(*same) == other.group(*same)


class Rules(Model):
    """When a region is left, and when it may be returned to. Seconds, counts.

    `faults_to_impair` is the k, `of_rounds` the n of k of n: 3 of the last 5 probe rounds, say. None is as many, in a
    row. Fewer suffice where another signal agrees.
    """

    faults_to_impair: int = Field(3, ge=1, le=60)
    of_rounds: int | None = Field(None, ge=1, le=60)
    faults_to_impair_when_corroborated: int = Field(2, ge=1, le=60)
    of_rounds_when_corroborated: int | None = Field(None, ge=1, le=60)
    corroboration_seconds: int = Field(60, ge=1, le=3600)
    contradicted_after_seconds: int = Field(60, ge=1, le=3600)  # of complaints while all rounds are good
    healthy_after_seconds: int = Field(600, ge=1, le=86_400)
    unknown_after_seconds: int = Field(180, ge=10, le=3600)
    key_faults_to_leave: int = Field(2, ge=1, le=60)  # in a row: disabled, deleted, without material
    key_silences_to_leave: int = Field(6, ge=1, le=60)  # in a row: this key fails while its region answers
    key_usable_after_seconds: int = Field(60, ge=1, le=86_400)
    minimum_answers: int = Field(1, ge=1, le=60)  # probe rounds in a row that an eligible target has answered
    debt_allowed_to_return: int = Field(0, ge=0)  # objects owed to a region that may be returned to
    changes_per_hour: int = Field(6, ge=1, le=60)

    @model_validator(mode="after")
    def _faults_fit_into_their_rounds(self) -> Self:
        if self.rounds < self.faults_to_impair:
            raise ValueError("of_rounds must not be smaller than faults_to_impair")
        if self.rounds_when_corroborated < self.faults_to_impair_when_corroborated:
            raise ValueError("of_rounds_when_corroborated must not be smaller than faults_to_impair_when_corroborated")
        return self

    @property
    def rounds(self) -> int:
        """The n of k of n."""
        return self.of_rounds or self.faults_to_impair

    @property
    def rounds_when_corroborated(self) -> int:
        return self.of_rounds_when_corroborated or self.faults_to_impair_when_corroborated

    @property
    def most_rounds(self) -> int:
        """How many of the latest probe rounds can matter to a verdict."""
        of_keys = max(self.key_faults_to_leave, self.key_silences_to_leave)
        return max(self.rounds, self.rounds_when_corroborated, of_keys, self.minimum_answers)

    @property
    def window(self) -> timedelta:
        """How far back observations can matter: a run of faults, what corroborates it, and a clock's skew."""
        run = self.most_rounds * SECONDS_A_ROUND * 2  # rounds are late or mute now and then
        signals = max(self.corroboration_seconds, self.contradicted_after_seconds)
        return timedelta(seconds=max(self.unknown_after_seconds, signals + run) + SKEW_SECONDS)


class Material(Model):
    """How imported material is kept: where custody holds it, how long an import is valid, when it is renewed."""

    secret: str = Field(min_length=1, max_length=512)
    valid_for_days: int = Field(180, ge=1, le=365)  # facts 1.2: ValidTo lies at most 365 days ahead
    renew_before_days: int = Field(30, ge=1, le=364)
    restore_after_deletion: RestoreAfterDeletion = RestoreAfterDeletion.ASK

    @model_validator(mode="after")
    def _renewal_precedes_expiry(self) -> Self:
        if self.renew_before_days >= self.valid_for_days:
            raise ValueError("renew_before_days must be smaller than valid_for_days")
        return self


class Bucket(Model):
    """A bucket whose objects are kept openable with the KMS key of the bucket's own region."""

    name: str = Field(min_length=3, max_length=63)
    region: Region


class KeySet(Model):
    """A key set: the order of `members` is the order of preference."""

    name: Name
    members: tuple[MemberKey, ...] = Field(min_length=1, max_length=MAX_MEMBER_KEYS)
    failback: Failback = Failback.HELD
    rules: Rules = Rules.model_validate({})
    material: Material | None = None
    buckets: tuple[Bucket, ...] = ()

    @model_validator(mode="after")
    def _members_fit_together(self) -> Self:
        regions = self.regions
        if len(set(regions)) != len(regions):
            raise ValueError(f"key set {self.name!r} has two member keys in one region")
        if self.material is None and any(member.origin is Origin.EXTERNAL for member in self.members):
            raise ValueError(f"key set {self.name!r} has EXTERNAL member keys, so it needs `material.secret`")
        for bucket in self.buckets:
            if bucket.region not in regions:
                raise ValueError(f"bucket {bucket.name!r} lies in {bucket.region}, where {self.name!r} has no key")
        return self

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(member.region for member in self.members)

    @property
    def wanted_regions(self) -> tuple[str, ...]:
        """Those that a bundle should open in."""
        return self.regions

    def member_in(self, region: str) -> MemberKey | None:
        return next((member for member in self.members if member.region == region), None)

    def imported_member_in(self, region: str) -> MemberKey | None:
        """The one whose material the service imports."""
        member = self.member_in(region)
        return member if member is not None and member.origin is Origin.EXTERNAL else None

    def buckets_in(self, region: str) -> Iterator[Bucket]:
        return (bucket for bucket in self.buckets if bucket.region == region)

    @property
    def names(self) -> tuple[str, ...]:
        """What a caller may write for `KeyId`: its name, its `alias/` name, or a member key's ARN."""
        return (self.name, f"alias/{self.name}", *(member.arn for member in self.members))


Location: TypeAlias = tuple[str | int, ...]


class KeySets(Model):
    """A `key-sets.yaml` file.

    What it demands beyond `KeySet` is demanded of files alone: a key set that is in force already stays readable.
    """

    key_sets: tuple[KeySet, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Self:
        found = [*_named_twice(self.key_sets), *contradictions(self.key_sets)]
        if found:
            said = [(at, PydanticCustomError("contradiction", "{said}", {"said": words})) for at, words in found]
            errors = [InitErrorDetails(type=error, loc=at, input=None) for at, error in said]
            raise ValidationError.from_exception_data("KeySets", errors)
        return self


def contradictions(key_sets: Sequence[KeySet], others: Sequence[KeySet] = ()) -> Iterator[tuple[Location, str]]:
    """Buckets that stand twice, and members of two partitions: where, as a path of fields, and in words.

    An object belongs to one key set, and a deployment to one partition. `others` are the deployment's other key sets.
    """
    yield from _buckets_twice(key_sets, others)
    known = [member for key_set in (*others, *key_sets) for member in key_set.members]
    for i, key_set in enumerate(key_sets):
        for j, member in enumerate(key_set.members):
            if member.partition != known[0].partition:
                said = f"{member.arn} lies in another partition than {known[0].arn}: one deployment has one"
                yield ("key_sets", i, "members", j), said


def _buckets_twice(key_sets: Sequence[KeySet], others: Sequence[KeySet]) -> Iterator[tuple[Location, str]]:
    owners = {bucket.name: other.name for other in others for bucket in other.buckets}
    for i, key_set in enumerate(key_sets):
        for j, bucket in enumerate(key_set.buckets):
            if bucket.name in owners:
                said = f"bucket {bucket.name!r} belongs to key set {owners[bucket.name]!r} already: it has one"
                yield ("key_sets", i, "buckets", j), said
            owners.setdefault(bucket.name, key_set.name)


def _named_twice(key_sets: Sequence[KeySet]) -> Iterator[tuple[Location, str]]:
    names = [key_set.name for key_set in key_sets]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield ("key_sets", i, "name"), f"key set named twice: {name}"
