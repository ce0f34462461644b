"""The watch itself: it would notice a leak, in whatever form, and it sees what passes between this process and KMS."""

import logging
from collections.abc import Callable

import boto3
import pytest

from local.strict_kms import mock_strict_kms
from tests.key_watch import KeyWatch, forms_of

KEY = bytes(range(200, 232))


@pytest.mark.parametrize("form", sorted(forms_of(KEY)))
@pytest.mark.parametrize(
    "log",
    [
        lambda form: logging.getLogger("kms_failover.adapters").debug("made %s", form),
        lambda form: logging.getLogger("functions").warning(f"made {form}"),  # noqa: G004 - the leak as it would be
        lambda form: logging.getLogger("kms_failover").info("made", extra={"data_key": form}),
    ],
    ids=["argument", "message", "extra"],
)
def test_a_key_in_a_line_is_noticed(form: str, log: Callable[[str], None]) -> None:
    watch = KeyWatch()
    watch.saw({"Plaintext": KEY})

    with watch.watching():
        logging.getLogger("functions").setLevel(logging.DEBUG)
        log("something else")
        clean = watch.leaks()
        log(form)

    assert clean == []
    assert len(watch.leaks()) == 1


def test_a_key_in_an_exceptions_trace_is_noticed() -> None:
    watch = KeyWatch()
    watch.saw({"Plaintext": KEY})

    with watch.watching():
        try:
            int(KEY.hex() + "?")
        except ValueError:
            logging.getLogger("kms_failover").exception("it failed")

    assert len(watch.leaks()) == 1


def test_every_key_that_passes_is_known(key_watch: KeyWatch) -> None:
    with mock_strict_kms():
        kms = boto3.client("kms", region_name="us-east-1")
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        made = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
        kms.encrypt(KeyId=key_id, Plaintext=KEY)

    assert {made["Plaintext"], KEY} <= key_watch.keys
