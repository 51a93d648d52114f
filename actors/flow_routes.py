"""Which shard a resource's flows go to, and under which number: worked out once for each resource."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from actors.keys import group_column, shard_column
from actors.messages import Batch, Rows
from actors.resource_names import KIND
from baselines.owned_rows import rising
from ingest.inventory import Inventory
from ingest.networks import NumberedAddresses
from ingest.records import TRAFFIC
from ingest.resource_ids import OWN, Addresses, Ids, own_address, own_ids
from ingest.told_inventory import ToldInventory

Numbers = npt.NDArray[np.int32]

ENOUGH_ROWS = 16_384  # gathered for a shard before they are sent: 1.5 MB, which Ray moves at its full speed


class FlowRoutes:
    """Gathers TRAFFIC rows by shard; `entity` of what it is given is the inventory's number."""

    def __init__(self, inventory: Inventory | ToldInventory, shards: int) -> None:
        self._inventory = inventory
        # id in lower case -> the resource's number for its shard, times the number of shards, and the shard
        self._numbers: dict[str, int] = {}
        self._addresses = NumberedAddresses()  # the same of addresses that are resources of their own
        self._streams: dict[int, tuple[Numbers, Numbers]] = {}  # the same, by the numbers of who reads
        self._named = [0] * shards
        self._batches = [Batch() for _ in range(shards)]
        self._parts: list[list[Rows]] = [[] for _ in range(shards)]

    def add(self, rows: Rows, source: str, ids: Ids, stream: int = 0) -> None:
        """Take rows of one source, at least one; `entity` is a number of `ids`, whose meaning stays.

        They are not written to: those from another process stand in memory that is not ours.
        """
        entity = rows["entity"].astype(np.int64)
        shard_of_entity, number = self._known(entity, ids, stream)
        owner = shard_of_entity[entity]
        for shard, batch in enumerate(self._batches):
            index = np.flatnonzero(owner == shard)
            if not len(index):
                continue
            part = rows.take(index)
            part["entity"] = number[entity.take(index)]
            if batch.sources[-1:] != [source]:
                batch.sources.append(source)
            part["source"] = len(batch.sources) - 1
            self._parts[shard].append(part)

    def _known(self, entity: npt.NDArray[np.int64], ids: Ids, stream: int) -> tuple[Numbers, Numbers]:
        nothing = np.empty(0, np.int32)
        shards, numbers = self._streams.get(stream, (nothing, nothing))
        most = int(entity.max()) + 1
        if most > len(shards):
            more = max(most, 2 * len(shards)) - len(shards)
            shards = np.append(shards, np.full(more, -1, np.int32))
            numbers = np.append(numbers, np.zeros(more, np.int32))
            self._streams[stream] = shards, numbers
        new = rising(entity[shards[entity] < 0])
        if len(new):
            known = self._of(ids, new)
            shards[new], numbers[new] = known % len(self._batches), known // len(self._batches)
        return shards, numbers

    def _of(self, ids: Ids, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """What is known of those at these places; who is new is told to its shard."""
        own, names, addresses = ids.apart(places)
        found = np.empty(len(places), np.int64)
        found[~own] = self._of_names(names)
        found[own] = self._of_addresses(addresses)
        return found

    def _of_names(self, names: list[str]) -> npt.NDArray[np.int64]:
        keys = [name.lower() for name in names]
        new: dict[str, str] = {}  # of one that is there twice the first
        for key, name in zip(keys, names, strict=True):
            if key not in self._numbers:
                new.setdefault(key, name)
        if new:
            self._meet_named(new)
        return np.fromiter(map(self._numbers.__getitem__, keys), np.int64, len(keys))

    def _meet_named(self, new: dict[str, str]) -> None:
        """Names by their keys; one that is an address's id is the resource that the address is."""
        addresses = {key: address for key in new if (address := own_address(key)) is not None}
        others = [key for key in new if key not in addresses]
        numbers = self._meet(others, [new[key] for key in others])
        self._numbers.update(zip(others, numbers.tolist(), strict=True))
        if addresses:
            numbers = self._of_addresses(
                np.array([*addresses.values()], OWN), [new[key] for key in addresses]
            )
            self._numbers.update(zip(addresses, numbers.tolist(), strict=True))

    def _of_addresses(self, addresses: Addresses, ids: list[str] | None = None) -> npt.NDArray[np.int64]:
        """Of different ones that are resources of their own; `ids` where they were told by name."""
        known = self._addresses.numbers(addresses["high"], addresses["low"])
        new = np.flatnonzero(known < 0)
        if len(new):
            new = new[np.lexsort((addresses["low"][new], addresses["high"][new]))]
            some = addresses[new]
            keys = own_ids(some)
            known[new] = self._meet(keys, [ids[place] for place in new.tolist()] if ids else keys)
            self._addresses.add(some["high"], some["low"], known[new])
        return known

    def _meet(self, keys: list[str], ids: list[str]) -> npt.NDArray[np.int64]:
        """Number new resources, all of them different, each for its shard. Keys are ids in lower case."""
        shards = len(self._batches)
        owner = shard_column(group_column([f"{KIND}:{key}" for key in keys]), shards)
        numbers = np.empty(len(keys), np.int64)
        for shard, batch in enumerate(self._batches):
            places = np.flatnonzero(owner == shard)
            numbers[places] = np.arange(self._named[shard], self._named[shard] + len(places)) * shards + shard
            self._named[shard] += len(places)
            some = [ids[place] for place in places.tolist()]
            batch.ids += some
            batch.since += [self._inventory.known_since_us(id_) or 0 for id_ in some]
        return numbers

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
