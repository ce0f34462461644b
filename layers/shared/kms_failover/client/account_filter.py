"""Takes member keys in accounts that nobody has allowed out of the key sets, and says so once."""

import logging
from collections.abc import Callable, Iterable

from kms_failover.domain.data_keys.accounts import refused_members, with_allowed_members
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import ConfigurationError

HOW_TO_ALLOW = "Settings(accounts=...) allows it, in a deployment's functions accounts.txt (docs/decisions/0021)"
MOST_TOLD = 8000  # the members of as many key sets as a deployment can hold: those that are there are told once

logger = logging.getLogger(__name__)


class AccountFilter:
    """`accounts` is asked only where there are key sets; what it raises is raised here."""

    def __init__(self, accounts: Callable[[], frozenset[str]]) -> None:
        self._accounts = accounts
        self._told: dict[str, None] = {}  # ARNs, the oldest first
        self._refused: dict[str, KeySet] = {}

    def __call__(self, key_sets: Iterable[KeySet]) -> tuple[KeySet, ...]:
        """What is left of them. A key set of which nothing is left is left out."""
        given = tuple(key_sets)
        accounts = self._accounts() if given else frozenset[str]()
        pairs = [(key_set, with_allowed_members(key_set, accounts)) for key_set in given]
        self._refused = {key_set.name: key_set for key_set, left in pairs if left is None}
        for key_set in given:
            self._tell(key_set, accounts)
        return tuple(left for _, left in pairs if left is not None)

    def expect_some_of(self, key_id: str) -> None:
        """ConfigurationError where it names a key set of which nothing is left."""
        for key_set in self._refused.values():
            if key_id in key_set.names:
                raise ConfigurationError(
                    f"every member key of {key_set.name!r} is in an account that is not allowed here: {HOW_TO_ALLOW}"
                )

    def _tell(self, key_set: KeySet, accounts: frozenset[str]) -> None:
        for member in refused_members(key_set, accounts):
            if member.arn not in self._told:
                self._told[member.arn] = None
                logger.error(
                    "%s of key set %s is never asked: account %s is not allowed. %s",
                    member.arn,
                    key_set.name,
                    member.account,
                    HOW_TO_ALLOW,
                )
        while len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]
