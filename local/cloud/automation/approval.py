"""aws:approve: who may decide, and what the decisions amount to [AWS docs: automation-action-approve]."""

from collections.abc import Iterable, Mapping
from typing import Any

from .surroundings import Signal

DECISIONS = {"Approve": "Approved", "Reject": "Rejected"}


def approval(inputs: Mapping[str, Any], signals: Iterable[Signal]) -> dict[str, Any]:
    """The two outputs. One approver counts once, by the first decision."""
    decisions: dict[str, Signal] = {}
    for signal in signals:
        if signal.kind in DECISIONS and is_approver(inputs["Approvers"], signal.sender):
            decisions.setdefault(signal.sender, signal)
    kinds = [signal.kind for signal in decisions.values()]
    needed = int(inputs.get("MinRequiredApprovals", 1))
    status = "Rejected" if "Reject" in kinds else "Approved" if len(kinds) >= needed else "Waiting"
    shown = [
        {"decision": DECISIONS[one.kind], "approver": one.sender, "comment": one.comment} for one in decisions.values()
    ]
    return {"ApprovalStatus": status, "ApproverDecisions": shown}


def is_approver(approvers: Iterable[str], sender: str) -> bool:
    """`sender` is the ARN of a user or of a role's session. Approvers are user names, or ARNs of these or of roles."""
    return any(one in {sender, _user_name(sender), _role(sender)} for one in approvers)


def _user_name(arn: str) -> str:
    return arn.rpartition("/")[2] if ":user/" in arn else arn


def _role(arn: str) -> str:
    """`arn:aws:sts::111122223333:assumed-role/name/session` is a session of `arn:aws:iam::111122223333:role/name`."""
    head, _, session = arn.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{session.partition('/')[0]}" if session else arn
