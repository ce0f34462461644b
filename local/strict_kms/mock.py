"""The strict KMS inside a test process, and how it is put in the place of moto's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from moto import mock_aws
from moto.kms.models import KmsBackend, kms_backends

from .installation import Clock, Installation, utc_now
from .models import StrictKmsBackend


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
    """Expires what is due in every Region."""
    for _, _, backend in list(kms_backends.iter_backends()):
        if isinstance(backend, StrictKmsBackend):
            backend.settle()


@contextmanager
def mock_strict_kms(*, clock: Clock = utc_now, throttle_import_parameters: bool = False) -> Iterator[Installation]:
    """Like moto's `mock_aws`, and including it, with the strict KMS in every Region. As a decorator, with parentheses.

        with mock_strict_kms(clock=clock) as kms:
            boto3.client("kms", region_name="us-east-1").create_key(Origin="EXTERNAL")
            kms.events; kms.calls.snapshot()

    Expiry is checked at each call; `settle_all()` checks it without one. Other moto services work inside as ever.
    """
    installation = Installation(clock=clock, throttle_import_parameters=throttle_import_parameters)
    aws: Any = mock_aws()
    aws.start()
    uninstall = install(installation)
    try:
        yield installation
    finally:
        uninstall()
        aws.stop()
