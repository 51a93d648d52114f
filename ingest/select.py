"""Which flows bear on a detection, and what they are to the resource that held one of their addresses.

Everything is decided for a whole block of flows at a time, and columns are made only of the flows that stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.flow_relevant import SIDES, Listed, Mask, Relevant, Words, relevant, service
from ingest.flows import Column, FlowColumns, Index
from ingest.inventory import MAX_SEEN, UNPLACED
from ingest.records import FLOW, TRAFFIC
from ingest.resource_ids import Ids

IRRELEVANT = "flows that are no SSH, no RDP and touch no listed address"
NOBODY = "flows between addresses that no resource held"
BEYOND = f"flows of addresses of [inventory] networks that came after the first {MAX_SEEN:,} of them"
INWARD = "flows from a resource to an address that is not outside"

PIECE = 4_096  # rows that stay in the processor's cache while their columns are written one after another


class Holders(Protocol):
    """The part of the inventory that is needed here."""

    @property
    def ids(self) -> Ids: ...

    def holders(self, high: Words, low: Words, at_us: Any) -> npt.NDArray[np.int32]: ...


@dataclass(slots=True)
class Selected:
    """TRAFFIC rows; `first` marks the first row of each flow (one between two resources has two)."""

    rows: npt.NDArray[np.void]
    first: Mask
    ids: Ids  # `entity` indexes this
    read: int
    filtered: dict[str, int]
    newest_us: int = 0  # greatest end of any of the flows, up to the limit that was asked for
    stream: int = 0  # who gave the numbers: each has its own


def relevant_rows(flows: FlowColumns, indicators: Listed) -> npt.NDArray[np.void]:
    """The flows that may bear on a detection, whoever holds their addresses: as rows, which can be kept."""
    return as_rows(relevant(flows, indicators).flows)


def as_rows(flows: FlowColumns) -> npt.NDArray[np.void]:
    """All of them, as rows of `FLOW`."""
    rows = np.empty(len(flows), FLOW)
    for name in FLOW.names or ():
        rows[name] = flows.column(name)
    return rows


def prepared(
    flows: FlowColumns, inventory: Holders, indicators: Listed, sampling: int, not_after_us: int | None
) -> Selected:
    """What a router needs of a block: the rows, and how far the block reaches in time."""
    chosen = select(flows, inventory, indicators, 0, sampling)
    chosen.newest_us = flows.newest_us(not_after_us)
    return chosen


def select(
    flows: FlowColumns, inventory: Holders, indicators: Listed, source: int = 0, own_sampling: int = 1
) -> Selected:
    """The rows of a block; read = flows with a row + filtered."""
    return selected(relevant(flows, indicators), len(flows), inventory, source, own_sampling)


def selected(
    found: Relevant, read: int, inventory: Holders, source: int = 0, own_sampling: int = 1
) -> Selected:
    """The same of so many flows of which these may bear on a detection."""
    some = _Some(found, inventory)
    of_dst, of_src = some.seen_from("dst", "src"), some.seen_from("src", "dst")
    rows = np.empty(len(of_dst) + len(of_src), TRAFFIC)
    for start, index, own, peer in ((0, of_dst, "dst", "src"), (len(of_dst), of_src, "src", "dst")):
        for at in range(0, len(index), PIECE):
            piece = index[at : at + PIECE]
            some.write(rows[start + at : start + at + len(piece)], piece, own, peer)
    rows["source"] = source
    rows["sampling"][rows["sampling"] == 0] = own_sampling
    unseen = np.ones(some.count, bool)
    unseen[of_dst] = False
    first = np.ones(len(rows), bool)
    first[len(of_dst) :] = unseen[of_src]
    told = int(np.count_nonzero(first))
    filtered = {
        IRRELEVANT: read - some.count,
        NOBODY: some.count - some.held - some.beyond,
        BEYOND: some.beyond,
        INWARD: some.held - told,
    }
    return Selected(rows, first, inventory.ids, read, {why: n for why, n in filtered.items() if n})


class _Some:
    """The flows of a block that may bear on a detection, with who held their addresses."""

    def __init__(self, found: Relevant, inventory: Holders) -> None:
        self._column, self._listed = found.flows.column, found.listed
        self.count = len(found.flows)
        self._holder = {
            side: inventory.holders(*map(self._column, (f"{side}_hi", f"{side}_lo", "end_us")))
            for side in SIDES
        }
        most, least = (choose(*self._holder.values()) for choose in (np.maximum, np.minimum))
        self.held = int(np.count_nonzero(most >= 0))
        self.beyond = int(np.count_nonzero((most < 0) & (least == UNPLACED)))
        protocol = self._column("protocol")
        to_server, from_server = (service(self._column(f"{side}_port"), protocol) for side in ("dst", "src"))
        # if both sides have a service's port: towards the destination
        self._forward = (to_server > 0) | (from_server == 0)
        self._service = np.where(to_server > 0, to_server, from_server)

    def seen_from(self, own: str, peer: str) -> Index:
        """Positions of the flows that bear on the resource at the `own` side."""
        # What two interfaces saw is told twice, and each one's log knows what it let through: only its own counts.
        elsewhere = self._column("seen_at") == (2 if own == "src" else 1)
        index = np.flatnonzero((self._holder[own] >= 0) & ~elsewhere)
        is_service = self._service.take(index) > 0
        outgoing = self._forward.take(index) == (own == "src")
        kept = self._listed[peer].take(index) | (is_service & ~outgoing)
        # Only a service of somebody outside is a target.
        maybe = np.flatnonzero(is_service & ~kept & (self._holder[peer].take(index) < 0))
        words = (self._column(f"{peer}_{word}").take(index[maybe]) for word in ("hi", "lo"))
        kept[maybe] = is_public(*words)
        return index.compress(kept)

    def write(self, rows: npt.NDArray[np.void], index: Index, own: str, peer: str) -> None:
        """These flows as the resource at the `own` side sees them, but for what is the same in all."""

        def of(column: Column) -> Column:
            return column.take(index)

        for name in ("start_us", "end_us", "offset", "denied", "sampling"):
            rows[name] = of(self._column(name))
        for word in ("hi", "lo"):
            rows[f"own_{word}"] = of(self._column(f"{own}_{word}"))
            rows[f"peer_{word}"] = of(self._column(f"{peer}_{word}"))
        forward = rows["forward"] = of(self._forward)
        rows["outgoing"] = forward == (own == "src")
        ports = {side: of(self._column(f"{side}_port")) for side in SIDES}
        rows["client_port"] = np.where(forward, ports["src"], ports["dst"])
        rows["peer_port"] = ports[peer]
        for name in ("packets", "octets"):
            rows[name] = of(self._column(name)) + of(self._column(f"{name}_back"))
        rows["both"] = (of(self._column("packets")) > 0) & (of(self._column("packets_back")) > 0)
        rows["entity"], rows["service"] = of(self._holder[own]), of(self._service)
        rows["malicious"] = of(self._listed[peer])


def is_public(high: Words, low: Words) -> Mask:
    """Whether an address may be an outside peer: not private, shared (RFC 6598), link-local, loopback, ULA."""
    mapped = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    public: Mask = ~_INSIDE_16[(low >> np.uint64(16) & np.uint64(0xFFFF)).view(np.int64)]
    if mapped.all():
        return public
    top = high >> np.uint64(48)
    inside_6 = (top & np.uint64(0xFE00) == 0xFC00) | (top & np.uint64(0xFFC0) == 0xFE80) | (top >= 0xFF00)
    loopback = (high == 0) & (low <= 1)
    result: Mask = np.where(mapped, public, ~inside_6 & ~loopback)
    return result


_INSIDE_4 = (
    (0x0A000000, 8),
    (0xAC100000, 12),
    (0xC0A80000, 16),
    (0x64400000, 10),
    (0xA9FE0000, 16),
    (0x7F000000, 8),
    (0x00000000, 8),
    (0xE0000000, 3),
)


def _drawn(networks: Iterable[tuple[int, int]]) -> Mask:
    """Which /16 of IPv4 lie in these networks, none of which is narrower."""
    table = np.zeros(1 << 16, bool)
    for network, bits in networks:
        table[network >> 16 : (network >> 16) + (1 << 16 - bits)] = True
    return table


_INSIDE_16 = _drawn(_INSIDE_4)
