"""Which shard a resource's flows go to, and under which number: worked out once for each resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.keys import entity_key, group_of, shard_of
from actors.messages import Batch, Rows
from ingest.inventory import Inventory
from ingest.records import TRAFFIC
from ingest.told_inventory import ToldInventory

Numbers = npt.NDArray[np.int32]

ENOUGH_ROWS = 20_000  # gathered for a shard before they are sent: 2 MB, which Ray moves at its full speed
MAX_STREAMS = 256  # lists of resources of which the numbers are remembered


class FlowRoutes:
    """Gathers TRAFFIC rows by shard; `entity` of what it is given is the inventory's number."""

    def __init__(self, inventory: Inventory | ToldInventory, shards: int) -> None:
        self._inventory = inventory
        self._numbers: dict[str, tuple[int, int]] = {}  # id -> shard, and the resource's number for it
        self._streams: dict[int, tuple[Numbers, Numbers]] = {}  # the same, by the numbers of a stream
        self._named = [0] * shards
        self._batches = [Batch() for _ in range(shards)]
        self._parts: list[list[Rows]] = [[] for _ in range(shards)]

    def add(self, rows: Rows, source: str, ids: Sequence[str], stream: int = 0) -> None:
        """Take rows of one source, whose `entity` is a place in the stream's `ids`, which only ever grow."""
        entity = rows["entity"].astype(np.int64)
        shard_of_entity, number = self._known(entity, ids, stream)
        rows["entity"] = number[entity]
        owner = shard_of_entity[entity]
        for shard, batch in enumerate(self._batches):
            part = rows.take(np.flatnonzero(owner == shard)) if len(self._batches) > 1 else rows
            if len(part):
                if batch.sources[-1:] != [source]:
                    batch.sources.append(source)
                part["source"] = len(batch.sources) - 1
                self._parts[shard].append(part)

    def _known(
        self, entity: npt.NDArray[np.int64], ids: Sequence[str], stream: int
    ) -> tuple[Numbers, Numbers]:
        nothing = np.empty(0, np.int32)
        shards, numbers = self._streams.get(stream, (nothing, nothing))
        most = int(entity.max()) + 1
        if most > len(shards):
            more = max(most, 2 * len(shards)) - len(shards)
            shards = np.append(shards, np.full(more, -1, np.int32))
            numbers = np.append(numbers, np.zeros(more, np.int32))
            self._streams.pop(stream, None)
            self._streams[stream] = shards, numbers
            if (
                len(self._streams) > MAX_STREAMS
            ):  # a file's is not needed when it is read; others are made anew
                del self._streams[next(iter(self._streams))]
        new = entity[shards[entity] < 0]
        for one in np.unique(new).tolist() if len(new) else ():
            shards[one], numbers[one] = self._number(ids[one])
        return shards, numbers

    def _number(self, id_: str) -> tuple[int, int]:
        key = entity_key("resource", id_)
        if key not in self._numbers:
            shard = shard_of(group_of(key), len(self._batches))
            self._numbers[key] = shard, self._named[shard]
            self._named[shard] += 1
            self._batches[shard].ids.append(id_)
            self._batches[shard].since.append(self._inventory.known_since_us(id_) or 0)
        return self._numbers[key]

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
