"""The peers' envelopes, one to a process: `tink`, `caching` or `multi-keyring`. Runs in the peers' environment."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.contestant import serve

MESSAGE = bytes(1024)
CONTEXT = {"order": "42"}


def tink_envelope() -> Callable[[], object]:
    """KmsEnvelopeAead with its key-encryption key in the process: what it costs without any network."""
    import tink  # type: ignore[import-not-found]  # the peers' environment
    from tink import aead

    aead.register()
    template = aead.aead_key_templates.AES256_GCM
    remote = tink.new_keyset_handle(template).primitive(aead.Aead)
    envelope = aead.KmsEnvelopeAead(template, remote)
    return lambda: envelope.encrypt(MESSAGE, b"")


def caching_sdk(key_arn: str) -> Callable[[], object]:
    import aws_encryption_sdk as sdk  # type: ignore[import-not-found]  # the peers' environment
    from aws_encryption_sdk.identifiers import Algorithm  # type: ignore[import-not-found]  # the same

    provider = sdk.StrictAwsKmsMasterKeyProvider(key_ids=[key_arn])
    cache = sdk.LocalCryptoMaterialsCache(10)
    manager = sdk.CachingCryptoMaterialsManager(master_key_provider=provider, cache=cache, max_age=3600.0)
    client = sdk.EncryptionSDKClient()
    unsigned = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    return lambda: client.encrypt(
        source=MESSAGE, materials_manager=manager, algorithm=unsigned, encryption_context=CONTEXT
    )


def multi_keyring(*key_arns: str) -> Callable[[], object]:
    """The first key generates, the others wrap: one after the other, all or nothing."""
    import aws_encryption_sdk as sdk
    import boto3
    from aws_cryptographic_material_providers.mpl import (  # type: ignore[import-not-found]  # the peers' environment
        AwsCryptographicMaterialProviders,
    )
    from aws_cryptographic_material_providers.mpl.config import (  # type: ignore[import-not-found]  # the same
        MaterialProvidersConfig,
    )
    from aws_cryptographic_material_providers.mpl.models import (  # type: ignore[import-not-found]  # the same
        CreateAwsKmsKeyringInput,
        CreateMultiKeyringInput,
    )
    from aws_encryption_sdk.identifiers import Algorithm

    providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

    def keyring(key_arn: str) -> Any:
        region = key_arn.split(":")[3]
        endpoint = os.environ.get(f"ENDPOINT_{region}")  # where this region has one of its own
        client = boto3.client("kms", region_name=region, endpoint_url=endpoint)
        return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key_arn, kms_client=client))

    first, *others = map(keyring, key_arns)
    both = providers.create_multi_keyring(CreateMultiKeyringInput(generator=first, child_keyrings=others))
    client = sdk.EncryptionSDKClient()
    unsigned = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    return lambda: client.encrypt(source=MESSAGE, keyring=both, algorithm=unsigned, encryption_context=CONTEXT)


def in_threads(call: Callable[[], object], count: int) -> Callable[[], object]:
    """One call of this is `count` calls at once."""
    threads = ThreadPoolExecutor(count)
    return lambda: list(threads.map(lambda _: call(), range(count)))


def main() -> None:
    name, *arguments = sys.argv[1:]
    calls: dict[str, Callable[..., Callable[[], object]]] = {
        "tink": tink_envelope,
        "caching": caching_sdk,
        "multi-keyring": multi_keyring,
    }
    call = calls[name](*arguments)
    count = int(os.environ.get("THREADS", "1"))
    serve(call if count == 1 else in_threads(call, count))


if __name__ == "__main__":
    main()
