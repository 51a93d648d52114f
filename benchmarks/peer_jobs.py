"""The detections' state, kept as somebody would without Redshank: decoding, counting, one River model an entity.

It is what the peers share, so that what differs between them is how the records are brought to it. Decoding is
as fast as Python gets it: NumPy for a message's flows, msgspec into structs for a line of a log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from river import stats

SERVICES = (22, 3_389)
OWN = 10  # first octet of the resources' addresses
FADING = 0.3  # of the River mean
RECORD = np.dtype(
    [
        *(("start", ">u8"), ("end", ">u8"), ("source", ">u4"), ("destination", ">u4"), ("packets", ">u8")),
        *(("octets", ">u8"), ("source_port", ">u2"), ("destination_port", ">u2"), ("protocol", "u1")),
        *(("flags", "u1"), ("reason", "u1"), ("tos", "u1")),
    ]
)
DATA_SET, HEADS = 256, 20  # octets of the message's head and of the set's
_HEAD = struct.Struct("!HHIIIHH")
Flow = tuple[int, ...]
Keyed = tuple[str, Any]
Counts = tuple[int, int]  # records of an entity that count, and different others among them


def total(records: int, told: Iterable[Counts]) -> dict[str, int]:
    """All entities' counts together."""
    entities = applied = pairs = 0
    for some, others in told:
        entities += 1
        applied += some
        pairs += others
    return {"records": records, "applied": applied, "entities": entities, "pairs": pairs}


# Flows


def messages(path: Path) -> Iterator[bytes]:
    """The IPFIX messages of a file."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at : at + length]
        at += length


def decoded(message: bytes) -> npt.NDArray[np.void]:
    """The flows of a message; none of one that has templates."""
    set_id, length = _HEAD.unpack_from(message)[5:]
    if set_id != DATA_SET:
        return np.empty(0, RECORD)
    return np.frombuffer(message, RECORD, (length - 4) // RECORD.itemsize, HEADS)


def read_indicators(path: Path) -> npt.NDArray[np.uint32]:
    """The listed addresses, ascending."""
    return np.sort(np.array([int(IPv4Address(line)) for line in path.read_text().split()], np.uint32))


class FlowFilter:
    """Which flows bear on a detection: by port, or since an address is listed; and whose they are."""

    def __init__(self, listed: npt.NDArray[np.uint32]) -> None:
        self._sorted = listed
        self._listed = frozenset(listed.tolist())
        self.records = 0

    def one(self, flow: Flow) -> bool:
        """For one flow by itself."""
        return (
            flow[7] in SERVICES or flow[6] in SERVICES or flow[2] in self._listed or flow[3] in self._listed
        )

    def some(self, flows: npt.NDArray[np.void]) -> list[Flow]:
        """For a message's flows at once."""
        self.records += len(flows)
        from_port, to_port = flows["source_port"], flows["destination_port"]
        chosen = (to_port == 22) | (to_port == 3_389) | (from_port == 22) | (from_port == 3_389)
        for side in ("source", "destination"):
            addresses = flows[side]
            place = np.searchsorted(self._sorted, addresses)
            chosen |= self._sorted.take(place, mode="clip") == addresses
        found: list[Flow] = flows[chosen].tolist()
        return found

    def all_of(self, flows: npt.NDArray[np.void]) -> list[Flow]:
        """Every flow of a message as an item of its own."""
        self.records += len(flows)
        items: list[Flow] = flows.tolist()
        return items

    def keyed(self, flow: Flow) -> Keyed:
        """The resource, and what its hour needs of the flow."""
        start, end, source, destination, packets, octets, source_port, destination_port, *_ = flow
        if destination >> 24 == OWN:
            return str(destination), (
                (destination_port, source),
                *(source_port, packets, octets, start, end, source in self._listed),
            )
        return str(source), (
            (source_port, destination),
            *(destination_port, packets, octets, start, end, destination in self._listed),
        )


class ResourceHour:
    """A resource's open hour: its peers on each port with their connections, a connection being a client port.

    Of a connection it keeps what tells a failed log-in from a session, and when it was.
    """

    __slots__ = ("flows", "listed", "model", "peers")

    def __init__(self) -> None:
        self.flows = 0
        self.listed = 0
        self.peers: dict[tuple[int, int], dict[int, list[int]]] = {}
        self.model = stats.EWMean(FADING)

    def add(self, item: tuple[Any, ...]) -> None:
        """Take a flow in."""
        peer, client, packets, octets, start, end, listed = item
        self.flows += 1
        self.listed += listed
        held = self.peers.get(peer)
        if held is None:
            self.peers[peer] = {client: [packets, octets, start, end]}
        elif (connection := held.get(client)) is None:
            held[client] = [packets, octets, start, end]
        else:
            connection[0] += packets
            connection[1] += octets
            connection[2] = min(connection[2], start)
            connection[3] = max(connection[3], end)

    def close(self) -> Counts:
        """Teach the model the hour, and say what was in it."""
        self.model.update(len(self.peers))
        return self.flows, len(self.peers)


# Logs


class _Claim(msgspec.Struct):
    oid: str = ""
    appid: str = ""


class _VaultIdentity(msgspec.Struct):
    claim: _Claim


class _VaultProperties(msgspec.Struct, rename="camel"):
    id: str = ""
    client_info: str = ""
    http_status_code: int = 0


class VaultRecord(msgspec.Struct, rename="camel"):
    """What the Key Vault detections need of a record."""

    time: str
    operation_name: str
    resource_id: str
    identity: _VaultIdentity
    properties: _VaultProperties
    caller_ip_address: str = ""
    correlation_id: str = ""


class _LongClaims(msgspec.Struct):
    oid: str = msgspec.field(name="http://schemas.microsoft.com/identity/claims/objectidentifier")
    upn: str = msgspec.field(name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", default="")
    appid: str = ""


class _ActivityIdentity(msgspec.Struct):
    claims: _LongClaims


class ActivityRecord(msgspec.Struct, rename="camel"):
    """What the management detections need of a record."""

    time: str
    operation_name: str
    resource_id: str
    result_type: str
    identity: _ActivityIdentity
    caller_ip_address: str = ""
    correlation_id: str = ""


decode_vault = msgspec.json.Decoder(VaultRecord).decode
decode_activity = msgspec.json.Decoder(ActivityRecord).decode
DECODERS: dict[str, Any] = {"vault": decode_vault, "activity": decode_activity}


def lines(path: Path) -> Iterator[bytes]:
    """The records of a log."""
    with path.open("rb") as file:
        yield from file


def vault_keyed(line: bytes) -> tuple[Keyed, Keyed]:
    """An event for its vault and for its caller."""
    record = decode_vault(line)
    claim, vault, operation = record.identity.claim, record.resource_id.lower(), record.operation_name
    return (
        (f"vault:{vault}", (claim.oid, operation, claim.appid, record.properties.id)),
        (f"principal:{claim.oid}", (vault, operation, record.caller_ip_address, "")),
    )


def activity_keyed(line: bytes) -> tuple[Keyed]:
    """An event for its caller; an operation's start and end are one by their correlation id."""
    record = decode_activity(line)
    return (
        (
            f"principal:{record.identity.claims.oid}",
            (
                record.resource_id.lower(),
                record.operation_name,
                record.caller_ip_address,
                record.correlation_id,
            ),
        ),
    )


KEYED: dict[str, Any] = {"vault": vault_keyed, "activity": activity_keyed}


class EventHour:
    """An entity's open hour: operations by who did them, or to what, with what stood beside them."""

    __slots__ = ("beside", "counts", "key", "model", "operations")

    def __init__(self, key: str) -> None:
        self.key = key
        self.counts: dict[tuple[str, str], int] = {}
        self.beside: set[str] = set()
        self.operations: set[str] = set()
        self.model = stats.EWMean(FADING)

    def add(self, item: tuple[str, str, str, str]) -> None:
        """Take an event in."""
        other, operation, beside, operation_id = item
        self.counts[other, operation] = self.counts.get((other, operation), 0) + 1
        self.beside.add(beside)
        self.operations.add(operation_id)

    def close(self) -> Counts:
        """Teach the model the hour, and say what was in it; each record counts for its principal."""
        events = sum(self.counts.values())
        self.model.update(events)
        if self.key.startswith("vault:"):
            return 0, 0
        return events, len({other for other, _ in self.counts})
