"""The state table: one item per fact, conditional writes on the epoch within a region (facts 7).

Reads and writes only this region's copy; DynamoDB carries the items to the others.
"""

from contextlib import AbstractContextManager

from kms_failover.adapters.state_table.control import ControlItems
from kms_failover.adapters.state_table.key_sets import KeySetItems
from kms_failover.adapters.state_table.ledger import LedgerItems
from kms_failover.adapters.state_table.observations import ObservationItems
from kms_failover.errors import UnreadableItemError


class StateTable(KeySetItems, ObservationItems, ControlItems, LedgerItems):
    """Read item by item: what cannot be read is left out and told, and the last readable one stays (decision 0030).

    `pk` is `key-sets`, `observations#<observer>` (the probe's), `reports#<observer>` (the data plane's),
    `signals#<observer>` (AWS's and drills'), `control#<observer>`, `history#<observer>#<key set>`,
    `news#<observer>#<key set>`, `intents`, `former#<key set>`, `key-set#<key set>` (material, and its losses),
    `debt#<key set>`, `refusal#<key set>`, `backfill#<key set>`, `ignored#<observer>`, `lease#<region>`
    (adapters/lease.py) or, Powertools' own, `idempotency#<observer>`.
    """

    def _regions(self) -> frozenset[str]:
        """Those of the key sets that were read last."""
        return frozenset(region for key_set in self._last.values() for region in key_set.regions)

    def noticing(self) -> AbstractContextManager[list[UnreadableItemError]]:
        """What of the items read meanwhile cannot be read."""
        return self._items.noticing()
