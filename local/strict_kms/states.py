"""Which operation works in which key state, and what is said where it does not (facts 1.8).

Source: the table in "Key states of AWS KMS keys" of the developer guide, with the notes below it; for Creating and
Updating, which that table treats loosely, the API reference of ReplicateKey and UpdatePrimaryRegion.
"""

from enum import Enum

from .errors import DisabledException, KmsError, KMSInvalidStateException


class KeyState(str, Enum):
    """Without Unavailable, which only keys of custom key stores know."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_IMPORT = "PendingImport"
    PENDING_DELETION = "PendingDeletion"
    PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
    CREATING = "Creating"
    UPDATING = "Updating"


DOOMED = frozenset({KeyState.PENDING_DELETION, KeyState.PENDING_REPLICA_DELETION})
_ALIVE = frozenset(KeyState) - DOOMED
_CRYPTOGRAPHY = frozenset({KeyState.ENABLED, KeyState.UPDATING})
_SETTLED = frozenset({KeyState.ENABLED, KeyState.DISABLED})
_IMPORTABLE = _SETTLED | {KeyState.PENDING_IMPORT}
_ENABLED = frozenset({KeyState.ENABLED})

# What is not listed works in every state: all that reads, PutKeyPolicy, DeleteAlias, RevokeGrant, RetireGrant, ...
ALLOWED: dict[str, frozenset[KeyState]] = {
    "CancelKeyDeletion": DOOMED,
    "CreateAlias": _ALIVE,
    "CreateGrant": _CRYPTOGRAPHY,
    "Decrypt": _CRYPTOGRAPHY,
    "DisableKey": _SETTLED,
    "DisableKeyRotation": _ENABLED,
    "EnableKey": _SETTLED,
    "EnableKeyRotation": _ENABLED,
    "Encrypt": _CRYPTOGRAPHY,
    "GenerateDataKey": _CRYPTOGRAPHY,
    "GenerateDataKeyWithoutPlaintext": _CRYPTOGRAPHY,
    "GenerateMac": _CRYPTOGRAPHY,
    "GetParametersForImport": _IMPORTABLE,
    "GetPublicKey": _CRYPTOGRAPHY,
    "ImportKeyMaterial": _IMPORTABLE | {KeyState.UPDATING},
    "ReEncrypt": _CRYPTOGRAPHY,
    # whether a primary key whose material was never imported is replicated is UNCONFIRMED; it is here
    "ReplicateKey": _ENABLED | {KeyState.PENDING_IMPORT},
    "RotateKeyOnDemand": _ENABLED,
    "ScheduleKeyDeletion": _IMPORTABLE,
    "Sign": _CRYPTOGRAPHY,
    "TagResource": _ALIVE,
    "UntagResource": _ALIVE,
    "UpdateAlias": _ALIVE,
    "UpdateKeyDescription": _ALIVE,
    "UpdatePrimaryRegion": _ENABLED,
    "Verify": _CRYPTOGRAPHY,
    "VerifyMac": _CRYPTOGRAPHY,
}

_REASONS = {
    KeyState.ENABLED: "is enabled",
    KeyState.PENDING_IMPORT: "is pending import",
    KeyState.PENDING_DELETION: "is pending deletion",
    KeyState.PENDING_REPLICA_DELETION: "is pending replica deletion",
    KeyState.CREATING: "is being created",
    KeyState.UPDATING: "is being updated",
}


def refusal(operation: str, arn: str, state: KeyState) -> KmsError | None:
    """What the operation gets on a key in this state; None where it works."""
    if state in ALLOWED.get(operation, frozenset(KeyState)):
        return None
    if operation == "CancelKeyDeletion":
        return KMSInvalidStateException(f"{arn} is not pending deletion.")
    if state is KeyState.DISABLED:
        return DisabledException(f"{arn} is disabled.")
    # for the doomed the guide allows DisabledException as well (facts 1.8)
    return KMSInvalidStateException(f"{arn} {_REASONS[state]}.")
