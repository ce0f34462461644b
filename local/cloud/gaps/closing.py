"""All gaps, closed around ministack's ASGI application."""

from typing import Any

from . import (
    account_concurrency,
    alarm_actions,
    alarm_clock,
    asynchronous_events,
    automation_calls,
    automation_permissions,
    bare_runtime,
    batch_actions,
    bucket_resources,
    execution_metrics,
    expression_alarms,
    function_errors,
    generated_names,
    global_tables,
    kms_calls,
    log_metrics,
    map_runs,
    object_calls,
    objects_within,
    partition_throughput,
    payload_limits,
    pseudo_parameters,
    queue_metrics,
    reserved_concurrency,
    role_trust,
    shared_layers,
    ssm_documents,
    target_permissions,
    topic_messages,
    worker_freezing,
)
from .bucket_resources import BucketResources
from .forwarded_calls import ForwardedCalls
from .kms_calls import StrictKms
from .object_calls import StrictS3Calls, with_strict_s3
from .objects_within import ObjectsWithin
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
    ssm_documents,
    target_permissions,
    payload_limits,
    account_concurrency,
    asynchronous_events,
    partition_throughput,
    worker_freezing,
    queue_metrics,
    topic_messages,
    automation_calls,
    automation_permissions,
    role_trust,
    function_errors,
)


def close_gaps(ministack: Any, *, kms_url: str, s3_url: str) -> Any:
    """The ASGI application to serve instead of `ministack`. Call it once, before the first request."""
    for gap in GAPS:
        gap.install()
    kms = StrictKms(kms_url)
    kms_calls.install(kms)
    calls, objects = StrictS3Calls(s3_url), ObjectsWithin(s3_url)
    object_calls.install(calls)
    objects_within.install(objects)
    bucket_resources.install(BucketResources(objects, calls.remember_policy))
    return add_routes(with_strict_s3(ministack), ForwardedCalls(kms))
