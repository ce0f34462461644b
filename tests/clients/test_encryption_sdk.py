"""The AWS Encryption SDK 4: its keyrings, its key store, its older providers, each given a FailoverKms."""

from collections.abc import Callable
from typing import Any

import aws_encryption_sdk as sdk  # type: ignore[import-not-found,import-untyped,unused-ignore]  # `make clients` has it
import boto3
import pytest
from aws_cryptographic_material_providers.keystore.client import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    KeyStore,
)
from aws_cryptographic_material_providers.keystore.config import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    KeyStoreConfig,
)
from aws_cryptographic_material_providers.keystore.models import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    CreateKeyInput,
    CreateKeyStoreInput,
    KMSConfigurationKmsKeyArn,
    VersionKeyInput,
)
from aws_cryptographic_material_providers.mpl import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    AwsCryptographicMaterialProviders,
)
from aws_cryptographic_material_providers.mpl.config import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    MaterialProvidersConfig,
)
from aws_cryptographic_material_providers.mpl.models import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    CreateAwsKmsHierarchicalKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkKeyringInput,
)
from aws_encryption_sdk.key_providers.kms import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # the same
    KMSMasterKey,
)

from tests.clients.world import CONTEXT, EAST, MESSAGE, REGIONS, WEST, World

pytestmark = pytest.mark.enable_socket

TABLE = "branch-keys"

type MakeKeyring = Callable[[World, str, str], Any]


def providers() -> Any:
    return AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


def kms_keyring(world: World, here: str, named: str) -> Any:
    return providers().create_aws_kms_keyring(
        CreateAwsKmsKeyringInput(kms_key_id=world.arn(named), kms_client=world.client(here))
    )


def mrk_keyring(world: World, here: str, named: str) -> Any:
    return providers().create_aws_kms_mrk_keyring(
        CreateAwsKmsMrkKeyringInput(kms_key_id=world.arn(named, "related"), kms_client=world.client(here))
    )


def made(keyring: Any) -> bytes:
    message: bytes = sdk.EncryptionSDKClient().encrypt(source=MESSAGE, keyring=keyring, encryption_context=CONTEXT)[0]
    return message


def opened(message: bytes, keyring: Any) -> bytes:
    plaintext: bytes = sdk.EncryptionSDKClient().decrypt(source=message, keyring=keyring, encryption_context=CONTEXT)[0]
    return plaintext


@pytest.mark.parametrize("lost", REGIONS)
@pytest.mark.parametrize("named", REGIONS)
@pytest.mark.parametrize("keyring", [kms_keyring, mrk_keyring])
def test_a_keyring_makes_and_opens_before_during_and_after_an_outage_from_both_regions(
    world: World, keyring: MakeKeyring, named: str, lost: str
) -> None:
    def everywhere() -> list[Any]:
        return [keyring(world, here, named) for here in REGIONS]

    before = [made(ring) for ring in everywhere()]
    world.lose(lost)
    during = [made(ring) for ring in everywhere()]
    read_during = [opened(message, ring) for message in before + during for ring in everywhere()]
    world.restore()

    read_after = [opened(message, ring) for message in before + during for ring in everywhere()]

    assert read_during == read_after == [MESSAGE] * 8


def test_a_keyring_that_was_there_before_survives_a_silence(world: World) -> None:
    ring = kms_keyring(world, EAST, EAST)
    before = made(ring)
    world.lose(EAST, "silent")

    during = made(ring)

    assert [opened(message, ring) for message in (before, during)] == [MESSAGE] * 2


@pytest.mark.parametrize("named", REGIONS)
def test_a_related_key_opens_by_the_keyring_of_either_region(world: World, named: str) -> None:
    message = made(mrk_keyring(world, EAST, EAST))
    world.lose(EAST)

    assert opened(message, mrk_keyring(world, WEST, named)) == MESSAGE


class Store:
    """The hierarchical keyring's key store; its table is moto's."""

    def __init__(self) -> None:
        self._table: Any = boto3.client("dynamodb", region_name=EAST)

    def over(self, kms: Any, arn: str) -> Any:
        return KeyStore(
            config=KeyStoreConfig(
                ddb_client=self._table,
                ddb_table_name=TABLE,
                logical_key_store_name=TABLE,
                kms_client=kms,
                kms_configuration=KMSConfigurationKmsKeyArn(value=arn),
            )
        )

    def keyring(self, kms: Any, arn: str, branch_key: str) -> Any:
        return providers().create_aws_kms_hierarchical_keyring(
            CreateAwsKmsHierarchicalKeyringInput(
                key_store=self.over(kms, arn), branch_key_id=branch_key, ttl_seconds=600
            )
        )


@pytest.mark.parametrize("lost", REGIONS)
def test_a_branch_key_is_made_renewed_and_used_before_during_and_after_an_outage(world: World, lost: str) -> None:
    store, arn = Store(), world.arn(EAST)
    store.over(world.client(), arn).create_key_store(CreateKeyStoreInput())

    def branch_key() -> str:
        created: str = store.over(world.client(), arn).create_key(CreateKeyInput()).branch_key_identifier
        return created

    before = branch_key()
    old = made(store.keyring(world.client(), arn, before))
    world.lose(lost)
    during = branch_key()
    store.over(world.client(), arn).version_key(VersionKeyInput(branch_key_identifier=before))
    messages = [(before, old)] + [(key, made(store.keyring(world.client(), arn, key))) for key in (before, during)]
    read_during = [opened(m, store.keyring(world.client(WEST), arn, key)) for key, m in messages]
    world.restore()

    read_after = [opened(m, store.keyring(world.client(), arn, key)) for key, m in messages]

    assert read_during == read_after == [MESSAGE] * 3


# The older providers


class OverFailover(sdk.StrictAwsKmsMasterKeyProvider):  # type: ignore[misc,unused-ignore]  # untyped
    """As the SDK's example of a provider with a KMS client of its own."""

    kms: Any

    def add_regional_client(self, region_name: str) -> None:
        if region_name not in self._regional_clients:
            self._register_client(self.kms, region_name)
            self._regional_clients[region_name] = self.kms


def strict_provider(world: World) -> Any:
    provider_type = type("Provider", (OverFailover,), {"kms": world.client()})
    return provider_type(key_ids=[world.arn(EAST)])


def caching_manager(world: World) -> Any:
    return sdk.CachingCryptoMaterialsManager(
        master_key_provider=strict_provider(world), cache=sdk.LocalCryptoMaterialsCache(10), max_age=60.0
    )


OLDER: dict[str, Callable[[World], dict[str, Any]]] = {
    "master key": lambda world: {"key_provider": KMSMasterKey(client=world.client(), key_id=world.arn(EAST).encode())},
    "strict provider": lambda world: {"key_provider": strict_provider(world)},
    "caching manager": lambda world: {"materials_manager": caching_manager(world)},
}


@pytest.mark.parametrize("provider", OLDER.values(), ids=OLDER)
def test_an_older_provider_makes_and_opens_before_during_and_after_an_outage(
    world: World, provider: Callable[[World], dict[str, Any]]
) -> None:
    client = sdk.EncryptionSDKClient()
    before, _ = client.encrypt(source=MESSAGE, encryption_context=CONTEXT, **provider(world))
    world.lose(EAST)
    during, _ = client.encrypt(source=MESSAGE, encryption_context=CONTEXT, **provider(world))
    read_during = [client.decrypt(source=message, **provider(world))[0] for message in (before, during)]
    world.restore()

    read_after = [client.decrypt(source=message, **provider(world))[0] for message in (before, during)]

    assert read_during == read_after == [MESSAGE] * 2
