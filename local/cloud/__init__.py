"""Two Regions on loopback, for drills: `with LocalCloud(folder=…) as cloud:` or `python -m local.cloud`."""

from .cloud import LocalCloud
from .faults import Faults
from .limits import Limits
from .ports import PortBusyError
from .processes import StartError

__all__ = ["Faults", "Limits", "LocalCloud", "PortBusyError", "StartError"]
