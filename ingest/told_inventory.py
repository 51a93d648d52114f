"""The inventory while it is being told: what telemetry says of an address counts from its first word on.

Before that, and of other addresses, what the configuration says; its networks count wherever nobody is told to hold.

Of a time that has passed the answers never change (`ingest.told_holders`), so what is newer may be taken in at any moment.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from ingest.holdings import Span
from ingest.inventory import Inventory
from ingest.inventory_file import Claims
from ingest.networks import Indexes, NumberedAddresses, Words, parse_network, words
from ingest.records import HOUR_US
from ingest.resource_ids import ResourceIds
from ingest.told_holders import Spans

_NOT_YET = -2


class ToldInventory:
    """An `Inventory` for who looks addresses up, over the one that the configuration gives."""

    def __init__(self, given: Inventory) -> None:
        self.ids = ResourceIds([])
        self._given, self._told = given, Inventory()
        self._named = len(given.ids)  # resources of its file; addresses of its networks come behind
        self._since_us: dict[str, int] = {}
        self._first_us: dict[str, int] = {}
        self._first = NumberedAddresses()  # the same, with the times
        self._version = -1
        self._numbers: dict[str, int] = {}  # id in lower case -> its place in `ids`
        self._of_given, self._of_told = array("i"), array("i")  # places in their ids -> in ours

    def __reduce__(self) -> tuple[type, tuple[Inventory]]:
        """For another process: it is told there."""
        return ToldInventory, (self._given,)

    @property
    def addresses(self) -> int:
        """How many telemetry tells of: held now, or within the last two days."""
        return self._told.addresses

    def know(self, spans: Spans) -> None:
        """What telemetry tells by now."""
        if spans.version == self._version:
            return
        self._told, self._since_us, self._version = (
            Inventory(_claims(spans.spans)),
            spans.since_us,
            spans.version,
        )
        self._of_told = array("i")
        self._first_us, self._first = spans.first_us, NumberedAddresses()
        if spans.first_us:
            columns = words(parse_network(address).first for address in spans.first_us)
            times = np.array(list(spans.first_us.values()), np.int64)
            order = np.lexsort(columns[::-1])
            self._first.add(columns[0][order], columns[1][order], times[order])

    def holders(self, high: Words, low: Words, at_us: Indexes | int) -> NDArray[np.int32]:
        """Who held each address when the hour of the time began, as that is settled when records of the hour are judged;
        where the configuration says it, at the time itself."""
        exact = np.broadcast_to(np.asarray(at_us, np.int64), high.shape)
        at = exact // HOUR_US * HOUR_US
        found = self._ours(self._told, self._of_told, self._told.holders(high, low, at))
        rest = np.flatnonzero(found < 0)
        if len(rest):
            given = self._given.holders(high[rest], low[rest], exact[rest])
            of_file = np.flatnonzero((given >= 0) & (given < self._named))
            first = self._first.numbers(high[rest[of_file]], low[rest[of_file]])
            given[of_file[(first >= 0) & (first <= at[rest[of_file]])]] = -1
            found[rest] = self._ours(self._given, self._of_given, given)
        return found

    def _ours(self, inventory: Inventory, known: array[int], theirs: NDArray[np.int32]) -> NDArray[np.int32]:
        known.extend([_NOT_YET] * (len(inventory.ids) - len(known)))
        held = theirs[theirs >= 0]
        new = np.unique(held[np.frombuffer(known, np.int32)[held] == _NOT_YET])
        for place, id_ in zip(new.tolist(), inventory.ids.some(new), strict=True):
            known[place] = self._number(id_)
        found = np.minimum(theirs, -1)  # nobody, and UNPLACED, stay as they are
        if len(held):
            found[theirs >= 0] = np.frombuffer(known, np.int32)[held]
        return found

    def _number(self, id_: str) -> int:
        number = self._numbers.setdefault(id_.lower(), len(self.ids))
        if number == len(self.ids):
            self.ids.name(id_)
        return number

    def held_whole_hour(self, resource_id: str, address: str, hour_start_us: int) -> bool:
        """See `Inventory.held_whole_hour`; where telemetry tells of a holder in the hour, that decides."""
        hour_end_us = hour_start_us + HOUR_US
        told = self._told.intervals(address)
        if any(
            (one.start_us is None or one.start_us < hour_end_us)
            and (one.end_us is None or one.end_us > hour_start_us)
            for one in told
        ):
            return self._told.held_whole_hour(resource_id, address, hour_start_us)
        first_us = self._first_us.get(address, hour_end_us)
        if first_us < hour_end_us and self._given.names(address):
            return False
        return self._given.held_whole_hour(resource_id, address, hour_start_us)

    def managed_by(self, resource_id: str) -> str:
        """See `Inventory.managed_by`."""
        return self._told.managed_by(resource_id) or self._given.managed_by(resource_id)

    def region(self, resource_id: str) -> str:
        """See `Inventory.region`."""
        return self._told.region(resource_id) or self._given.region(resource_id)

    def known_since_us(self, resource_id: str) -> int | None:
        """See `Inventory.known_since_us`: of one that the configuration names, as it says."""
        if self._given.knows(resource_id):
            return self._given.known_since_us(resource_id)
        return self._since_us.get(resource_id.lower())


def _claims(spans: list[Span]) -> Claims:
    """Spans as an inventory's lines."""
    made, index = Claims(), dict[str, int]()
    networks, kept = [], []
    for span in spans:
        number = index.setdefault(span.holder.lower(), len(made.ids))
        if number == len(made.ids):
            made.ids.append(span.holder)
        if span.managed_by:
            made.managed_by[number] = span.managed_by
        if span.region:
            made.region[number] = span.region
        networks.append(parse_network(span.address))
        kept.append((span.start_us, span.end_us, number))
    made.high, made.low = words(network.first for network in networks)
    made.bits = np.array([network.bits for network in networks], np.uint8)
    columns = np.array(kept, np.int64).reshape(len(kept), 3)
    made.start_us, made.end_us, made.resource = (columns[:, place].copy() for place in range(3))
    made.line = np.arange(len(kept))
    return made
