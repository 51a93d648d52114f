"""Who had which address when: the inventory of a user's resources.

A resource is known by the id it has in the file; ids are compared without case. Where networks of two
resources nest, the narrower one counts; where two resources claim one address at one time, the later start
does, and it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest import inventory_forms
from ingest.inventory_file import Claims
from ingest.networks import (
    ALWAYS_US,
    FOREVER_US,
    Indexes,
    NetworkTable,
    NumberedAddresses,
    Spans,
    Words,
    distinct,
    parse_network,
)
from ingest.records import HOUR_US, Rejected, address_text, address_words
from ingest.resource_ids import ResourceIds, own_id

MAX_SEEN = 1_000_000  # addresses of `networks` that become resources of their own; 50 MB here, 1.5 KB each in router and shards
UNPLACED = -2  # in place of a resource's index: the address is of `networks`, and there are too many of them
MAX_REJECTED = 1_000  # kept of one file; the last one then says how many more there are


class Interval(NamedTuple):
    """A resource that held an address, or the network that it lies in, from start up to end; None = open."""

    resource_id: str
    start_us: int | None
    end_us: int | None


class Inventory:
    """Intervals of a file, and networks whose addresses are each a resource of its own, held for ever.

    What the file names, even for an hour, is the file's to decide: `networks` count for other addresses.
    `ids` grows as addresses of `networks` are seen, up to `MAX_SEEN`; those seen later belong to nobody: `UNPLACED`.
    """

    def __init__(self, claims: Claims | None = None, networks: Iterable[str] = ()) -> None:
        claims = claims or Claims()
        self.ids = ResourceIds(claims.ids)
        self._managed_by, self._region = claims.managed_by, claims.region
        self._index = {id_.lower(): index for index, id_ in enumerate(claims.ids)}
        self._table = NetworkTable(claims.high, claims.low, claims.bits)
        self._spans, self._overlaps = _resolved(self._table, claims)
        self._since = np.full(len(claims.ids), FOREVER_US)
        np.minimum.at(self._since, claims.resource, claims.start_us)
        self._networks = NetworkTable.of([parse_network(network) for network in networks])
        self._seen = NumberedAddresses()  # of `networks`, with the index of each one's resource

    @classmethod
    def read(cls, path: Path | str, networks: Iterable[str] = ()) -> tuple[Inventory, list[Rejected]]:
        """From a CSV file: ip (address or CIDR), resource_id, start, end and optional managed_by, region.

        Times are RFC 3339, empty = open. Or from what tells of a cloud's network: `ingest.inventory_forms`. Raises
        ConfigurationError where the file as a whole is of no use.
        """
        claims, rejected = inventory_forms.read(Path(path))
        inventory = cls(claims, networks)
        overlaps = sorted(inventory._overlaps)[:MAX_REJECTED]
        rejected += [inventory._overlap(str(path), claims, *pair) for pair in overlaps]
        more = len(rejected) - MAX_REJECTED + len(inventory._overlaps) - len(overlaps)
        if more > 0:
            reason = f"{more:,} more lines were refused, or claim an address that another resource has"
            rejected[MAX_REJECTED:] = [Rejected(kind="inventory", source=str(path), reason=reason)]
        inventory._overlaps = []
        return inventory, rejected

    @classmethod
    def from_networks(cls, networks: Iterable[str]) -> Inventory:
        """Without a file. Raises ValueError for what is no network."""
        return cls(None, networks)

    # Whole columns

    def holders(self, high: Words, low: Words, at_us: Indexes | int) -> NDArray[np.int32]:
        """For each address and time, the index in `ids` of the resource that held it; -1 = nobody, or `UNPLACED`."""
        at = np.broadcast_to(np.asarray(at_us, np.int64), high.shape)
        network = self._table.find(high, low)
        found = self._spans.at(network, at)
        named = network >= 0
        rest = np.flatnonzero((found < 0) & named)
        while len(rest):
            network[rest] = self._table.parent[network[rest]]
            found[rest] = self._spans.at(network[rest], at[rest])
            rest = rest[(found[rest] < 0) & (network[rest] >= 0)]
        if len(self._networks):
            own = np.flatnonzero(~named)
            own = own[self._networks.find(high[own], low[own]) >= 0]
            found[own] = self._intern(high[own], low[own])
        return found.astype(np.int32)

    def _intern(self, high: Words, low: Words) -> Indexes:
        """Indexes of addresses that are resources of their own; new ones become known."""
        found = self._seen.numbers(high, low)
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            found[unknown] = self._become_known(high[unknown], low[unknown])
        return found

    def _become_known(self, high: Words, low: Words) -> Indexes:
        high, low, place = distinct(high, low)
        found = np.full(len(low), UNPLACED)
        room = max(0, MAX_SEEN - len(self._seen))
        high, low = high[:room], low[:room]
        if len(low):
            found[:room] = new = np.arange(len(self.ids), len(self.ids) + len(low))
            self._seen.add(high, low, new)
            self.ids.add(high, low)
        return found[place]

    # Single resources and addresses

    def held_whole_hour(self, resource_id: str, address: str, hour_start_us: int) -> bool:
        """Whether the resource, and no other, held the address during all of [hour, hour + 1 h)."""
        try:
            high, low = address_words(address)
        except ValueError:
            return False
        networks = list(self._table.chain(high << 64 | low))
        if not networks:
            return self._is_own(resource_id, high << 64 | low)
        resource = self._index.get(resource_id.lower(), -1)
        end_us = hour_start_us + HOUR_US
        for network in networks:
            for start, end, holder in self._spans.of(network):
                if start < end_us and end > hour_start_us:
                    # of narrower networks the first that anyone held in this hour decides
                    return holder == resource and start <= hour_start_us and end >= end_us
        return False

    def _is_own(self, resource_id: str, address: int) -> bool:
        return resource_id.lower() == own_id(address) and any(True for _ in self._networks.chain(address))

    def intervals(self, address: str) -> tuple[Interval, ...]:
        """Who held an address, or a network that it lies in: the narrowest first, then by time."""
        high, low = address_words(address)
        number = high << 64 | low
        networks = list(self._table.chain(number))
        if not networks:
            own = own_id(number)
            return (Interval(own, None, None),) if self._is_own(own, number) else ()
        spans = (span for network in networks for span in self._spans.of(network))
        return tuple(
            Interval(
                self.ids[holder], None if start == ALWAYS_US else start, None if end == FOREVER_US else end
            )
            for start, end, holder in spans
        )

    def managed_by(self, resource_id: str) -> str:
        """The managed service that made the resource ('aks', 'databricks'), '' if the file names none."""
        return self._managed_by.get(self._index.get(resource_id.lower(), -1), "")

    def region(self, resource_id: str) -> str:
        """The resource's region as the file has it, '' if it has none."""
        return self._region.get(self._index.get(resource_id.lower(), -1), "")

    def knows(self, resource_id: str) -> bool:
        """Whether the file names the resource."""
        return resource_id.lower() in self._index

    def names(self, address: str) -> bool:
        """Whether the file tells of the address, or a network that it lies in, at any time."""
        high, low = address_words(address)
        return any(True for _ in self._table.chain(high << 64 | low))

    @property
    def addresses(self) -> int:
        """How many addresses and networks the file names."""
        return len(self._table)

    def known_since_us(self, resource_id: str) -> int | None:
        """The resource's earliest start; None if that is open, or nothing is known of it."""
        if not self._index:
            return None
        index = self._index.get(resource_id.lower(), -1)
        since = int(self._since[index]) if index >= 0 else ALWAYS_US
        return None if since == ALWAYS_US else since

    def _overlap(self, path: str, claims: Claims, row: int, other: int) -> Rejected:
        address = address_text(claims.high[row], claims.low[row])
        reason = (
            f"{address} is also held by {self.ids[claims.resource[other]]} (line {claims.line[other]}) at the time; "
            "the interval that starts later counts"
        )
        shown = self.ids[claims.resource[row]]
        return Rejected(
            kind="inventory", source=path, offset=int(claims.line[row]), reason=reason, excerpt=shown[:200]
        )


def _resolved(table: NetworkTable, claims: Claims) -> tuple[Spans, list[tuple[int, int]]]:
    """Disjoint spans of each network, and the pairs of rows (later, earlier start) that overlap."""
    order = np.lexsort((claims.line, claims.start_us, table.index))
    owner, start, end = table.index[order], claims.start_us[order], claims.end_us[order]
    resource = claims.resource[order].astype(np.int64)
    same = owner[1:] == owner[:-1]
    meets = same & (end[:-1] >= start[1:])
    # what merely follows another resource at once is no overlap
    meets &= (end[:-1] > start[1:]) | (resource[1:] == resource[:-1])
    crowded = np.zeros(len(table), bool)
    crowded[owner[1:][meets]] = True
    if not crowded.any():
        return Spans(len(table), owner, start, end, resource), []
    calm = ~crowded[owner]
    rows = [list(column[calm]) for column in (owner, start, end, resource)]
    overlaps: list[tuple[int, int]] = []
    for first, last in _groups(owner, np.flatnonzero(~calm)):
        part = order[first:last].tolist()
        for begun, ended, holder in _settle(part, claims, overlaps):
            for column, value in zip(rows, (owner[first], begun, ended, holder), strict=True):
                column.append(value)
    columns = [np.array(column, np.int64) for column in rows]
    again = np.lexsort((columns[1], columns[0]))
    return Spans(len(table), *(column[again] for column in columns)), overlaps


def _groups(owner: Indexes, places: Indexes) -> Iterable[tuple[int, int]]:
    """Bounds of the runs of one owner among these places."""
    starts = np.searchsorted(owner, np.unique(owner[places]))
    ends = np.searchsorted(owner, np.unique(owner[places]), "right")
    return zip(starts.tolist(), ends.tolist(), strict=True)


def _settle(
    rows: Sequence[int], claims: Claims, overlaps: list[tuple[int, int]]
) -> list[tuple[int, int, int]]:
    """One network's rows, sorted by start, as disjoint spans: of those running, the last begun counts."""
    spans: list[tuple[int, int, int]] = []
    running: list[int] = []  # rows that have begun, by start
    at_us = ALWAYS_US
    for row in rows:
        start_us = int(claims.start_us[row])
        _run(running, at_us, start_us, claims, spans)
        at_us = start_us
        if running and claims.resource[running[-1]] != claims.resource[row]:
            overlaps.append((row, running[-1]))
        running.append(row)
    _run(running, at_us, FOREVER_US, claims, spans)
    return spans


def _run(
    running: list[int], at_us: int, until_us: int, claims: Claims, spans: list[tuple[int, int, int]]
) -> None:
    """Append the spans between two times; rows that have ended by the second are taken off `running`."""
    while running:
        row = running[-1]
        end_us = min(until_us, int(claims.end_us[row]))
        if end_us > at_us:
            _append(spans, at_us, end_us, int(claims.resource[row]))
            at_us = end_us
        if claims.end_us[row] > until_us or until_us == FOREVER_US == claims.end_us[row]:
            return
        running.pop()


def _append(spans: list[tuple[int, int, int]], start_us: int, end_us: int, resource: int) -> None:
    if spans and spans[-1][1] == start_us and spans[-1][2] == resource:
        start_us = spans.pop()[0]
    spans.append((start_us, end_us, resource))
