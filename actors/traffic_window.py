"""A shard's open hour of flows: columns, merged from time to time, and grouped once at the close.

A connection is one client port between a resource's address and a peer on a service: the same connection
exported five times, or as two uniflows, is one. Merging adds, takes least and greatest values only, so
the order of arrival leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.messages import Rows
from detections.view import Peer
from ingest.records import SERVICE_PORTS, SERVICES, address_text

# A connection of at most so many packets and octets, both ways together: a log-in that failed looks so. Eleven
# real guesses of an SSH password (Zeek's trace sshguess.pcap) took 37 to 45 packets and 6,900 to 7,700 octets.
SHORT_PACKETS = 60
SHORT_OCTETS = 12_000
MERGE_ROWS = 200_000  # rows taken in before they are merged
_PORT_OF = {code: port for port, code in SERVICE_PORTS.items()}

PEER_KEYS = ("entity", "service", "outgoing", "peer_hi", "peer_lo")
KEYS = (*PEER_KEYS, "own_hi", "own_lo", "client_port", "peer_port")
CONNECTION = np.dtype(
    [
        ("entity", "<i4"),
        ("own_hi", "<u8"),
        ("own_lo", "<u8"),
        ("peer_hi", "<u8"),
        ("peer_lo", "<u8"),
        ("service", "u1"),
        ("outgoing", "?"),
        ("client_port", "<u2"),
        ("peer_port", "<u2"),
        # merged: sums
        ("forward", "<u8"),  # packets client -> server
        ("back", "<u8"),
        ("octets", "<u8"),
        # merged: least
        ("first_us", "<i8"),
        ("denied", "?"),  # True only if no part of it was let through
        ("source", "<u4"),
        ("offset", "<u8"),
        # merged: greatest
        ("last_us", "<i8"),
        ("sampling", "<u4"),
        ("malicious", "?"),
    ]
)
_SUMS = ("forward", "back", "octets")
_LEAST = ("first_us",)
_GREATEST = ("last_us", "sampling", "malicious")
Connections = npt.NDArray[np.void]


def as_connections(rows: Rows) -> Connections:
    """TRAFFIC rows as CONNECTION rows, one each."""
    out = np.zeros(len(rows), CONNECTION)
    for name in (*KEYS, "octets", "source", "offset", "sampling", "denied", "malicious"):
        out[name] = rows[name]
    # The peer's port tells two peers' services apart only where the service itself does not.
    out["peer_port"][rows["service"] > 0] = 0
    other_way = rows["both"].astype(np.uint64)  # unsigned as the counts are: else NumPy makes floats of both
    out["forward"] = np.where(rows["forward"], rows["packets"], other_way)
    out["back"] = np.where(rows["forward"], other_way, rows["packets"])
    out["first_us"], out["last_us"] = rows["start_us"], np.maximum(rows["end_us"], rows["start_us"])
    return out


def merge(rows: Connections) -> Connections:
    """Rows of one connection as one row; the result is sorted by key."""
    if len(rows) == 0:
        return rows
    # Position last: the first row of a group is then the one with the least position.
    order = np.lexsort([rows[name] for name in ("offset", "source", *reversed(KEYS))])
    rows = rows[order]
    starts = boundaries(rows, KEYS)
    out = rows[starts]
    for name in _SUMS:
        out[name] = np.add.reduceat(rows[name], starts)
    for name in _LEAST:
        out[name] = np.minimum.reduceat(rows[name], starts)
    for name in _GREATEST:
        out[name] = np.maximum.reduceat(rows[name], starts)
    out["denied"] = np.logical_and.reduceat(rows["denied"], starts)
    return out


def boundaries(rows: Connections, keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Where a new combination of the keys begins, in rows that are sorted by them."""
    change = np.zeros(len(rows), bool)
    change[:1] = True
    for name in keys:
        column = rows[name]
        change[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(change)


class TrafficWindow:
    """All resources' flows of one open hour in one shard."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.since: dict[str, int] = {}  # id -> start of its time in the inventory, where it has one
        self._index: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self._merged: Connections = np.empty(0, CONNECTION)
        self._new: list[Connections] = []
        self._waiting = 0

    def add(self, rows: Rows, ids: list[str], sources: list[str]) -> None:
        """Take TRAFFIC rows in whose `entity` and `source` index the given lists."""
        taken = as_connections(rows)
        if len(taken) == 0:
            return
        taken["entity"] = _intern(taken["entity"], ids, self.ids, self._index, str.lower)
        taken["source"] = _intern(taken["source"], sources, self.sources, self._sources, str)
        self._new.append(taken)
        self._waiting += len(taken)
        if self._waiting > MERGE_ROWS:
            self._merge()

    def _merge(self) -> None:
        if self._new:
            self._merged = merge(np.concatenate([self._merged, *self._new], dtype=CONNECTION))
            self._new, self._waiting = [], 0

    def close(self) -> Iterator[tuple[str, dict[tuple[str, str], tuple[Peer, ...]], tuple[Peer, ...]]]:
        """Each resource's id, peers by (service, direction), and malicious peers; by id."""
        self._canonical()
        rows = self._merged
        known = self._peers(rows[rows["service"] > 0], PEER_KEYS)
        listed = rows[rows["malicious"]]
        by_peer = ("entity", "peer_hi", "peer_lo")
        listed = listed[np.lexsort([listed[name] for name in ("peer_port", *reversed(by_peer))])]
        malicious = self._peers(listed, by_peer)
        for entity in np.unique(rows["entity"]).tolist():
            services = {
                (SERVICES[code], "out" if outgoing else "in"): _ranked(peers)
                for (code, outgoing), peers in known.get(entity, {}).items()
            }
            bad = [peer for peers in malicious.get(entity, {}).values() for peer in peers]
            yield self.ids[entity], services, _ranked(bad)

    def _canonical(self) -> None:
        """Number ids and sources by their names: what is said must not hang on who came first."""
        for names, column in ((self.ids, "entity"), (self.sources, "source")):
            order = sorted(range(len(names)), key=lambda index: names[index].lower())
            rank = np.empty(len(names), np.int64)
            rank[order] = np.arange(len(names))
            for rows in (self._merged, *self._new):
                rows[column] = rank[rows[column].astype(np.int64)]
            names[:] = [names[index] for index in order]
        self._index = {name.lower(): index for index, name in enumerate(self.ids)}
        self._sources = {name: index for index, name in enumerate(self.sources)}
        self._new.append(np.empty(0, CONNECTION))
        self._merge()

    def _peers(
        self, rows: Connections, keys: tuple[str, ...]
    ) -> dict[int, dict[tuple[int, bool], list[Peer]]]:
        """Peers by entity and (service, outgoing), from rows sorted by `keys`; all of it in columns."""
        peers: dict[int, dict[tuple[int, bool], list[Peer]]] = {}
        if len(rows) == 0:
            return peers
        starts = boundaries(rows, keys)
        ends = np.append(starts[1:], len(rows)).tolist()
        passed = ~rows["denied"]
        packets = (rows["forward"] + rows["back"]) * passed
        octets = rows["octets"] * passed
        short = passed & (packets <= SHORT_PACKETS) & (octets <= SHORT_OCTETS)
        answered = passed & (rows["forward"] > 0) & (rows["back"] > 0)
        sums = (passed, short, packets, octets, rows["denied"], answered)
        columns = [np.add.reduceat(column.astype(np.int64), starts).tolist() for column in sums]
        columns.append(np.minimum.reduceat(rows["first_us"], starts).tolist())
        columns.append(np.maximum.reduceat(rows["last_us"], starts).tolist())
        columns.append(np.maximum.reduceat(rows["sampling"], starts).tolist())
        heads = rows[starts][
            ["entity", "service", "outgoing", "peer_hi", "peer_lo", "own_hi", "own_lo", "peer_port"]
        ]
        places = list(zip(rows["source"].tolist(), rows["offset"].tolist(), strict=True))
        for begin, end, head, values in zip(
            starts.tolist(), ends, heads.tolist(), zip(*columns, strict=True), strict=True
        ):
            entity, code, outgoing, peer_hi, peer_lo, own_hi, own_lo, port = head
            connections, brief, sent, size, denied, both, first_us, last_us, sampling = values
            peer = Peer(
                address=_text(peer_hi, peer_lo),
                connections=connections,
                short=brief,
                packets=sent,
                octets=size,
                denied=denied,
                answered=both > 0,
                first_us=first_us,
                last_us=last_us,
                sampling=sampling,
                own_address=_text(own_hi, own_lo),
                port=_PORT_OF[code] if code else port,
                sources=tuple(
                    (self.sources[s], o)
                    for s, o in sorted(set(places[begin : begin + 50][: end - begin]))[:5]
                ),
            )
            peers.setdefault(entity, {}).setdefault((code, outgoing), []).append(peer)
        return peers

    def state(self) -> list[Any]:
        """The window as MessagePack values; it is saved while its hour is open."""
        self._canonical()
        return [self.ids, self.sources, self._merged.tobytes(), sorted(self.since.items())]

    @classmethod
    def restore(cls, state: list[Any]) -> TrafficWindow:
        """The window with that state."""
        window = cls()
        window.ids, window.sources = list(state[0]), list(state[1])
        window._merged = np.frombuffer(state[2], CONNECTION).copy()
        window.since = dict(state[3])
        window._canonical()
        return window

    def absorb(self, other: TrafficWindow) -> None:
        """Take another window of the same hour in."""
        other._canonical()
        self.since.update(other.since)
        rows = other._merged.copy()
        if len(rows):
            rows["entity"] = _intern(rows["entity"], other.ids, self.ids, self._index, str.lower)
            rows["source"] = _intern(rows["source"], other.sources, self.sources, self._sources, str)
            self._new.append(rows)

    def split(self, shard_of_id: dict[str, int]) -> dict[int, TrafficWindow]:
        """The window's rows by the shard that owns them now."""
        self._canonical()
        owner = np.array([shard_of_id[name] for name in self.ids], np.int64)
        parts: dict[int, TrafficWindow] = {}
        for shard in np.unique(owner).tolist():
            part = TrafficWindow()
            part.ids, part.sources = list(self.ids), list(self.sources)
            part.since = {name: us for name, us in self.since.items() if shard_of_id[name] == shard}
            part._merged = self._merged[owner[self._merged["entity"]] == shard]
            parts[shard] = part
        return parts


_text = lru_cache(maxsize=1 << 16)(address_text)


def _ranked(peers: list[Peer]) -> tuple[Peer, ...]:
    return tuple(sorted(peers, key=lambda peer: (-peer.connections, peer.address)))


def _intern(column: Any, names: list[str], known: list[str], index: dict[str, int], fold: Any) -> Any:
    """Indexes into `names` as indexes into `known`, which grows by what is new."""
    numbers = np.empty(len(names), np.int64)
    for at, name in enumerate(names):
        key = fold(name)
        if key not in index:
            index[key] = len(known)
            known.append(name)
        numbers[at] = index[key]
    return numbers[column.astype(np.int64)]
