"""Which region a KMS endpoint belongs to, as far as its host name tells."""

import re
from urllib.parse import urlsplit

# kms.us-east-1.amazonaws.com, kms-fips.us-east-1.api.aws, vpce-0a1b-2c3d.kms.us-east-1.vpce.amazonaws.com (facts 3.5)
AWS_HOST = re.compile(r"(?:^|\.)kms(?:-fips)?\.(?P<region>[a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.[a-z0-9.]+\Z")


def region_of(url: str) -> str | None:
    """None for a host that is no AWS endpoint, as a KMS of one's own on loopback: that one may serve every region."""
    match = AWS_HOST.search((urlsplit(url).hostname or "").lower())
    return None if match is None else match["region"]


def mistaken(region: str, url: str) -> str | None:
    """What is wrong with `url` as this region's endpoint, and what to set; None where nothing is known to be."""
    named = region_of(url)
    if named in {None, region}:
        return None
    return (
        f"KMS in {region} would be asked at {url}, which is {named}'s: one endpoint of AWS serves one region. "
        f"Give each region its own with Settings(endpoints={{{region!r}: 'https://...', {named!r}: {url!r}}}), "
        "or take AWS_ENDPOINT_URL_KMS (AWS_ENDPOINT_URL, endpoint_url in the AWS configuration) away"
    )
