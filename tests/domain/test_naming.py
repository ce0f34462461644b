"""A deployment's names, from one of its functions' ARNs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.naming import FUNCTIONS, Deployment, Place
from kms_failover.errors import ConfigurationError
from tests.domain.strategies import ACCOUNT, regions

deployments = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,30}", fullmatch=True)


@given(deployments, st.sampled_from(FUNCTIONS), regions, st.sampled_from(["", ":live", ":7"]))
def test_every_function_finds_its_own_place(name: str, role: str, region: str, qualifier: str) -> None:
    arn = f"arn:aws:lambda:{region}:{ACCOUNT}:function:{Deployment(name).function(role)}{qualifier}"

    place = Place.of_function(arn)

    assert place == Place(Deployment(name), "aws", region, ACCOUNT)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "prod-probe",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:prod-prober",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:probe",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function",
    ],
)
def test_another_function_is_refused_by_its_name(arn: str) -> None:
    with pytest.raises(ConfigurationError, match="keep the template's names"):
        Place.of_function(arn)


def test_all_names_derive_from_the_deployments() -> None:
    place = Place.of_function(f"arn:aws-us-gov:lambda:us-gov-west-1:{ACCOUNT}:function:prod-data-keys")

    assert place.deployment.state_table == "prod-state"
    assert place.deployment.rewrap_queue == "prod-rewrap"
    assert place.changes_topic == f"arn:aws-us-gov:sns:us-gov-west-1:{ACCOUNT}:prod-changes"
    assert place.backfill == f"arn:aws-us-gov:states:us-gov-west-1:{ACCOUNT}:stateMachine:prod-backfill"
