"""All gaps, closed around ministack's ASGI application."""

from typing import Any

from . import (
    account_concurrency,
    asynchronous_events,
    bare_runtime,
    batch_actions,
    expression_alarms,
    generated_names,
    global_tables,
    kms_calls,
    map_runs,
    object_defaults,
    object_encryption,
    object_events,
    object_replicas,
    partition_throughput,
    payload_limits,
    pseudo_parameters,
    reserved_concurrency,
    shared_layers,
    ssm_documents,
    target_permissions,
    worker_freezing,
)
from .routes import add_routes

GAPS = (
    bare_runtime,
    batch_actions,
    expression_alarms,
    pseudo_parameters,
    reserved_concurrency,
    shared_layers,
    generated_names,
    global_tables,
    map_runs,
    object_encryption,
    object_defaults,
    object_replicas,
    object_events,
    ssm_documents,
    target_permissions,
    payload_limits,
    account_concurrency,
    asynchronous_events,
    partition_throughput,
    worker_freezing,
)


def close_gaps(ministack: Any, *, kms_url: str) -> Any:
    """The ASGI application to serve instead of `ministack`. Call it once, before the first request."""
    for gap in GAPS:
        gap.install()
    kms_calls.install(kms_url)
    return add_routes(ministack)
