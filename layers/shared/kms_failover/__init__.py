"""Keeps AWS KMS data keys available when one region's KMS is not.

The names below are the whole API. Where a module lies is not, and may change. Each name is loaded when it is first
used, so that a cold start pays for what it needs (docs/decisions/0011).
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kms_failover.adapters.key_sets_file import read_key_sets
    from kms_failover.client.failover_kms import FailoverKms
    from kms_failover.domain.data_keys.settings import CacheLimits, ReservoirLimits, Settings
    from kms_failover.domain.key_set import KeySet, MemberKey
    from kms_failover.errors import (
        BundleError,
        CommitmentError,
        ConfigurationError,
        IncorrectKeySetError,
        KmsFailoverError,
        MalformedAnswerError,
        NotSentError,
        RegionUnavailableError,
        StateUnavailableError,
        UnknownKeySetError,
        UnreadableItemError,
        WrapUnavailableError,
    )
    from kms_failover.version import __version__

__all__ = [
    "BundleError",
    "CacheLimits",
    "CommitmentError",
    "ConfigurationError",
    "FailoverKms",
    "IncorrectKeySetError",
    "KeySet",
    "KmsFailoverError",
    "MalformedAnswerError",
    "MemberKey",
    "NotSentError",
    "RegionUnavailableError",
    "ReservoirLimits",
    "Settings",
    "StateUnavailableError",
    "UnknownKeySetError",
    "UnreadableItemError",
    "WrapUnavailableError",
    "__version__",
    "read_key_sets",
]

_HOMES = {
    "CacheLimits": "domain.data_keys.settings",
    "FailoverKms": "client.failover_kms",
    "KeySet": "domain.key_set",
    "MemberKey": "domain.key_set",
    "ReservoirLimits": "domain.data_keys.settings",
    "Settings": "domain.data_keys.settings",
    "__version__": "version",
    "read_key_sets": "adapters.key_sets_file",
}


if not TYPE_CHECKING:  # a type checker would take it for a name of any spelling

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
        globals()[name] = value  # found without this function from now on
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
