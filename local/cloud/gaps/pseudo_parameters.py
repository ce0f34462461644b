"""`AWS::Region` and its like inside `Conditions`.

ministack 1.5.33 compares the text "AWS::Region" itself there, so a condition on the region is never true.
"""

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import changesets, engine, handlers, stacks


def pseudo_parameters(region: str, account: str) -> dict[str, dict[str, str]]:
    """In ministack's form of parameters. Stack name and id are left out: AWS refuses them in conditions."""
    values = {
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    return {name: {"Value": value} for name, value in values.items()}


def install() -> None:
    """Each of ministack's modules has a name of its own for the one function."""
    evaluate = engine._evaluate_conditions

    def evaluate_conditions(template: Any, parameters: Any) -> Any:
        return evaluate(template, pseudo_parameters(get_region(), get_account_id()) | parameters)

    for module in (engine, changesets, handlers, stacks):
        module._evaluate_conditions = evaluate_conditions
