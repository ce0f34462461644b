"""The strict KMS inside a test process, and how it is put in the place of moto's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from moto import mock_aws
from moto.kms.models import KmsBackend, kms_backends

from .event_log import MotoEventBridge
from .installation import Clock, Installation, Latency, no_latency, utc_now
from .models import StrictKmsBackend, settle_account
from .quotas import Limiter, Rates, unlimited
from .wrapping import KeyPairSource, fresh_pair


def install(installation: Installation) -> Callable[[], None]:
    """From now on moto's registry makes strict backends. Drops all keys. Returns how to undo it."""
    previous = kms_backends.backend

    def make_backend(region_name: str, account_id: str) -> StrictKmsBackend:
        return StrictKmsBackend(region_name, account_id, installation)

    def uninstall() -> None:
        kms_backends.backend = previous
        kms_backends.clear()

    # moto's registry calls it with these two arguments only, and does not care that it is no class
    kms_backends.backend = cast("type[KmsBackend]", make_backend)
    kms_backends.clear()
    return uninstall


def settle_all() -> None:
    """Does in every Region what is due: expiries, deletions, the ends of transient states."""
    for account_id in list(kms_backends):
        settle_account(account_id)


@contextmanager
def mock_strict_kms(
    *,
    clock: Clock = utc_now,
    quotas: Rates = unlimited,
    latency: Latency = no_latency,
    propagation: timedelta = timedelta(),
    replicas_show_material_id: bool = True,
    key_pairs: KeyPairSource = fresh_pair,
) -> Iterator[Installation]:
    """Like moto's `mock_aws`, and including it, with the strict KMS in every Region. As a decorator, with parentheses.

        with mock_strict_kms(clock=clock, quotas=aws_rate) as kms:
            boto3.client("kms", region_name="us-east-1").create_key(Origin="EXTERNAL")
            kms.events; kms.calls.snapshot()

    What is due is done at each call; `settle_all()` does it without one. Events go to moto's EventBridge rules, too.
    Other moto services work inside as ever. See `Installation` for the options.
    """
    installation = Installation(
        clock=clock,
        sink=MotoEventBridge(),
        limiter=Limiter(quotas),
        latency=latency,
        propagation=propagation,
        replicas_show_material_id=replicas_show_material_id,
        key_pairs=key_pairs,
    )
    aws: Any = mock_aws()
    aws.start()
    uninstall = install(installation)
    try:
        yield installation
    finally:
        uninstall()
        aws.stop()
