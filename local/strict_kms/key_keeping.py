# ruff: noqa: FBT001, FBT002 - moto calls these methods by position
"""Finding the keys of one Region, and their lives: made, replicated, switched, deleted (facts 1.8, 2.1, 2.2)."""

import re
from datetime import timedelta

from moto.kms.models import kms_backends

from . import families
from .errors import AlreadyExistsException, NotFoundException, UnsupportedOperationException, ValidationException
from .key_specs import SYMMETRIC, usage_of
from .keys import EXTERNAL, ROTATION_PERIOD_DAYS, RotationSchedule, StrictKey
from .lifecycle import KeyLifecycle
from .policies import require_policy
from .states import DOOMED, KeyState

ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):kms:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(key/(?P<id>[^/]+)|(?P<alias>alias/.+))"
)
KEY_ID = re.compile(r"mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DELETION_WINDOW_DAYS = range(7, 31)  # the guide; the API model's own bounds are wider


class KeyKeeping(KeyLifecycle):
    """moto's backend without its cryptography, see `models`."""

    # --- finding keys -------------------------------------------------------------------------------------------

    def resolve(self, identifier: str | None, *, alias_allowed: bool = True) -> StrictKey:
        """By id, ARN or alias. An ARN of another Region or account is not found here (facts 2.2)."""
        if not identifier:
            raise NotFoundException("No key is named.")
        name = self._local_name(identifier)
        if name.startswith("alias/") and alias_allowed:
            return self._target_of(name)
        if not KEY_ID.fullmatch(name):  # recorded: test_get_key_invalid_uuid, 2023-11-07
            raise NotFoundException(f"Invalid keyId '{identifier}'")
        key = self.keys.get(name)
        if not isinstance(key, StrictKey):  # recorded: test_get_key_does_not_exist, 2025-09-08
            raise NotFoundException(f"Key '{self._arn_of('key/' + name)}' does not exist")
        return key

    def _target_of(self, alias: str) -> StrictKey:
        """Of a missing alias there is no recording; its message is known from public reports."""
        key = self.keys.get(self.get_key_id_from_alias(alias) or "")
        if not isinstance(key, StrictKey):
            raise NotFoundException(f"Alias {self._arn_of(alias)} is not found.")
        return key

    def _arn_of(self, resource: str) -> str:
        return f"arn:{self.partition}:kms:{self.region_name}:{self.account_id}:{resource}"

    def _local_name(self, identifier: str) -> str:
        if not identifier.startswith("arn:"):
            return identifier
        arn = ARN.fullmatch(identifier)
        if arn is None:
            raise NotFoundException(f"Invalid arn {identifier}")
        if arn["region"] != self.region_name:  # recorded: test_get_key_in_different_region, 2025-11-10
            raise NotFoundException(f"Invalid arn {arn['region']}")
        if (arn["partition"], arn["account"]) != (self.partition, self.account_id):
            raise NotFoundException(f"Invalid arn {identifier}")
        return arn["id"] or arn["alias"]

    def any_id_to_key_id(self, key_id: str) -> str:
        return self.resolve(key_id).id

    # --- life of a key ------------------------------------------------------------------------------------------

    def create_key(
        self,
        policy: str | None,
        key_usage: str,
        key_spec: str,
        description: str,
        tags: list[dict[str, str]] | None,
        multi_region: bool = False,
        origin: str = "AWS_KMS",
    ) -> StrictKey:
        """Thread safe without the caller holding the lock: making an RSA pair may take seconds."""
        if policy:
            require_policy(policy)
        spec = key_spec or SYMMETRIC
        usage = usage_of(spec, key_usage)
        if origin not in ("AWS_KMS", EXTERNAL):
            raise UnsupportedOperationException(f"the strict KMS has no keys of origin {origin}")
        key = StrictKey(  # type: ignore[abstract]  # moto's own Key leaves CloudFormation's methods open
            policy,
            usage,
            spec,
            description,
            self.account_id,
            self.region_name,
            bool(multi_region),
            origin,
            self.installation.now(),
        )
        with self.installation.lock:
            self.keys[key.id] = key
            if tags:
                self.tagger.tag_resource(key.id, tags)
        return key

    def replicate_key(self, key_id: str, replica_region: str) -> StrictKey:
        primary = self._primary(key_id)
        primary.require("ReplicateKey")
        if replica_region == self.region_name or replica_region not in kms_backends[self.account_id]:
            raise ValidationException("ReplicaRegion must be another Region.")
        target = self.sibling(replica_region)
        if primary.id in target.keys:
            raise AlreadyExistsException(f"{primary.arn_in(replica_region)} already exists.")
        replica = primary.replica_in(replica_region, self.installation.now())
        replica.hides_material_id = primary.is_external and not self.installation.replicas_show_material_id
        target.keys[replica.id] = replica
        families.align(replica)
        target.pass_through(replica, KeyState.CREATING)
        return replica

    def _primary(self, key_id: str) -> StrictKey:
        key = self.resolve(key_id, alias_allowed=False)
        if not key.multi_region or not key.is_primary:
            # recorded: test_replicate_replica_key_should_fail, 2025-09-08
            raise UnsupportedOperationException(f"{key.arn} is not a multi-region primary key.")
        return key

    def update_primary_region(self, key_id: str, region: str) -> None:
        """The key here becomes a replica of the one there (kms:UpdatePrimaryRegion)."""
        former = self._primary(key_id)
        former.require("UpdatePrimaryRegion")
        family = former.family()
        successor = next((key for key in family if key.region == region and key is not former), None)
        if successor is None:
            raise NotFoundException(f"{former.arn_in(region)} does not exist.")
        successor.require("UpdatePrimaryRegion")
        for key in family:
            key.primary_region = region
        families.align(former)
        for key in (former, successor):
            self.sibling(key.region).pass_through(key, KeyState.UPDATING)

    def pass_through(self, key: StrictKey, transient: KeyState) -> None:
        if self.installation.propagation:
            key.pass_through(transient, self.installation.now() + self.installation.propagation)
        self.plan()

    def put_key_policy(self, key_id: str, policy: str) -> None:
        """Moto reads the policy at each DescribeKey, and fails there if it is none."""
        require_policy(policy)
        super().put_key_policy(self.resolve(key_id, alias_allowed=False).id, policy)

    def enable_key(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require("EnableKey")
        key.enter(KeyState.ENABLED)

    def disable_key(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require("DisableKey")
        key.enter(KeyState.DISABLED)

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float | None:  # type: ignore[override]
        """The deletion date, unless replicas are waited for."""
        key = self.resolve(key_id, alias_allowed=False)
        if pending_window_in_days not in DELETION_WINDOW_DAYS:
            raise ValidationException("PendingWindowInDays must be between 7 and 30 days.")
        key.require("ScheduleKeyDeletion")
        key.pending_window_days = pending_window_in_days
        key.begin_waiting_period(self.installation.now())
        self.plan()
        return None if key.deletes_at is None else key.deletes_at.timestamp()

    def cancel_key_deletion(self, key_id: str) -> None:
        key = self.resolve(key_id, alias_allowed=False)
        key.require("CancelKeyDeletion")
        key.enter(KeyState.DISABLED)
        key.deletes_at = key.pending_window_days = None
        key.follow_materials()
        self.plan()

    def enable_key_rotation(self, key_id: str, period_days: int = ROTATION_PERIOD_DAYS) -> None:
        """Counts from now, also where it was enabled already. Nothing happens on the date."""
        next_date = self.installation.now() + timedelta(days=period_days)
        self._set_rotation(key_id, "EnableKeyRotation", RotationSchedule(period_days, next_date))

    def disable_key_rotation(self, key_id: str) -> None:
        self._set_rotation(key_id, "DisableKeyRotation", None)

    def _set_rotation(self, key_id: str, operation: str, schedule: RotationSchedule | None) -> None:
        """Related multi-Region keys share the setting; it is made at the primary (facts 2.1, kms:EnableKeyRotation)."""
        key = self.resolve(key_id, alias_allowed=False)
        if not key.is_symmetric or key.is_external or not key.is_primary:  # facts 1.5
            raise UnsupportedOperationException(f"{key.arn} has no automatic rotation of its own.")
        key.require(operation)
        for related in key.family():
            related.rotation_schedule = schedule

    def rotation_schedule(self, key_id: str) -> tuple[StrictKey, RotationSchedule | None]:
        """The key, and None where it is not rotated automatically."""
        key = self.resolve(key_id, alias_allowed=False)
        if not key.is_symmetric:
            raise UnsupportedOperationException(f"{key.arn} is not a symmetric encryption key.")
        is_off = key.settled_state in DOOMED  # kms:GetKeyRotationStatus
        return key, None if is_off else key.rotation_schedule
