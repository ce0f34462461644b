"""Which region an endpoint belongs to."""

import pytest

from kms_failover.domain.data_keys.endpoints import mistaken, region_of
from tests.domain.strategies import EAST, WEST


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("kms.us-east-1.amazonaws.com", EAST),
        ("kms-fips.us-east-1.amazonaws.com", EAST),
        ("kms.us-east-1.api.aws", EAST),
        ("kms-fips.us-east-1.api.aws", EAST),
        ("KMS.US-EAST-1.AMAZONAWS.COM", EAST),
        ("vpce-0a1b2c3d4e5f67890-abcd1234.kms.us-east-1.vpce.amazonaws.com", EAST),
        ("vpce-0a1b2c3d4e5f67890-abcd1234-us-east-1a.kms.us-east-1.vpce.amazonaws.com", EAST),
        ("vpce-0a1b2c3d4e5f67890-abcd1234.kms-fips.us-east-1.vpce.amazonaws.com", EAST),
        ("kms.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("kms.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("kms.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        ("kms.ap-southeast-10.amazonaws.com", "ap-southeast-10"),
        ("127.0.0.1", None),
        ("[::1]", None),
        ("localhost", None),
        ("localstack", None),
        ("kms.internal.example.com", None),
        ("s3.us-east-1.amazonaws.com", None),
        ("kms.us-east-1", None),
        ("notkms.us-east-1.amazonaws.com", None),
    ],
)
def test_an_endpoints_region_is_read_from_its_host(host: str, region: str | None) -> None:
    assert region_of(f"https://{host}:443/") == region


def test_only_another_regions_endpoint_is_a_mistake() -> None:
    assert mistaken(EAST, "https://kms.us-east-1.amazonaws.com") is None
    assert mistaken(WEST, "http://127.0.0.1:4566") is None
    assert "Settings(endpoints={'us-west-2'" in (mistaken(WEST, "https://kms.us-east-1.amazonaws.com") or "")
