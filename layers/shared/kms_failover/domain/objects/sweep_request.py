"""Which key set's debts an event of the sweep is about."""

from kms_failover.domain.event_fields import json_object, shown_value
from kms_failover.errors import EventFormatError

RECOVERED = "KMS Region Recovered"


def key_set_in(event: object) -> str | None:
    """The key set that an event is about; None is all of them: a schedule's payload names none.

    A recovered region repays its whole key set's debts, for an object owed to one region may have waited for another.
    """
    fields = json_object(event)
    kind = fields.get("detail-type", "Scheduled Event")
    if kind == RECOVERED:
        detail = fields.get("detail")
        name = detail.get("keySet") if isinstance(detail, dict) else None
        if not isinstance(name, str):
            raise EventFormatError(f"{RECOVERED!r} without `detail.keySet`")
        return name
    if kind != "Scheduled Event":
        raise EventFormatError(f"an event {shown_value(kind)!r} of {shown_value(fields.get('source'))!r}")
    name = fields.get("key_set")
    if name is not None and not isinstance(name, str):
        raise EventFormatError("`key_set` is no text")
    return name
