"""All gaps, closed around ministack's ASGI application."""

from typing import Any

from . import (
    alarm_actions,
    alarm_clock,
    bare_runtime,
    batch_actions,
    execution_metrics,
    expression_alarms,
    generated_names,
    global_tables,
    kms_calls,
    log_metrics,
    map_runs,
    object_defaults,
    object_encryption,
    object_events,
    object_replicas,
    pseudo_parameters,
    queue_metrics,
    reserved_concurrency,
    shared_layers,
    ssm_documents,
    topic_messages,
)
from .routes import add_routes

GAPS = (
    alarm_actions,
    alarm_clock,
    bare_runtime,
    batch_actions,
    execution_metrics,
    expression_alarms,
    log_metrics,
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
    queue_metrics,
    ssm_documents,
    topic_messages,
)


def close_gaps(ministack: Any, *, kms_url: str) -> Any:
    """The ASGI application to serve instead of `ministack`. Call it once, before the first request."""
    for gap in GAPS:
        gap.install()
    kms_calls.install(kms_url)
    return add_routes(ministack)
