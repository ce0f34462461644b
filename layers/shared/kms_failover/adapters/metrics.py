"""The service's metrics, in Powertools' embedded format."""

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover.domain.naming import EVENT_SOURCE


def count(name: str, value: float, deployment: str, **dimensions: str) -> None:
    """One value under the dimension `Deployment` and `dimensions`. Alarms name the same ones."""
    _emit(name, MetricUnit.Count, value, {"Deployment": deployment} | dimensions)


def milliseconds(name: str, value: float, deployment: str, **dimensions: str) -> None:
    _emit(name, MetricUnit.Milliseconds, value, {"Deployment": deployment} | dimensions)


def _emit(name: str, unit: MetricUnit, value: float, dimensions: dict[str, str]) -> None:
    with single_metric(name=name, unit=unit, value=value, namespace=EVENT_SOURCE) as metric:
        for dimension, of in dimensions.items():
            metric.add_dimension(dimension, of)
