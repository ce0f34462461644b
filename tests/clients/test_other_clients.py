"""The DynamoDB Encryption Client and the S3 Encryption Client, each given a FailoverKms."""

from typing import Any

import boto3
import pytest
from dynamodb_encryption_sdk.encrypted.table import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # `make clients` has it
    EncryptedTable,
)
from dynamodb_encryption_sdk.identifiers import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    CryptoAction,
)
from dynamodb_encryption_sdk.material_providers.aws_kms import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    AwsKmsCryptographicMaterialsProvider,
)
from dynamodb_encryption_sdk.structures import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    AttributeActions,
)
from s3_encryption import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    S3EncryptionClient,
    S3EncryptionClientConfig,
)
from s3_encryption.materials.kms_keyring import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    KmsKeyring,
)

from tests.clients.world import EAST, MESSAGE, REGIONS, World

pytestmark = pytest.mark.enable_socket

BUCKET = "orders"


def encrypted_table(world: World, here: str) -> Any:
    provider = AwsKmsCryptographicMaterialsProvider(
        key_id=world.arn(EAST), regional_clients=dict.fromkeys(REGIONS, world.client(here))
    )
    actions = AttributeActions(default_action=CryptoAction.ENCRYPT_AND_SIGN)
    resource: Any = boto3.resource("dynamodb", region_name=EAST)
    return EncryptedTable(table=resource.Table("orders"), materials_provider=provider, attribute_actions=actions)


def create_table() -> None:
    resource: Any = boto3.resource("dynamodb", region_name=EAST)
    resource.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


@pytest.mark.parametrize("lost", REGIONS)
def test_an_item_is_written_and_read_before_during_and_after_an_outage(world: World, lost: str) -> None:
    create_table()
    items = [{"id": name, "message": MESSAGE.decode()} for name in ("before", "during")]
    encrypted_table(world, EAST).put_item(Item=items[0])
    world.lose(lost)
    encrypted_table(world, EAST).put_item(Item=items[1])

    def read(here: str) -> list[Any]:
        table = encrypted_table(world, here)
        return [table.get_item(Key={"id": item["id"]})["Item"] for item in items]

    during = [read(here) for here in REGIONS]
    world.restore()

    after = [read(here) for here in REGIONS]

    assert during == after == [items] * 2


def s3_client(world: World, here: str, key_id: str) -> Any:
    keyring = KmsKeyring(kms_client=world.client(here), kms_key_id=key_id)
    return S3EncryptionClient(boto3.client("s3", region_name=EAST), S3EncryptionClientConfig(keyring=keyring))


@pytest.mark.parametrize("named", ["orders", "arn"])
@pytest.mark.parametrize("lost", REGIONS)
def test_an_object_is_written_and_read_before_during_and_after_an_outage(world: World, lost: str, named: str) -> None:
    key_id = world.arn(EAST) if named == "arn" else named
    boto3.client("s3", region_name=EAST).create_bucket(Bucket=BUCKET)
    s3_client(world, EAST, key_id).put_object(Bucket=BUCKET, Key="before", Body=MESSAGE)
    world.lose(lost)
    s3_client(world, EAST, key_id).put_object(Bucket=BUCKET, Key="during", Body=MESSAGE)

    def read(here: str) -> list[bytes]:
        client = s3_client(world, here, key_id)
        return [client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in ("before", "during")]

    during = [read(here) for here in REGIONS]
    world.restore()

    after = [read(here) for here in REGIONS]

    assert during == after == [[MESSAGE] * 2] * 2
