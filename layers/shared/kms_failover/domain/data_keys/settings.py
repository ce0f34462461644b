"""How the data plane waits, hedges and gives up. Each default has its source; docs/data-plane.md says how to choose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from kms_failover.errors import ConfigurationError

MAX_USES = 2**32  # messages under one AES-GCM key with random nonces (NIST SP 800-38D, 8.3)
MAX_AGE_SECONDS = 86_400.0
ACCOUNT = re.compile(r"[0-9]{12}\Z")
URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/.*)?\Z")


@dataclass(frozen=True, kw_only=True)
class CacheLimits:
    """One data key for many messages. Fewer KMS calls, and calls survive a total outage for `max_age_seconds`.

    The trade-off: a key that leaks opens every message under it; while a key lies here its plaintext stays in memory,
    and a revoked permission or a disabled KMS key takes effect only when it has aged. `max_bytes` counts the
    `MessageBytes` that callers state; while it is set, a caller who states none is given a key of its own, as in the
    AWS Encryption SDK's caching manager.
    """

    max_age_seconds: float
    max_uses: int = 10_000
    max_bytes: int | None = None
    max_entries: int = 1_000  # about 1 KB each

    def __post_init__(self) -> None:
        _within("cache.max_age_seconds", self.max_age_seconds, 0.001, MAX_AGE_SECONDS)
        _within("cache.max_uses", self.max_uses, 1, MAX_USES)
        _within("cache.max_entries", self.max_entries, 1, 1_000_000)
        if self.max_bytes is not None:
            _within("cache.max_bytes", self.max_bytes, 1, 2**63 - 1)


@dataclass(frozen=True, kw_only=True)
class ReservoirLimits:
    """Data keys made ahead, each given out once, so that a caller waits for no KMS call.

    The trade-off: `keys` plaintexts lie in memory before anyone needs them, for up to `max_age_seconds` and until the
    next call after that, and a revoked permission takes effect only when they are used up or aged. A key is never given
    out twice. Stock begins with the second request for a key set and encryption context.
    """

    keys: int = 16
    max_age_seconds: float = 60.0
    max_entries: int = 16  # pairs of key set and encryption context that are kept stocked
    makers: int = 8  # data keys made at the same time

    def __post_init__(self) -> None:
        _within("reservoir.keys", self.keys, 1, 10_000)
        _within("reservoir.max_age_seconds", self.max_age_seconds, 0.001, MAX_AGE_SECONDS)
        _within("reservoir.max_entries", self.max_entries, 1, 10_000)
        _within("reservoir.makers", self.makers, 1, 64)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of one FailoverKms. Seconds, counts, shares of 1. Raises ConfigurationError, which names the field."""

    # One call. botocore's own 60 s each outlast most callers, and its retries would multiply these (facts 3.4, 3.5)
    connect_timeout_seconds: float = 1.0  # facts 3.5, advice
    read_timeout_seconds: float = 3.0  # above a brown-out of 2 s: with every region slow, slow answers still count

    # One request
    deadline_seconds: float = 8.0  # two turns of both time-outs: connect and read, in all regions at once
    wrap_deadline_seconds: float = 1.0  # what is later is debt; also the time after which an answer counts as a fault
    region_attempts: int = 2  # turns through all regions: a stall of our own looks just like the loss of every region
    throttle_attempts: int = 3  # botocore's standard total (facts 3.4)
    min_wraps: int = 1  # regions that must be able to open a new bundle; fewer is an error

    # Hedging (docs/decisions/0005)
    first_hedge_delay_seconds: float = 0.2  # until a region's own tail is known
    min_hedge_delay_seconds: float = 0.05  # a pause of our own process must not look like a slow region
    max_hedge_delay_seconds: float = 0.5  # the farthest region answers a warm connection within 0.35 s
    hedge_budget: float = 0.05  # extra calls, as a share of all; "a few percent"

    # Breaker
    faults_to_open: int = 2  # one broken connection is everyday; two in a row with no answer between are not
    breaker_open_seconds: float = 5.0  # between trials; a probe round takes 10 s, a caller should profit sooner

    threads_per_region: int = 32  # what a dead region can hold, and none of another region's
    route_refresh_seconds: float = 2.0  # below a probe round, so that a changed route is used before the next one ends
    endpoints: Mapping[str, str] = field(default_factory=dict)  # region -> URL: a VPC endpoint, FIPS

    # Whose member keys may be asked. None named: those of the key sets given to `connect`, else one's own (0021)
    accounts: tuple[str, ...] = ()
    memory_folder: str | Path | None = None  # where the key sets last read are left for the next process

    # Both off: each trades something away, see there
    cache: CacheLimits | None = None
    reservoir: ReservoirLimits | None = None

    def __post_init__(self) -> None:
        for name in ("connect_timeout_seconds", "read_timeout_seconds", "deadline_seconds", "wrap_deadline_seconds"):
            _within(name, getattr(self, name), 0.001, 900.0)  # a Lambda's own limit
        _within("max_hedge_delay_seconds", self.max_hedge_delay_seconds, 0.001, 900.0)
        for name in ("first_hedge_delay_seconds", "min_hedge_delay_seconds"):
            _within(name, getattr(self, name), 0.001, self.max_hedge_delay_seconds)
        if self.max_hedge_delay_seconds > self.deadline_seconds:
            raise ConfigurationError("deadline_seconds must be at least max_hedge_delay_seconds")
        for name in ("region_attempts", "throttle_attempts", "faults_to_open"):
            _within(name, getattr(self, name), 1, 10)
        _within("min_wraps", self.min_wraps, 1, 8)
        _within("hedge_budget", self.hedge_budget, 0.0, 1.0)
        _within("breaker_open_seconds", self.breaker_open_seconds, 0.001, 3600.0)
        _within("threads_per_region", self.threads_per_region, 1, 1_000)
        _within("route_refresh_seconds", self.route_refresh_seconds, 0.1, 3600.0)
        for name, value, kind in (("cache", self.cache, CacheLimits), ("reservoir", self.reservoir, ReservoirLimits)):
            if value is not None and not isinstance(value, kind):
                raise ConfigurationError(f"{name} must be {kind.__name__} or None, not {value!r}")
        object.__setattr__(self, "endpoints", _endpoints(self.endpoints))
        object.__setattr__(self, "accounts", _accounts(self.accounts))
        if self.memory_folder is not None and not (isinstance(self.memory_folder, str | Path) and self.memory_folder):
            raise ConfigurationError(f"memory_folder must be a folder or None, not {self.memory_folder!r}")


def _endpoints(endpoints: object) -> Mapping[str, str]:
    """A copy that nobody changes."""
    if not isinstance(endpoints, Mapping):
        raise ConfigurationError(f"endpoints must be a dict of region to URL, not {endpoints!r}")
    for region, url in endpoints.items():
        if not isinstance(region, str) or not isinstance(url, str) or URL.match(url) is None:
            raise ConfigurationError(f"endpoints[{region!r}] must be a URL like https://host, not {url!r}")
    return MappingProxyType(dict(endpoints))


def _accounts(accounts: object) -> tuple[str, ...]:
    if not isinstance(accounts, list | tuple | set | frozenset):
        raise ConfigurationError(f"accounts must be several, as ('111122223333',), not {accounts!r}")
    for account in accounts:
        if not isinstance(account, str) or ACCOUNT.match(account) is None:
            raise ConfigurationError(f"accounts must be twelve digits each, not {account!r}")
    return tuple(accounts)


def _within(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigurationError(f"{name} must be from {low} to {high}, not {value!r}")
    if isinstance(low, int) and not isinstance(value, int):
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}")
