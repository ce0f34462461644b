"""Step 1: the service imports the same material into both keys; and still they are two keys."""

from collections.abc import Callable

from botocore.exceptions import ClientError

from proofs.drill import importing
from proofs.drill.checks import one_of
from proofs.drill.context import Drill
from proofs.drill.places import CONTEXT, DEPLOYMENT, KEY_SET, OTHER, PREFERRED, REGIONS

ACCEPTED = "accepted"
REFUSALS = ("IncorrectKeyException", "InvalidCiphertextException", "AccessDeniedException")  # facts 2.2


def run(drill: Drill) -> None:
    states = {region: _state(drill, region) for region in REGIONS}
    drill.checks.add(
        "EXTERNAL keys wait for their material",
        expected=dict.fromkeys(REGIONS, "PendingImport"),
        observed=states,
    )
    for region in REGIONS:
        with drill.progress.task(f"the service imports the material in {region}"):
            drill.aws.runbook("reimport", region)
    states = {region: _state(drill, region) for region in REGIONS}
    drill.checks.add(
        "the service imported the same material into both keys",
        expected=dict.fromkeys(REGIONS, "Enabled"),
        observed=states,
    )
    _show_that_a_token_is_for_one_key(drill)
    _show_that_a_ciphertext_is_for_one_key(drill)


def _show_that_a_token_is_for_one_key(drill: Drill) -> None:
    secret = drill.aws.client("secretsmanager", OTHER).get_secret_value(SecretId=f"{DEPLOYMENT}/{KEY_SET}")
    found = importing.parameters(drill.aws.client("kms", PREFERRED), drill.keys[PREFERRED])

    def use_it_in_the_other_region() -> None:
        drill.aws.client("kms", OTHER).import_key_material(
            KeyId=drill.keys[OTHER],
            ImportToken=found["ImportToken"],
            EncryptedKeyMaterial=importing.wrapped(secret["SecretBinary"], found),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
            ImportType="EXISTING_KEY_MATERIAL",
        )

    drill.checks.add(
        f"an import token of {PREFERRED} is refused in {OTHER}",
        expected="InvalidImportTokenException",
        observed=answer_of(use_it_in_the_other_region),
    )


def _show_that_a_ciphertext_is_for_one_key(drill: Drill) -> None:
    here, there = drill.aws.client("kms", PREFERRED), drill.aws.client("kms", OTHER)
    blob = here.encrypt(KeyId=drill.keys[PREFERRED], Plaintext=b"drill", EncryptionContext=CONTEXT)["CiphertextBlob"]

    def open_with(kms: object, key_arn: str) -> Callable[[], object]:
        return lambda: kms.decrypt(KeyId=key_arn, CiphertextBlob=blob, EncryptionContext=CONTEXT)  # type: ignore[attr-defined]  # boto3 makes its methods at run time

    drill.checks.add(
        f"a ciphertext of {PREFERRED} opens under its own key",
        expected=ACCEPTED,
        observed=answer_of(open_with(here, drill.keys[PREFERRED])),
    )
    drill.checks.add(
        f"a ciphertext of {PREFERRED} is refused under the {OTHER} key, though the material is the same",
        expected=one_of(*REFUSALS),
        observed=answer_of(open_with(there, drill.keys[OTHER])),
    )


def answer_of(call: Callable[[], object]) -> str:
    """The AWS code with which a call was refused."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ACCEPTED


def _state(drill: Drill, region: str) -> str:
    described = drill.aws.client("kms", region).describe_key(KeyId=drill.keys[region])
    return str(described["KeyMetadata"]["KeyState"])
