"""The drill's steps, one module each; `STEPS` is their order."""

from collections.abc import Callable

from proofs.drill.context import Drill
from proofs.drill.steps import (
    automation,
    bad_input,
    expiry,
    key_material,
    outage,
    overwriting,
    recovery,
    silence,
    traffic,
    writing,
)

type Step = tuple[str, Callable[[Drill], None]]

STEPS: tuple[Step, ...] = (
    ("1 The same material in two regions is two keys", key_material.run),
    ("2 Files are written, replicated and covered", writing.run),
    ("Bad input is named, and the rest goes on", bad_input.run),
    ("A client writes in between, and S3 refuses the copy", overwriting.run),
    ("3 Steady traffic from both regions", traffic.run),
    ("4 KMS in us-east-1 goes silent", silence.run),
    ("5 Files are read and written during the outage", outage.run),
    ("6 KMS is back: failback, and the debt is repaid", recovery.run),
    ("7 Key material expires and is restored", expiry.run),
    ("8 An order by Systems Manager, given by IAM users", automation.run),
    ("Over the whole drill", traffic.run_summary),
)
NEEDED_BY_ALL = 2  # without keys and files there is nothing to show
