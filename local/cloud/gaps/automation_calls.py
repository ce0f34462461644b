"""StartAutomationExecution and its like: documents of the stack are run, in the background, as their own identity.

ministack 1.5.33 answers none of these calls. Targets, rate control, tags and the interactive mode are refused by name.
"""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.core.router import extract_access_key_id

from local.cloud.automation import AutomationExecution, Latitude, ParameterError, Runbook, Signal, typed_parameters
from local.cloud.automation.answers import Order, execution_answer, metadata_answer, step_answer
from local.cloud.automation.approval import is_approver
from local.cloud.automation.aws import AwsServices, Credentials
from local.cloud.automation.live import LiveExecution, TooManyExecutionsError, make_room
from local.cloud.automation.values import resolved

from .automation_filters import BadFilterError, Page, page_of, wanted_executions, wanted_steps
from .automation_identity import AssumeRoleError, caller_credentials, forget, may_pass_role, role_credentials
from .ssm_documents import automation_document

OFFERED = frozenset({"DocumentName", "DocumentVersion", "Parameters", "ClientToken", "Mode"})
MAX_VALUE_CHARS = 512  # [botocore: ssm, AutomationParameterValue]

_executions = responses.AccountRegionScopedDict()
_latitude = Latitude()


class RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def set_latitude(changes: Mapping[str, bool]) -> dict[str, bool]:
    """For the executions that start later. TypeError for a name that is none of Latitude's, and for what is no bool."""
    global _latitude  # noqa: PLW0603 - one switch for the whole cloud
    known = asdict(_latitude)
    if not isinstance(changes, dict) or not changes.keys() <= known.keys():
        raise TypeError(f"the switches are {', '.join(sorted(known))}, as a JSON object")
    if not all(isinstance(value, bool) for value in changes.values()):
        raise TypeError(f"switches are true or false: {changes}")
    _latitude = replace(_latitude, **changes)
    return asdict(_latitude)


def start(request: Any, access_key: str) -> Any:
    if (known := _started_with_token(request)) is not None:
        return {"AutomationExecutionId": known.execution_id}
    order, runbook = _order(request, access_key)
    parameters = _parameters(runbook, request)
    try:
        make_room(_executions)
    except TooManyExecutionsError as error:
        raise RefusedError("AutomationExecutionLimitExceededException", str(error)) from error
    credentials = _identity(order, runbook, parameters, access_key)
    now = datetime.now(UTC)
    execution = AutomationExecution(runbook, now, parameters | _system_variables(order, now))
    services = AwsServices(credentials, responses.get_region(), dict(os.environ))
    _executions[order.execution_id] = LiveExecution(order, execution, services, _latitude, partial(forget, credentials))
    return {"AutomationExecutionId": order.execution_id}


def get(request: Any, _access_key: str) -> Any:
    live = _live(request)
    return {"AutomationExecution": execution_answer(live.order, live.execution)}


def describe_executions(request: Any, _access_key: str) -> Any:
    newest_first = [metadata_answer(live.order, live.execution) for live in reversed(list(_executions.values()))]
    page = page_of(wanted_executions(newest_first, request.get("Filters", ())), request)
    return _paged("AutomationExecutionMetadataList", page)


def describe_steps(request: Any, _access_key: str) -> Any:
    steps = [step_answer(one) for one in _live(request).execution.steps]
    if request.get("ReverseOrder"):
        steps.reverse()
    return _paged("StepExecutions", page_of(wanted_steps(steps, request.get("Filters", ())), request))


def stop(request: Any, _access_key: str) -> Any:
    """Only Cancel, AWS's default: what Complete leaves of a running step is not documented."""
    live = _live(request)
    if request.get("Type", "Cancel") != "Cancel":
        raise RefusedError("ValidationException", "Type Complete is not offered here.")
    if not live.execution.cancel():
        raise RefusedError("InvalidAutomationStatusUpdateException", "The execution has ended.")
    live.control.cancel()
    return {}


def send_signal(request: Any, access_key: str) -> Any:
    """Approve and Reject come from an approver of the step that waits, Resume from anyone who may call this."""
    live = _live(request)
    with live.execution.lock:
        current = live.execution.current
    kind, sender = request["SignalType"], _caller(access_key)
    action = {"Approve": "aws:approve", "Reject": "aws:approve", "Resume": "aws:pause"}.get(kind)
    if current is None or current.step.action != action:
        raise RefusedError("InvalidAutomationSignalException", f"No step waits for the signal {kind}.")
    if kind != "Resume" and not is_approver(current.inputs["Approvers"], sender):
        raise RefusedError("InvalidAutomationSignalException", f"{sender} is no approver of step {current.step.name}.")
    comment = "".join(request.get("Payload", {}).get("Comment", ()))
    live.control.send(Signal(kind, sender, comment))
    return {}


CALLS: dict[str, Callable[[Any, str], Any]] = {
    "StartAutomationExecution": start,
    "GetAutomationExecution": get,
    "DescribeAutomationExecutions": describe_executions,
    "DescribeAutomationStepExecutions": describe_steps,
    "StopAutomationExecution": stop,
    "SendAutomationSignal": send_signal,
}


def install() -> None:
    ssm = app.SERVICE_HANDLERS["ssm"]
    model = botocore.session.get_session().get_service_model("ssm")
    shapes = {name: model.operation_model(name).input_shape for name in CALLS}

    async def with_automation(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in CALLS:
            return await ssm(method, path, headers, body, query)
        try:
            request = _checked(body, shapes[operation])
            return responses.json_response(CALLS[operation](request, extract_access_key_id(headers, query) or "test"))
        except RefusedError as error:
            return responses.error_response_json(error.code, str(error), 400)
        except BadFilterError as error:
            return responses.error_response_json("InvalidFilterKey", str(error), 400)

    app.SERVICE_HANDLERS["ssm"] = with_automation


def _checked(body: bytes, shape: Any) -> Any:
    """What the model asks for; the texts of AWS are not documented."""
    request = json.loads(body or b"{}")
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise RefusedError("ValidationException", report.generate_report())
    longest = max((len(text) for texts in request.get("Parameters", {}).values() for text in texts), default=0)
    if longest > MAX_VALUE_CHARS:
        raise RefusedError("ValidationException", f"A parameter's value has at most {MAX_VALUE_CHARS} characters.")
    return request


def _order(request: Any, access_key: str) -> tuple[Order, Runbook]:
    """Refuses what the caller may not start before it says whether there is such a document."""
    if (others := request.keys() - OFFERED) or request.get("Mode", "Auto") != "Auto":
        raise RefusedError("ValidationException", f"Not offered here: {sorted(others) or ['Mode Interactive']}")
    execution_id = str(uuid.uuid4())
    region, account = responses.get_region(), responses.get_account_id()
    own = f"arn:aws:ssm:{region}:{account}:automation-execution/{execution_id}"
    denied = iam_evaluator.enforce(access_key, "ssm:StartAutomationExecution", "ssm", region, resource_arn=own)
    if denied:
        raise _denial("ssm:StartAutomationExecution", own, denied)
    name = request["DocumentName"].rpartition("/")[2]
    if (found := automation_document(name)) is None:
        raise RefusedError("AutomationDefinitionNotFoundException", f"Automation runbook {name} could not be found.")
    version, runbook = found
    if request.get("DocumentVersion", "$DEFAULT") not in {"$DEFAULT", "$LATEST", version}:
        raise RefusedError("AutomationDefinitionVersionNotFoundException", f"{name} is kept in version {version} only.")
    return Order(execution_id, name, version, _caller(access_key), request), runbook


def _started_with_token(request: Any) -> Order | None:
    """Whoever repeats a request with its token is told of the execution that it has started already."""
    token, orders = request.get("ClientToken"), [live.order for live in _executions.values()]
    known = next((order for order in orders if token and order.request.get("ClientToken") == token), None)
    if known is not None and known.request != request:
        raise RefusedError("IdempotentParameterMismatch", "The client token was used with other parameters.")
    return known


def _parameters(runbook: Runbook, request: Any) -> dict[str, Any]:
    try:
        return typed_parameters(runbook.parameters, request.get("Parameters", {}))
    except ParameterError as error:
        raise RefusedError("InvalidAutomationExecutionParametersException", str(error)) from error


def _identity(order: Order, runbook: Runbook, parameters: Mapping[str, Any], access_key: str) -> Credentials:
    role = resolved(runbook.assume_role, parameters, str)
    if not role:
        return caller_credentials(access_key)
    if denied := may_pass_role(access_key, role):
        raise _denial("iam:PassRole", role, denied)
    try:
        return role_credentials(role, order.execution_id)
    except AssumeRoleError as error:
        raise RefusedError("InvalidAutomationExecutionParametersException", str(error)) from error


def _denial(action: str, resource: str, denied: Any) -> RefusedError:
    explicit = getattr(denied, "decision", "") == "Deny"
    message = iam_actions.identity_denial_message(action, denied.principal_arn, resource, explicit)
    return RefusedError("AccessDeniedException", message)


def _system_variables(order: Order, now: datetime) -> dict[str, str]:
    return {
        "global:ACCOUNT_ID": responses.get_account_id(),
        "global:AWS_PARTITION": "aws",
        "global:DATE": now.strftime("%Y-%m-%d"),
        "global:DATE_TIME": now.strftime("%Y-%m-%d_%H.%M.%S"),
        "global:REGION": responses.get_region(),
        "automation:EXECUTION_ID": order.execution_id,
    }


def _caller(access_key: str) -> str:
    caller = iam_evaluator.resolve_credential(access_key)
    return str(caller.principal_arn)


def _live(request: Any) -> LiveExecution:
    execution_id = request["AutomationExecutionId"]
    if (live := _executions.get(execution_id)) is None:
        message = f"Automation execution {execution_id} could not be found."
        raise RefusedError("AutomationExecutionNotFoundException", message)
    found: LiveExecution = live
    return found


def _paged(name: str, page: Page) -> dict[str, Any]:
    return {name: page.found, "NextToken": page.token} if page.token else {name: page.found}
