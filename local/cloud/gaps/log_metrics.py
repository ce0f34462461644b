"""Metrics in log lines reach CloudWatch: ministack 1.5.33 keeps the lines, and makes no metric of them.

A line of a function counts when it is written, as on Lambda. An invocation of the probe lasts a minute.
"""

import logging
from contextlib import suppress
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from local.cloud.embedded_metrics import embedded_metrics

logger = logging.getLogger(__name__)


def install() -> None:
    """`_read_stderr`, where a worker's lines arrive, and `_put_log_events` are replaced: there is no register."""

    def read_stderr(worker: Any) -> None:
        account, region = lambda_svc._account_region_from_function_config(worker.config)
        with suppress(OSError, ValueError):  # the pipe of a worker that was ended
            for line in worker._proc.stderr:
                worker._stderr_queue.put(line.rstrip("\n"))
                with request_scope(account, region):
                    try_metrics(line)

    lambda_runtime.Worker._read_stderr = read_stderr
    put_log_events = cloudwatch_logs._put_log_events

    def put_log_events_with_metrics(request: Any) -> Any:
        answer = put_log_events(request)
        if answer[0] == 200:  # noqa: PLR2004
            for event in request["logEvents"]:
                put_metrics(event["message"])
        return answer

    cloudwatch_logs._put_log_events = put_log_events_with_metrics


def try_metrics(line: str) -> None:
    """A line that ends in an error is one line less; the worker's other lines are read on."""
    try:
        put_metrics(line)
    except Exception:  # the entry point of a line
        logger.exception("a line could not be read for metrics")


def put_metrics(line: str) -> None:
    """Those of one line, in the scope's account and Region."""
    for metric in embedded_metrics(line):
        dimensions = dict(metric.dimensions)
        for value in metric.values:
            cloudwatch._store_datum(
                metric.namespace, metric.name, dimensions, metric.at, metric.unit, value, None, None, None
            )
