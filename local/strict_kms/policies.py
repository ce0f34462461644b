"""Whether a key policy has the shape of one."""

import json

from .errors import MalformedPolicyDocumentException

STATEMENT_MEMBERS = frozenset({"Effect", "Action", "Resource", "Principal"})


def require_policy(policy: str) -> None:
    """Raises MalformedPolicyDocumentException. What the statements allow is not looked at (IAM's part)."""
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MalformedPolicyDocumentException("The policy is no JSON object with statements.") from error
    listed = [statements] if isinstance(statements, dict) else statements
    if not isinstance(listed, list) or not all(_is_statement(one) for one in listed):
        raise MalformedPolicyDocumentException("Each statement needs an effect, actions, resources and a principal.")


def _is_statement(statement: object) -> bool:
    return isinstance(statement, dict) and set(statement) >= STATEMENT_MEMBERS
