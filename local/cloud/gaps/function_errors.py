"""A function that raises answers with the type of what it raised, and where.

[AWS docs: python-exceptions] ministack 1.5.33 says `Runtime.HandlerError` for all, though its log has the traceback.
The command line and the runbook decide by the type: an error of Lambda's own leaves open what the function had done.
"""

from typing import Any

from ministack.services import lambda_svc

from .tracebacks import raised_type, stack_trace

ANY_ERROR = "Runtime.HandlerError"


def install() -> None:
    """The function is replaced: its caller looks it up at each call, and there is no register."""
    execute = lambda_svc._execute_function_warm

    def execute_function_warm(func: Any, event: Any, request_id: str) -> Any:
        result = execute(func, event, request_id)
        body, log = result.get("body"), result.get("log") or ""
        if not result.get("error") or not isinstance(body, dict) or body.get("errorType") != ANY_ERROR:
            return result
        kind = raised_type(log, body["errorMessage"])
        if kind is None:
            return result
        return result | {"body": body | {"errorType": kind, "requestId": request_id, "stackTrace": stack_trace(log)}}

    lambda_svc._execute_function_warm = execute_function_warm
