"""A function's ReservedConcurrentExecutions bind, as on AWS.

ministack 1.5.33 forgets them when CloudFormation makes the function. At its bound an
invocation is throttled: a caller that waits gets 429, an event is tried again.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

TYPE = "AWS::Lambda::Function"


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS[TYPE]
    provisioners._RESOURCE_HANDLERS[TYPE] = handlers | {
        "create": _binding(handlers["create"], properties_at=1),
        "update": _binding(handlers["update"], properties_at=2),
    }


def _binding(provision: Callable[..., Any], *, properties_at: int) -> Callable[..., Any]:
    def provisioned(*arguments: Any, **named: Any) -> Any:
        made = provision(*arguments, **named)
        reserved = arguments[properties_at].get("ReservedConcurrentExecutions")
        lambda_svc._functions[made[0]]["concurrency"] = None if reserved is None else int(reserved)
        return made

    return provisioned
