"""The metrics of Step Functions that alarms look at: how executions begin and end. ministack 1.5.33 has none.

[AWS docs: procedure-cw-metrics]. Executions of a map's children count in none of them here.
"""

from typing import Any

from ministack.services import cloudwatch, stepfunctions

NAMESPACE = "AWS/States"
METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}


def install() -> None:
    """`_emit_execution_status_event` is replaced: ministack calls it at each change of a status, and only there."""
    emit = stepfunctions._emit_execution_status_event

    def emit_with_metric(execution: Any) -> None:
        named = {"StateMachineArn": execution["stateMachineArn"]}
        cloudwatch.record_metric(NAMESPACE, METRICS[execution["status"]], 1, "Count", named)
        emit(execution)

    stepfunctions._emit_execution_status_event = emit_with_metric
