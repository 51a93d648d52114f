"""A shard's open hour of flows: columns, merged from time to time, and grouped once at the close.

A connection is one client port between a resource's address and a peer on a service: the same connection
exported five times, or as two uniflows, is one. Merging adds, takes least and greatest values only, so
the order of arrival leaves no trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from actors.messages import Rows
from detections.traffic import PEERS, Traffic
from ingest.logs_values import content_hash

# A connection of at most so many packets and octets, both ways together: a log-in that failed looks so. Eleven
# real guesses of an SSH password (Zeek's trace sshguess.pcap) took 37 to 45 packets and 6,900 to 7,700 octets.
SHORT_PACKETS = 60
SHORT_OCTETS = 12_000
MERGE_ROWS = 200_000  # rows taken in before they are merged, or as many as there are merged ones
MOST_LOOKED_AT = 50  # connections of a peer among which those are looked for that are named

PEER_KEYS = ("entity", "service", "outgoing", "peer_hi", "peer_lo")
LISTED_KEYS = ("entity", "peer_hi", "peer_lo")
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
        ("source", "<u8"),  # hash of its name: files come in any order
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
    rows = rows[np.lexsort(_sort_keys(rows))]
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


def _sort_keys(rows: Connections) -> list[Any]:
    """Keys for `lexsort`, the last one first. Position comes last of all: a group's first row has the least.

    Where all is IPv4, which is nearly always, nine keys fit into two words: that sorts in a third of the time.
    """
    place = [rows["offset"], rows["source"]]
    high = rows["peer_hi"].any() or rows["own_hi"].any() or int(rows["entity"].max()) >> 28
    mapped = np.uint64(0xFFFF)
    if high or (rows["peer_lo"] >> _32 != mapped).any() or (rows["own_lo"] >> _32 != mapped).any():
        return [*place, *(rows[name] for name in reversed(KEYS))]
    who = rows["entity"].astype(np.uint64) << np.uint64(3)
    who |= rows["service"].astype(np.uint64) << np.uint64(1) | rows["outgoing"]
    ports = rows["client_port"].astype(np.uint64) << np.uint64(16) | rows["peer_port"]
    own = rows["own_lo"] << _32 | ports
    return [*place, own, who << _32 | rows["peer_lo"] & np.uint64(0xFFFFFFFF)]


_32 = np.uint64(32)


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
        self.sources: dict[int, str] = {}  # by the hash of the name
        self.since: dict[str, int] = {}  # id -> start of its time in the inventory, where it has one
        self._index: dict[str, int] = {}
        self._merged: Connections = np.empty(0, CONNECTION)
        self._new: list[Connections] = []
        self._waiting = 0

    def add(self, rows: Rows, ids: list[str], sources: list[str]) -> None:
        """Take TRAFFIC rows in whose `entity` and `source` index the given lists."""
        taken = as_connections(rows)
        if len(taken) == 0:
            return
        taken["entity"] = self._intern(taken["entity"], ids)
        hashes = [content_hash(source) for source in sources]
        self.sources.update(zip(hashes, sources, strict=True))
        taken["source"] = np.array(hashes, np.uint64)[taken["source"]]
        self._new.append(taken)
        self._waiting += len(taken)
        if self._waiting > max(MERGE_ROWS, len(self._merged)):
            self._merge()

    def _merge(self) -> None:
        if self._new:
            self._merged = merge(np.concatenate([self._merged, *self._new], dtype=CONNECTION))
            self._new, self._waiting = [], 0

    def close(self, hour: int) -> Traffic:
        """The hour, in columns; entities and sources are numbered by their names."""
        self._canonical()
        rows = self._merged
        listed = rows[rows["malicious"]]
        listed = listed[np.lexsort([listed[name] for name in ("peer_port", *reversed(LISTED_KEYS))])]
        known = rows[rows["service"] > 0]

        def places(begin: int, end: int, of_listed: bool) -> list[tuple[str, int]]:
            part = (listed if of_listed else known)[begin : min(end, begin + MOST_LOOKED_AT)]
            return [
                (self.sources[source], offset)
                for source, offset in zip(part["source"].tolist(), part["offset"].tolist(), strict=True)
            ]

        return Traffic(hour, self.ids, _peers(known, PEER_KEYS), _peers(listed, LISTED_KEYS), places)

    def _canonical(self) -> None:
        """Number ids by their names: what is said must not hang on who came first."""
        order = sorted(range(len(self.ids)), key=lambda index: self.ids[index].lower())
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        for rows in (self._merged, *self._new):
            rows["entity"] = rank[rows["entity"]]
        self.ids = [self.ids[index] for index in order]
        self._index = {name.lower(): index for index, name in enumerate(self.ids)}
        self._new.append(np.empty(0, CONNECTION))
        self._merge()

    def _intern(self, column: Any, names: list[str]) -> Any:
        """Places in `names` as places in `ids`, which grows by what is new."""
        numbers = np.empty(len(names), np.int64)
        for at, name in enumerate(names):
            number = self._index.setdefault(name.lower(), len(self.ids))
            if number == len(self.ids):
                self.ids.append(name)
            numbers[at] = number
        return numbers[column]

    def state(self) -> list[Any]:
        """The window as MessagePack values; it is saved while its hour is open."""
        self._canonical()
        return [
            self.ids,
            sorted(self.sources.items()),
            self._merged.tobytes(),
            sorted(self.since.items()),
        ]

    @classmethod
    def restore(cls, state: list[Any]) -> TrafficWindow:
        """The window with that state."""
        window = cls()
        window.ids, window.sources = list(state[0]), dict(state[1])
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
            rows["entity"] = self._intern(rows["entity"], other.ids)
            self.sources.update(other.sources)
            self._new.append(rows)

    def split(self, shard_of_id: dict[str, int]) -> dict[int, TrafficWindow]:
        """The window's rows by the shard that owns them now."""
        self._canonical()
        owner = np.array([shard_of_id[name] for name in self.ids], np.int64)
        parts: dict[int, TrafficWindow] = {}
        for shard in np.unique(owner).tolist():
            part = TrafficWindow()
            part.ids, part.sources = list(self.ids), dict(self.sources)
            part.since = {name: us for name, us in self.since.items() if shard_of_id[name] == shard}
            part._merged = self._merged[owner[self._merged["entity"]] == shard]
            parts[shard] = part
        return parts


def _peers(rows: Connections, keys: tuple[str, ...]) -> npt.NDArray[np.void]:
    """Each peer's connections as one row of `PEERS`, from rows sorted by `keys`."""
    starts = boundaries(rows, keys)
    out = np.zeros(len(starts), PEERS)
    if len(rows) == 0:
        return out
    passed = ~rows["denied"]
    packets = (rows["forward"] + rows["back"]) * passed
    octets = rows["octets"] * passed
    sums = {
        "connections": passed,
        "short": passed & (packets <= SHORT_PACKETS) & (octets <= SHORT_OCTETS),
        "packets": packets,
        "octets": octets,
        "denied": rows["denied"],
    }
    for name, column in sums.items():
        out[name] = np.add.reduceat(column.astype(np.int64), starts)
    out["answered"] = np.logical_or.reduceat(passed & (rows["forward"] > 0) & (rows["back"] > 0), starts)
    out["first_us"] = np.minimum.reduceat(rows["first_us"], starts)
    out["last_us"] = np.maximum.reduceat(rows["last_us"], starts)
    out["sampling"] = np.maximum.reduceat(rows["sampling"], starts)
    for name in ("entity", "service", "outgoing", "peer_hi", "peer_lo", "own_hi", "own_lo"):
        out[name] = rows[name][starts]
    out["port"] = rows["peer_port"][starts]
    out["begin"], out["end"] = starts, np.append(starts[1:], len(rows))
    return out
