"""Which resources IAM is asked about for Automation and for documents.

To start, a caller needs the document and automation-execution/*; for all else automation-execution/* [AWS docs:
automation-setup-identity-based-policies]. Refusals that people show of 2023 and before name automation-definition/*
instead: whether AWS still takes that is UNCONFIRMED. ministack 1.5.33 asks for `*`, and reads a document's name as a
parameter's.
"""

import json
from typing import Any

from ministack.core import iam_actions

OF_DOCUMENTS = {"GetDocument": "Name", "DescribeDocument": "Name", "StartAutomationExecution": "DocumentName"}
OF_EXECUTIONS = frozenset(
    {
        "GetAutomationExecution",
        "DescribeAutomationExecutions",
        "DescribeAutomationStepExecutions",
        "StopAutomationExecution",
        "SendAutomationSignal",
    }
)


def automation_resource(operation: str, request: Any, region: str, account: str) -> str | None:
    """None for any other operation. A list of executions is asked for as all of them."""
    head = f"arn:aws:ssm:{region}:{account}"
    if operation in OF_DOCUMENTS:
        name = str(request.get(OF_DOCUMENTS[operation], ""))
        return name if name.startswith("arn:") else f"{head}:document/{name}"
    if operation in OF_EXECUTIONS:
        return f"{head}:automation-execution/{request.get('AutomationExecutionId', '*')}"
    return None


def install() -> None:
    """Replaces the function: there is no register, and its callers look it up at each call."""
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2] if service == "ssm" else ""
        if operation in OF_DOCUMENTS or operation in OF_EXECUTIONS:
            return automation_resource(operation, _request(body), region, account)
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = extract_resource_arn


def _request(body: bytes) -> Any:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}
