"""What may be said of an object as long as not every member key of its key set is known, or may be asked.

An older version of a key set may stand in for the one in force; it may lack a member, or have another key for a
region. A member in an account that is not allowed is left out (docs/decisions/0021). And a warm process knows a key
set for some seconds longer than it is in force. What is said for good rests on none of these.
"""

from collections.abc import Callable
from typing import Protocol

from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.object_record import KEY_SET_UNREAD, NOT_ALLOWED, Cause
from kms_failover.errors import KeySetChangedError, StateUnavailableError

UNCERTAINTIES = {
    KEY_SET_UNREAD: "the key set in force cannot be read, so not every member key may be known",
    NOT_ALLOWED: "a member key in an account that is not allowed is never asked (accounts.txt allows it)",
}


class Versions(Protocol):
    """Satisfied by the state table."""

    def stands_in(self, key_set: str) -> bool:
        """Whether what was last read of this name is an older version than the one in force."""
        ...


def uncertainty_of(
    key_set: KeySet, versions: Versions, anew: Callable[[], tuple[KeySet, ...]], *, rests_on_members: bool
) -> str:
    """Why nothing may be refused for good on the word of this key set, as a debt's code; empty if it may.

    Raises:
        KeySetChangedError: another version is in force by now.
    """
    if not versions.stands_in(key_set.name):
        try:
            in_force = anew()
        except StateUnavailableError:
            return KEY_SET_UNREAD
        if key_set not in in_force:
            raise KeySetChangedError(f"key set {key_set.name!r} was changed while its object was looked at")
    if versions.stands_in(key_set.name):
        return KEY_SET_UNREAD
    return NOT_ALLOWED if rests_on_members and key_set.wanted_regions != key_set.regions else ""


def not_known(bundle: Bundle | None, key_set: KeySet, versions: Versions, region: str) -> dict[str, Cause]:
    """What is owed of an object with which all is well as far as this key set goes; None is one without a bundle."""
    owed = dict.fromkeys(not_wrapped_for(bundle, key_set) if bundle else (), Cause(NOT_ALLOWED))
    if versions.stands_in(key_set.name):
        owed[region] = Cause(KEY_SET_UNREAD)
    return owed


def not_wrapped_for(bundle: Bundle, key_set: KeySet) -> tuple[str, ...]:
    """Regions of members in accounts that are not allowed, of which it has no wrap."""
    has = {*key_set.regions, *(wrap.region for wrap in bundle.wraps)}
    return tuple(region for region in key_set.wanted_regions if region not in has)
