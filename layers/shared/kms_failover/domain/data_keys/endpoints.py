"""Which region a KMS endpoint belongs to, as far as its host name tells."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

# kms.us-east-1.amazonaws.com, kms-fips.us-east-1.api.aws, vpce-0a1b-2c3d.kms.us-east-1.vpce.amazonaws.com (facts 3.5)
AWS_HOST = re.compile(r"(?:^|\.)kms(?:-fips)?\.(?P<region>[a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.[a-z0-9.]+\Z")

WHERE_IT_IS_SET = "take AWS_ENDPOINT_URL_KMS (AWS_ENDPOINT_URL, endpoint_url in the AWS configuration) away"


def region_of(url: str) -> str | None:
    """None for a host that is no AWS endpoint, as a KMS of one's own on loopback: that one may serve every region."""
    match = AWS_HOST.search((urlsplit(url).hostname or "").lower())
    return None if match is None else match["region"]


def shared_by_all(url: str | None, own: Collection[str]) -> str | None:
    """What is wrong with `url` as the endpoint of every region that has none of its `own`; None where nothing is."""
    named = region_of(url or "")
    if named is None or set(own) - {named}:  # whoever names other regions' endpoints is looked at region by region
        return None
    return (
        f"KMS in every region would be asked at {url}, which is {named}'s: one endpoint of AWS serves one region. "
        f"Say Settings(endpoints={{{named!r}: {url!r}}}) and {WHERE_IT_IS_SET}"
    )


def mistaken(region: str, url: str) -> str | None:
    """What is wrong with `url` as this region's endpoint, and what to set; None where nothing is known to be."""
    named = region_of(url)
    if named in {None, region}:
        return None
    return (
        f"KMS in {region} would be asked at {url}, which is {named}'s: one endpoint of AWS serves one region. "
        f"Give each region its own with Settings(endpoints={{{region!r}: 'https://...', {named!r}: {url!r}}}), "
        f"or {WHERE_IT_IS_SET}"
    )
