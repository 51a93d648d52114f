"""Which flows bear on a detection, and what they are to the resource that held one of their addresses.

Everything is decided for a whole block of flows at a time. Only the columns that decide are made of all
flows; rows are made of the few that stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.flows import FlowColumns
from ingest.records import TRAFFIC

TCP, UDP = 6, 17
SSH_PORT, RDP_PORT = 22, 3389
SSH, RDP = 1, 2
IRRELEVANT = "flows that are no SSH, no RDP and touch no listed address"
NOBODY = "flows between addresses that no resource held"
INWARD = "flows from a resource to an address that is not outside"

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


class Holders(Protocol):
    """The part of the inventory that is needed here."""

    ids: list[str]

    def holders(self, high: Words, low: Words, at_us: Any) -> npt.NDArray[np.int32]: ...


class Listed(Protocol):
    """The part of threat intelligence that is needed here."""

    def listed(self, high: Words, low: Words, at_us: Any, category: str) -> Mask: ...


@dataclass(slots=True)
class Selected:
    """TRAFFIC rows; `first` marks the first row of each flow (one between two resources has two)."""

    rows: npt.NDArray[np.void]
    first: Mask
    ids: list[str]  # `entity` indexes this
    read: int
    filtered: dict[str, int]


def select(
    flows: FlowColumns, inventory: Holders, indicators: Listed, source: int = 0, own_sampling: int = 1
) -> Selected:
    """The rows of a block; read = flows with a row + filtered."""
    chosen = _relevant(flows, indicators)
    filtered = {IRRELEVANT: len(flows) - int(np.count_nonzero(chosen))}
    some = flows.rows(chosen)
    holders = {
        side: inventory.holders(some[f"{side}_hi"], some[f"{side}_lo"], some["end_us"])
        for side in ("src", "dst")
    }
    held = (holders["src"] >= 0) | (holders["dst"] >= 0)
    filtered[NOBODY] = len(some) - int(np.count_nonzero(held))
    some, holders = some[held], {side: found[held] for side, found in holders.items()}
    parts, numbers = [], []
    for own, peer in (("dst", "src"), ("src", "dst")):
        mine = holders[own] >= 0
        rows = _rows(some[mine], own, peer, holders[own][mine], indicators, source, own_sampling)
        outside = (holders[peer][mine] < 0) & is_public(rows["peer_hi"], rows["peer_lo"])
        kept = rows["malicious"] | ((rows["service"] > 0) & (~rows["outgoing"] | outside))
        parts.append(rows[kept])
        numbers.append(np.flatnonzero(mine)[kept])
    rows, flow = np.concatenate(parts, dtype=TRAFFIC), np.concatenate(numbers)
    first = np.zeros(len(rows), bool)
    first[np.unique(flow, return_index=True)[1]] = True
    filtered[INWARD] = len(some) - int(np.count_nonzero(first))
    return Selected(rows, first, inventory.ids, len(flows), {k: n for k, n in filtered.items() if n})


def _service(port: Any, protocol: Any) -> Any:
    tcp = protocol == TCP
    ssh, rdp = tcp & (port == SSH_PORT), (tcp | (protocol == UDP)) & (port == RDP_PORT)
    return np.where(ssh, SSH, np.where(rdp, RDP, 0)).astype(np.uint8)


def _relevant(flows: FlowColumns, indicators: Listed) -> Mask:
    """By port first, which is cheap; addresses are looked up only where there are indicators."""
    source, destination = flows.column("src_port"), flows.column("dst_port")
    by_port: Mask = (
        (destination == SSH_PORT) | (destination == RDP_PORT) | (source == SSH_PORT) | (source == RDP_PORT)
    )
    if by_port.any():
        place = np.flatnonzero(by_port)
        protocol = flows.column("protocol")[place]
        real = (_service(source[place], protocol) | _service(destination[place], protocol)) > 0
        by_port[place[~real]] = False
    at_us = flows.column("end_us")
    for side in ("src", "dst"):
        high, low = flows.column(f"{side}_hi"), flows.column(f"{side}_lo")
        by_port = by_port | indicators.listed(high, low, at_us, "command_and_control")
    return by_port


def _rows(
    some: Any, own: str, peer: str, holder: Any, indicators: Listed, source: int, own_sampling: int
) -> npt.NDArray[np.void]:
    """TRAFFIC rows of flows as the resource at the `own` side sees them."""
    rows = np.zeros(len(some), TRAFFIC)
    rows["entity"], rows["source"] = holder, source
    for name in ("start_us", "end_us", "offset", "denied"):
        rows[name] = some[name]
    for word in ("hi", "lo"):
        rows[f"own_{word}"], rows[f"peer_{word}"] = some[f"{own}_{word}"], some[f"{peer}_{word}"]
    to_server, from_server = (_service(some[f"{side}_port"], some["protocol"]) for side in ("dst", "src"))
    forward = (to_server > 0) | (
        from_server == 0
    )  # if both sides have a service's port: towards the destination
    rows["forward"] = forward
    rows["service"] = np.where(to_server > 0, to_server, from_server)
    rows["outgoing"] = forward == (own == "src")
    rows["client_port"] = np.where(forward, some["src_port"], some["dst_port"])
    rows["peer_port"] = some[f"{peer}_port"]
    rows["packets"], rows["octets"] = (
        some["packets"] + some["packets_back"],
        some["octets"] + some["octets_back"],
    )
    rows["both"] = (some["packets"] > 0) & (some["packets_back"] > 0)
    rows["sampling"] = np.where(some["sampling"] > 0, some["sampling"], own_sampling)
    rows["malicious"] = indicators.listed(
        rows["peer_hi"], rows["peer_lo"], rows["end_us"], "command_and_control"
    )
    return rows


def is_public(high: Words, low: Words) -> Mask:
    """Whether an address may be an outside peer: not private, shared (RFC 6598), link-local, loopback, ULA."""
    mapped = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    four = (low & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    inside = np.zeros(len(high), bool)
    for network, bits in _INSIDE_4:
        inside |= four >> np.uint32(32 - bits) == network >> (32 - bits)
    top = high >> np.uint64(48)
    inside_6 = (top & np.uint64(0xFE00) == 0xFC00) | (top & np.uint64(0xFFC0) == 0xFE80) | (top >= 0xFF00)
    loopback = (high == 0) & (low <= 1)
    result: Mask = np.where(mapped, ~inside, ~inside_6 & ~loopback)
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
