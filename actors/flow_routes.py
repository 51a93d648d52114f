"""Which shard a resource's flows go to, and under which number: worked out once for each resource."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from actors.keys import entity_key, group_of, shard_of
from actors.messages import Batch, Rows
from ingest.inventory import Inventory
from ingest.records import TRAFFIC

ENOUGH_ROWS = 20_000  # gathered for a shard before they are sent: 2 MB, which Ray moves at its full speed


class FlowRoutes:
    """Gathers TRAFFIC rows by shard; `entity` of what it is given is the inventory's number."""

    def __init__(self, inventory: Inventory, shards: int) -> None:
        self._inventory = inventory
        self._shard = np.full(0, -1, np.int16)
        self._number = np.zeros(0, np.int32)  # of the resource, for its shard
        self._named = [0] * shards
        self._batches = [Batch() for _ in range(shards)]
        self._parts: list[list[Rows]] = [[] for _ in range(shards)]

    def add(self, rows: Rows, source: str) -> None:
        """Take rows of one source."""
        entity = rows["entity"].astype(np.int64)
        self._meet(entity)
        rows["entity"] = self._number[entity]
        owner = self._shard[entity]
        for shard, batch in enumerate(self._batches):
            part = rows.take(np.flatnonzero(owner == shard)) if len(self._batches) > 1 else rows
            if len(part):
                if batch.sources[-1:] != [source]:
                    batch.sources.append(source)
                part["source"] = len(batch.sources) - 1
                self._parts[shard].append(part)

    def _meet(self, entity: npt.NDArray[np.int64]) -> None:
        most = int(entity.max()) + 1
        if most > len(self._shard):
            more = max(most, 2 * len(self._shard)) - len(self._shard)
            self._shard = np.append(self._shard, np.full(more, -1, np.int16))
            self._number = np.append(self._number, np.zeros(more, np.int32))
        new = entity[self._shard[entity] < 0]
        for one in np.unique(new).tolist() if len(new) else ():
            id_ = self._inventory.ids[one]
            shard = shard_of(group_of(entity_key("resource", id_)), len(self._batches))
            self._shard[one], self._number[one] = shard, self._named[shard]
            self._named[shard] += 1
            self._batches[shard].ids.append(id_)
            self._batches[shard].since.append(self._inventory.known_since_us(id_) or 0)

    def take(self, least: int = 1) -> list[tuple[int, Batch]]:
        """The shards with so many rows or more, and their batches, which are theirs now."""
        ready = []
        for shard, parts in enumerate(self._parts):
            if sum(map(len, parts)) >= least:
                batch, self._batches[shard], self._parts[shard] = self._batches[shard], Batch(), []
                batch.rows = _joined(parts)
                ready.append((shard, batch))
        return ready


def _joined(parts: list[Rows]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, dtype=TRAFFIC)
