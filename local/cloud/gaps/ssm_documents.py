"""AWS::SSM::Document, of which ministack 1.5.33 refuses the template: kept, given back, and run by `automation_calls`.

`Ref` gives the name. GetDocument and DescribeDocument answer, so that a drill can read what was deployed.
"""

import json
from typing import Any

import yaml
from ministack import app
from ministack.core import responses
from ministack.services.cloudformation import provisioners

from local.cloud.automation import Runbook, parse_runbook

TYPE = "AWS::SSM::Document"

_documents = responses.AccountRegionScopedDict()


def create(logical_id: str, properties: Any, stack: str) -> Any:
    name = properties.get("Name") or f"{stack}-{logical_id}"
    if name in _documents:
        raise ValueError(f"{TYPE}: {name} already exists")
    _keep(name, properties, version=1)
    return name, {}


def update(name: str, _old: Any, new: Any, _stack: str) -> Any:
    if new.get("Name", name) != name:
        raise ValueError(f"{TYPE}: {name} cannot be renamed here")
    _keep(name, new, version=_documents[name]["version"] + 1)
    return name, {}


def delete(name: str, _properties: Any) -> None:
    _documents.pop(name, None)


def automation_document(name: str) -> tuple[str, Runbook] | None:
    """Version and content of an Automation document of this account and region."""
    document = _documents.get(name)
    if document is None or document["kind"] != "Automation":
        return None
    return str(document["version"]), parse_runbook(json.loads(document["content"]))


def _keep(name: str, properties: Any, *, version: int) -> None:
    """Refuses what AWS would refuse at once, and an Automation document that could not be run here."""
    content = properties.get("Content")
    parsed = yaml.safe_load(content) if isinstance(content, str) else content
    if not isinstance(parsed, dict) or not isinstance(parsed.get("schemaVersion"), str):
        raise ValueError(  # noqa: TRY004 - what ministack's provisioning takes for a failed resource
            f"{TYPE}: Content of {name} is not a document with a schemaVersion"
        )
    kind = properties.get("DocumentType", "Command")
    if kind == "Automation":
        parse_runbook(parsed)  # a DocumentError is a ValueError
    _documents[name] = {"content": json.dumps(parsed), "kind": kind, "version": version}


def install() -> None:
    provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}
    ssm = app.SERVICE_HANDLERS["ssm"]

    async def with_documents(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation in {"GetDocument", "DescribeDocument"}:
            return _read(operation, json.loads(body or b"{}"))
        return await ssm(method, path, headers, body, query)

    app.SERVICE_HANDLERS["ssm"] = with_documents


def _read(operation: str, request: Any) -> Any:
    name = request.get("Name", "")
    if (document := _documents.get(name)) is None:
        return responses.error_response_json("InvalidDocument", f"Document {name} does not exist.", 400)
    known = {
        "Name": name,
        "DocumentVersion": str(document["version"]),
        "Status": "Active",
        "DocumentType": document["kind"],
        "DocumentFormat": "JSON",
    }
    if operation == "GetDocument":
        return responses.json_response(known | {"Content": document["content"]})
    return responses.json_response({"Document": known})
