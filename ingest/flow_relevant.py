"""The few flows of a block that may bear on a detection: SSH, RDP, and traffic with listed addresses.

Of all flows only what decides is looked at: ports, and whether an address may be listed.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ingest.flows import FlowColumns, Index, Part, joined
from ingest.threat_intel import COMMAND_AND_CONTROL

TCP, UDP = 6, 17
SSH_PORT, RDP_PORT = 22, 3389
SSH, RDP = 1, 2
SIDES = ("src", "dst")

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


class Listed(Protocol):
    """The part of threat intelligence that is needed here."""

    def lists(self, category: str) -> bool: ...
    def near(self, high: Words, low: Words, category: str) -> Index: ...
    def near_four(self, four: npt.NDArray[np.uint32], category: str) -> Index: ...
    def listed(self, high: Words, low: Words, at_us: Any, category: str) -> Mask: ...


class Relevant(NamedTuple):
    """The flows that stay, and of each whether the address of a side is listed at its time."""

    flows: FlowColumns
    listed: dict[str, Mask]


def relevant(flows: FlowColumns, indicators: Listed) -> Relevant:
    """By port, or by the address of either side."""
    picked = [_of_part(part, indicators) for part in flows.parts]
    listed = {side: joined([masks[side] for _, masks in picked], bool) for side in SIDES}
    return Relevant(FlowColumns(part for part, _ in picked), listed)


def service(port: Any, protocol: Any) -> npt.NDArray[np.uint8]:
    """Which service a port is, 0 = none that counts: SSH is TCP, RDP may be UDP too."""
    tcp = protocol == TCP
    ssh, rdp = tcp & (port == SSH_PORT), (tcp | (protocol == UDP)) & (port == RDP_PORT)
    found: npt.NDArray[np.uint8] = ssh * np.uint8(SSH) + rdp * np.uint8(RDP)
    return found


def _of_part(part: Part, indicators: Listed) -> tuple[Part, dict[str, Mask]]:
    index = _by_service(part)
    listed = {side: _listed(part, side, indicators) for side in SIDES}
    if any(map(len, listed.values())):
        chosen = np.zeros(len(part), bool)
        for found in (index, *listed.values()):
            chosen[found] = True
        index = np.flatnonzero(chosen)
    return part.take(index), {side: _mask(index, found) for side, found in listed.items()}


def _mask(index: Index, found: Index) -> Mask:
    """Which of these rising positions were found."""
    mask = np.zeros(len(index), bool)
    mask[np.searchsorted(index, found)] = True
    return mask


def _by_service(part: Part) -> Index:
    """Positions of the flows with a service at either side; the protocol is looked at where a port fits."""
    source, destination = (part.column(f"{side}_port") for side in SIDES)
    index = np.flatnonzero(
        (destination == SSH_PORT) | (destination == RDP_PORT) | (source == SSH_PORT) | (source == RDP_PORT)
    )
    protocol = part.take(index).column("protocol")
    found = service(source[index], protocol) | service(destination[index], protocol)
    return index[found > 0]


def _listed(part: Part, side: str, indicators: Listed) -> Index:
    """Positions of the flows whose address at this side is listed: times are looked at where it may be."""
    if not indicators.lists(COMMAND_AND_CONTROL):
        return np.empty(0, np.int64)
    four = part.four(side)
    if four is None:
        high, low = part.column(f"{side}_hi"), part.column(f"{side}_lo")
        near = indicators.near(high, low, COMMAND_AND_CONTROL)
    else:
        near = indicators.near_four(four, COMMAND_AND_CONTROL)
    if not len(near):
        return near
    few = part.take(near)
    high, low, ended = (few.column(name) for name in (f"{side}_hi", f"{side}_lo", "end_us"))
    return near[indicators.listed(high, low, ended, COMMAND_AND_CONTROL)]
