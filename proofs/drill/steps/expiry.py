"""Step 7: the material of one key expires; the service restores it from custody, and everything opens again."""

import time
from datetime import UTC, datetime, timedelta

from proofs.drill import importing
from proofs.drill.checks import at_most
from proofs.drill.context import Drill
from proofs.drill.covering import problems
from proofs.drill.places import CONTEXT, DEPLOYMENT, KEY_SET, OTHER
from proofs.drill.steps.key_material import ACCEPTED, answer_of
from proofs.drill.steps.outage import SHOWN
from proofs.drill.waiting import poll

AHEAD_SECONDS = 6.0  # until the expiry; an import takes a moment
RESTORED_SECONDS = 90.0
LOOK_SECONDS = 0.1  # the key may be back a second after it was lost: look often


def run(drill: Drill) -> None:
    kms = drill.aws.client("kms", OTHER)
    arn = drill.keys[OTHER]
    secret = drill.aws.client("secretsmanager", OTHER).get_secret_value(SecretId=f"{DEPLOYMENT}/{KEY_SET}")
    blob = kms.encrypt(KeyId=arn, Plaintext=b"drill", EncryptionContext=CONTEXT)["CiphertextBlob"]
    valid_to = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS)
    importing.reimport(kms, arn, secret["SecretBinary"], valid_to)

    def opened() -> str:
        return answer_of(lambda: kms.decrypt(KeyId=arn, CiphertextBlob=blob, EncryptionContext=CONTEXT))

    def state() -> str:
        return str(kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"])

    refused = poll(
        drill.progress,
        f"the material of the key in {OTHER} to expire",
        opened,
        lambda answer: answer != ACCEPTED,
        deadline_seconds=AHEAD_SECONDS + 10,
        pause_seconds=LOOK_SECONDS,
    )
    lost_state = state()
    drill.mark(f"{OTHER} material expires", "expiry", at=valid_to.timestamp(), detail="KMS, ValidTo")
    drill.checks.add(
        "without its material the key opens nothing", expected="KMSInvalidStateException", observed=refused
    )
    drill.checks.add("the key without material", expected="PendingImport", observed=lost_state)
    restored = poll(
        drill.progress,
        "the service to restore the material",
        state,
        lambda seen: seen == "Enabled",
        deadline_seconds=RESTORED_SECONDS,
        pause_seconds=LOOK_SECONDS,
    )
    at = time.time()
    drill.checks.add("the key after the service's import", expected="Enabled", observed=restored)
    if restored == "Enabled":
        drill.mark("restored", "restored", at=at, detail="KMS, Enabled again")
        drill.figures["reimport_seconds"] = round(at - valid_to.timestamp(), 2)
    drill.checks.add(
        "from the expiry to the restored material",
        expected=at_most(RESTORED_SECONDS, "s"),
        observed=drill.figures.get("reimport_seconds"),
    )
    wrong = problems(drill, OTHER)
    drill.checks.add(
        f"files that open in {OTHER} again, each SHA-256 as the file's",
        expected=len(drill.objects),
        observed=len(drill.objects) - len(wrong),
    )
    if wrong:
        drill.checks.add(f"what was wrong in {OTHER} after the import", expected=[], observed=wrong[:SHOWN])
