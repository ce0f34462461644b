"""Importing against the strict KMS: which calls, with what, how fast, and what its refusals become."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kms_failover.adapters.key_import import PARAMETERS_PAUSE_SECONDS, ImportableKeys
from kms_failover.domain.key_material.ports import PlainMaterial
from kms_failover.errors import ImportRefusedError, KeyNotReadyError, RegionUnavailableError, ThrottledError
from local.strict_kms import ReusedPairs, mock_strict_kms
from local.strict_kms.owner import import_material

REGION = "eu-west-1"
BYTES = b"the secret bytes of orders' key."
CONTEXT = {"kms-failover": "sentinel", "key-set": "orders"}
VALID_DAYS = timedelta(days=180)


@dataclass
class Bench:
    kms: Any
    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)
    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = ImportableKeys(self.kms, REGION, self.sleep, lambda: self.seconds)
        self.kms.meta.events.register("provide-client-params.kms.*", self.note)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def note(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self.requests.append((model.name, dict(params)))

    def key(self) -> str:
        arn: str = self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
        return arn

    def imported(self, material: bytes = BYTES) -> str:
        arn = self.key()
        self.keys.import_material(arn, lambda: PlainMaterial(material), self.now + VALID_DAYS, first=True)
        return arn

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.requests if name == operation]


@pytest.fixture(scope="module")
def benches() -> Iterator[list[Bench]]:
    """One strict KMS for all: its RSA keys take seconds to make. Its clock is the newest bench's."""
    benches: list[Bench] = []
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with mock_strict_kms(clock=lambda: benches[-1].now, key_pairs=ReusedPairs(2)):
            yield benches


@pytest.fixture
def bench(benches: list[Bench]) -> Bench:
    benches.append(Bench(boto3.client("kms", region_name=REGION)))
    return benches[-1]


def test_an_import_makes_the_key_usable_until_the_given_day(bench: Bench) -> None:
    arn = bench.key()

    material_id = bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=True)

    view = bench.keys.describe(arn)
    assert (view.state, view.valid_to, view.material_id) == ("Enabled", bench.now + VALID_DAYS, material_id)
    assert material_id


def test_a_key_without_material_shows_none(bench: Bench) -> None:
    view = bench.keys.describe(bench.key())

    assert (view.state, view.valid_to, view.material_id) == ("PendingImport", None, "")


def test_the_wrapping_and_the_import_type_are_named_explicitly(bench: Bench) -> None:
    """Facts 1.2: the API's text and the guide disagree about the default import type."""
    arn = bench.imported()

    bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=False)

    assert [call["ImportType"] for call in bench.calls("ImportKeyMaterial")] == [
        "NEW_KEY_MATERIAL",
        "EXISTING_KEY_MATERIAL",
    ]
    assert {call["ExpirationModel"] for call in bench.calls("ImportKeyMaterial")} == {"KEY_MATERIAL_EXPIRES"}
    assert bench.calls("GetParametersForImport")[0] == {
        "KeyId": arn,
        "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
        "WrappingKeySpec": "RSA_4096",
    }


def test_a_renewal_while_enabled_moves_the_expiry_only(bench: Bench) -> None:
    arn = bench.imported()
    sentinel = bench.keys.make_sentinel(arn, CONTEXT)
    bench.now += timedelta(days=150)

    bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=False)

    assert bench.keys.describe(arn).valid_to == bench.now + VALID_DAYS
    assert bench.keys.opens_sentinel(arn, sentinel, CONTEXT)


def test_expired_material_comes_back_and_opens_the_sentinel(bench: Bench) -> None:
    arn = bench.imported()
    sentinel = bench.keys.make_sentinel(arn, CONTEXT)
    bench.now += VALID_DAYS
    with pytest.raises(KeyNotReadyError):
        bench.keys.opens_sentinel(arn, sentinel, CONTEXT)

    bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=False)

    assert bench.keys.opens_sentinel(arn, sentinel, CONTEXT)


def test_other_bytes_are_refused_and_not_tried_again(bench: Bench) -> None:
    arn = bench.imported()

    with pytest.raises(ImportRefusedError) as raised:
        bench.keys.import_material(arn, lambda: PlainMaterial(BYTES[::-1]), bench.now + VALID_DAYS, first=False)

    assert len(bench.calls("ImportKeyMaterial")) == 2
    assert BYTES[::-1].decode() not in str(raised.value) + repr(raised.value.__cause__)


def test_an_expired_token_is_replaced_once(bench: Bench) -> None:
    arn = bench.key()
    real = bench.kms.get_parameters_for_import

    def slow_once(**params: Any) -> Any:
        answer = real(**params)
        if len(bench.calls("GetParametersForImport")) == 1:
            bench.now += timedelta(hours=25)
        return answer

    bench.kms.get_parameters_for_import = slow_once

    bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=True)

    assert len(bench.calls("GetParametersForImport")) == 2
    assert bench.keys.describe(arn).state == "Enabled"


def test_a_second_expired_token_is_an_error(bench: Bench) -> None:
    arn = bench.key()
    real = bench.kms.get_parameters_for_import

    def slow(**params: Any) -> Any:
        answer = real(**params)
        bench.now += timedelta(hours=25)
        return answer

    bench.kms.get_parameters_for_import = slow

    with pytest.raises(bench.kms.exceptions.ExpiredImportTokenException):
        bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=True)

    assert len(bench.calls("GetParametersForImport")) == 2


def test_two_imports_keep_below_the_quota(bench: Bench) -> None:
    """Facts 1.1: GetParametersForImport is answered once a second."""
    bench.imported()
    bench.seconds += 0.4

    bench.imported()

    assert bench.slept == [pytest.approx(PARAMETERS_PAUSE_SECONDS - 0.4)]


def test_no_pause_is_made_where_enough_time_has_passed(bench: Bench) -> None:
    bench.imported()
    bench.seconds += PARAMETERS_PAUSE_SECONDS

    bench.imported()

    assert bench.slept == []


def test_a_sentinel_of_another_key_or_context_does_not_open(bench: Bench) -> None:
    arn, other = bench.imported(), bench.imported(BYTES[::-1])
    sentinel = bench.keys.make_sentinel(arn, CONTEXT)

    assert not bench.keys.opens_sentinel(other, sentinel, CONTEXT)
    assert not bench.keys.opens_sentinel(arn, sentinel, CONTEXT | {"key-set": "invoices"})


def test_a_silent_region_is_called_one(bench: Bench) -> None:
    def silent(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://kms")

    bench.kms.describe_key = silent

    with pytest.raises(RegionUnavailableError) as raised:
        bench.keys.describe("any")

    assert (raised.value.region, raised.value.code) == (REGION, "ReadTimeoutError")


def test_a_missing_key_is_kms_own_error(bench: Bench) -> None:
    with pytest.raises(bench.kms.exceptions.NotFoundException):
        bench.keys.describe(f"arn:aws:kms:{REGION}:123456789012:key/none")


def test_all_materials_are_listed_the_first_one_too(bench: Bench) -> None:
    """Facts 1.5: the default leaves out the material that was never rotated to."""
    arn = bench.imported()
    first = bench.keys.describe(arn).material_id
    second = import_material(bench.kms, arn, BYTES[::-1], ImportType="NEW_KEY_MATERIAL")
    bench.kms.rotate_key_on_demand(KeyId=arn)

    view = bench.keys.view(arn)

    assert [(one.id, one.state, one.imported) for one in view.permanent] == [
        (first, "NON_CURRENT", True),
        (second, "CURRENT", True),
    ]
    assert view.permanent[0].valid_to == view.valid_to == bench.now + VALID_DAYS


def test_the_pages_of_materials_are_read_and_have_an_end(bench: Bench) -> None:
    arn = bench.imported()
    real, pages = bench.kms.list_key_rotations, []

    def endless(**params: Any) -> Any:
        pages.append(params.get("Marker"))
        return real(**{name: value for name, value in params.items() if name != "Marker"}) | {
            "Truncated": True,
            "NextMarker": str(len(pages)),
        }

    bench.kms.list_key_rotations = endless

    bench.keys.view(arn)

    assert pages == [None, "1", "2"]


def test_a_kind_of_key_that_has_one_material_only_lists_none(bench: Bench) -> None:
    arn = bench.kms.create_key(Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
        "Arn"
    ]

    assert bench.keys.view(arn).materials is None


def test_a_replica_says_that_it_is_one(bench: Bench) -> None:
    primary: Any = boto3.client("kms", region_name="eu-central-1")
    made = primary.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]
    replica = primary.replicate_key(KeyId=made["KeyId"], ReplicaRegion=REGION)["ReplicaKeyMetadata"]["Arn"]

    assert bench.keys.describe(replica).is_replica
    assert not bench.keys.describe(bench.key()).is_replica


def test_custody_is_opened_when_all_else_is_at_hand(bench: Bench) -> None:
    """Findings F12: nobody holds the bytes while KMS is asked for its parameters."""
    arn = bench.key()
    asked_before = []

    def fetch() -> PlainMaterial:
        asked_before.append([name for name, _ in bench.requests])
        return PlainMaterial(BYTES)

    bench.keys.import_material(arn, fetch, bench.now + VALID_DAYS, first=True)

    assert [calls[-1] for calls in asked_before] == ["GetParametersForImport"]


def test_a_throttled_import_says_so_and_is_no_region_fault(bench: Bench) -> None:
    arn = bench.key()

    def throttled(**_: object) -> None:
        error: Any = {"Error": {"Code": "ThrottlingException"}}
        raise ClientError(error, "GetParametersForImport")

    bench.kms.get_parameters_for_import = throttled

    with pytest.raises(ThrottledError):
        bench.keys.import_material(arn, lambda: PlainMaterial(BYTES), bench.now + VALID_DAYS, first=True)
