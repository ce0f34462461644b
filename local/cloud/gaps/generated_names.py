"""Names that CloudFormation makes up differ between Regions, as they do at AWS.

ministack 1.5.33 makes them of stack and logical id alone. IAM has no regions: the second region's stack of the same
name silently replaced the first one's roles, policies and all.
"""

import hashlib
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import iam
from ministack.services.cloudformation import provisioners

SUFFIX_LENGTH = 13  # of the name's end, as ministack makes it and as AWS does


def regional_name(name: str, region: str) -> str:
    """The same name with another end; as long as before, and in the same case."""
    suffix = hashlib.sha256(f"{region}:{name}".encode()).hexdigest()[:SUFFIX_LENGTH]
    return name[:-SUFFIX_LENGTH] + (suffix.upper() if name != name.lower() else suffix)


def install() -> None:
    """`_physical_name` is replaced: all of ministack's types ask it for a name."""
    generate = provisioners._physical_name

    def physical_name(stack: str, logical_id: str, **how: Any) -> str:
        return regional_name(generate(stack, logical_id, **how), get_region())

    provisioners._physical_name = physical_name
    role = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]  # ministack's register of types
    create_role = role["create"]

    def create_role_once(logical_id: str, properties: Any, stack: str) -> Any:
        """A fixed RoleName that the other region's stack has taken fails here too."""
        name = properties.get("RoleName")
        if name and iam._roles.get_scoped(get_account_id(), None, name) is not None:
            raise ValueError(f"Role with name {name} already exists.")
        return create_role(logical_id, properties, stack)

    role["create"] = create_role_once
