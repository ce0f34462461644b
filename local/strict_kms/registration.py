"""How moto itself makes strict backends, once it has this folder as `moto.kms.strict` (see local/moto_patch)."""

from moto.kms.models import kms_backends

from .event_log import MotoEventBridge
from .installation import Installation
from .models import StrictKmsBackend


def strict_backend(region_name: str, account_id: str) -> StrictKmsBackend:
    """For `mock_aws(config={"kms": {"strict": True}})`. All Regions share an installation until the mock is reset."""
    for _, _, backend in kms_backends.iter_backends():
        if isinstance(backend, StrictKmsBackend):
            return StrictKmsBackend(region_name, account_id, backend.installation)
    return StrictKmsBackend(region_name, account_id, Installation(sink=MotoEventBridge()))
