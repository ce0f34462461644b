"""What a caller of FailoverKms pays: while all is well, when a region falls silent, and after that."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from kms_failover import FailoverKms, Settings

from .kms import CREDENTIALS, EAST, WEST, Endpoint, falling_silent, silence, strict_kms
from .measure import Figure, at_most, in_turn, rounded, timed
from .ours import key_set

ROUNDS, CALLS = 31, 60
TAIL_ROUNDS, TAIL_CALLS = 25, 300  # the 99th percentile of fewer would be their slowest
PERCENT_99 = 0.99
LONGEST_FIRST_SECONDS = 0.25
STARTS = 15


def steady_state() -> list[Figure]:
    """One region used: a key set of one key, and one of related keys, which a second region could answer too."""
    context = {"order": "42"}
    with strict_kms() as endpoint, connected() as connect:
        east, west = endpoint.related_keys()
        bare = endpoint.client(EAST)

        def per_call(call: Callable[[], object]) -> Callable[[], float]:
            timed(call, CALLS)
            return lambda: 1e6 * median(timed(call, CALLS))

        def data_key(kms: Any, key_id: str) -> Callable[[], object]:
            return lambda: kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext=context)

        peer = data_key(bare, east)
        one = in_turn(per_call(data_key(connect(endpoint, east), "orders")), per_call(peer), rounds=ROUNDS)
        two = in_turn(per_call(data_key(connect(endpoint, east, west), "orders")), per_call(peer), rounds=ROUNDS)
    unit = "µs a call, peer: bare boto3 generate_data_key"
    related = at_most(1.05, name="steady state, related keys in two regions", ours=two[0], peer=two[1], unit=unit)
    return [at_most(1.05, name="steady state, one region used", ours=one[0], peer=one[1], unit=unit), related]


def breaker_open() -> list[Figure]:
    """Two regions, the first one silent and out, against the second one alone."""
    with strict_kms() as endpoint, silence() as silent, connected() as connect:
        east, west = endpoint.new_key(EAST), endpoint.new_key(WEST)
        both = connect(endpoint, east, west, settings=Settings(endpoints={EAST: silent}))
        alone = connect(endpoint, west)

        def p99(kms: FailoverKms) -> Callable[[], float]:
            def call() -> object:
                return kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

            timed(call, CALLS)  # the breaker opens here
            return lambda: 1e6 * percentile(timed(call, TAIL_CALLS), PERCENT_99)

        ours, peer = in_turn(p99(both), p99(alone), rounds=TAIL_ROUNDS)
    name = "requests once the breaker is open, p99"
    return [at_most(1.05, name=name, ours=ours, peer=peer, unit="µs, peer: the healthy region alone")]


def first_request_into_silence(peer_seconds: Callable[[], float]) -> list[Figure]:
    """The first region falls silent for a cold client and for one that has worked; the second, for one that has worked.

    The peer waits in a process of its own since the run began.
    """
    with strict_kms() as endpoint, connected() as connect:
        east, west = endpoint.new_key(EAST), endpoint.new_key(WEST)

        def first_request(silent_region: str, *, warm: bool) -> float:
            with ExitStack() as stack:
                server = stack.enter_context(falling_silent(endpoint.url))
                kms = connect(endpoint, east, west, settings=Settings(endpoints={silent_region: server.url}))
                if warm:
                    timed(lambda: kms.generate_data_key(KeyId="orders", KeySpec="AES_256"), CALLS)
                server.silent = True
                return timed(lambda: kms.generate_data_key(KeyId="orders", KeySpec="AES_256"), 1)[0]

        cases = {
            "the first region, a cold client": [first_request(EAST, warm=False) for _ in range(STARTS)],
            "the first region, a warm client": [first_request(EAST, warm=True) for _ in range(STARTS)],
            "the second region, a warm client": [first_request(WEST, warm=True) for _ in range(STARTS)],
        }
    peer = peer_seconds()
    return [
        Figure(
            name=f"first request into silence, {case}; the slowest of {STARTS}",
            ours=rounded(max(seconds)),
            peer=rounded(peer),
            unit="s, peer: Encryption SDK, MPL multi-keyring of two regions, which then fails",
            ratio=round(max(seconds) / peer, 5),
            goal=f"at most {LONGEST_FIRST_SECONDS} s",
            ok=max(seconds) <= LONGEST_FIRST_SECONDS,
        )
        for case, seconds in cases.items()
    ]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@contextmanager
def connected() -> Iterator[Callable[..., FailoverKms]]:
    """Makes clients, and closes them at the end."""
    with ExitStack() as open_clients:

        def connect(endpoint: Endpoint, *arns: str, settings: Settings | None = None) -> FailoverKms:
            os.environ.update(CREDENTIALS | {"AWS_ENDPOINT_URL_KMS": endpoint.url})
            own = key_set(*arns)
            kms = FailoverKms.connect(own.regions[0], None, (own,), regions=own.regions, settings=settings)
            return open_clients.enter_context(kms)

        yield connect
