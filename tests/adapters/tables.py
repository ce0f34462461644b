"""The state table in moto, as the template makes it."""

from typing import Any

import boto3


def create_state_table(region: str, name: str = "prod-state") -> Any:
    resource: Any = boto3.resource("dynamodb", region_name=region)
    return resource.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
