"""A shard's open hour of flows: columns, merged from time to time, and grouped once at the close.

A connection is one client port between a resource's address and a peer on a service: the same connection
exported five times, or as two uniflows, is one. Merging adds, takes least and greatest values only, so
the order of arrival leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.messages import Rows
from actors.traffic_bound import bounded
from detections.traffic import Peers, Traffic
from ingest.identity import content_hash

# A connection of at most so many packets and octets, both ways together: a log-in that failed looks so. Eleven
# real guesses of an SSH password (Zeek's trace sshguess.pcap) took 37 to 45 packets and 6,900 to 7,700 octets.
SHORT_PACKETS = 60
SHORT_OCTETS = 12_000
# Of one packet in so many that share of both is left, and which packets are left is chance: one of full size more says
# nothing. So about what looks short without sampling looks short with it.
FULL_PACKET = 1_500
# Rows taken in before they are merged: so many, or as many as there are merged ones; and so many times as many where
# merging made hardly fewer of them, for then it is done only to find out whether it does now.
MERGE_ROWS, SELDOM = 200_000, 4
HARDLY = 0.9
MOST_LOOKED_AT = 50  # connections of a peer among which those are looked for that are named

PEER_KEYS = ("entity", "service", "outgoing", "peer_hi", "peer_lo")
LISTED_KEYS = ("entity", "peer_hi", "peer_lo")
KEYS = (*PEER_KEYS, "own_hi", "own_lo", "client_port", "peer_port")
# Each column is an array of its own: a pass over one then reads nothing else, which is several times as fast as
# over the rows of a structured array.
COLUMNS: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind)
    for kind, names in {
        "i4": ("entity",),
        "u8": ("own_hi", "own_lo", "peer_hi", "peer_lo", "offset", "source"),  # a source is its name's hash
        "u1": ("service",),
        "?": ("outgoing", "denied", "malicious"),
        "u2": ("client_port", "peer_port"),
        "i8": ("forward", "back", "octets", "first_us", "last_us"),  # forward: packets client -> server
        "u4": ("sampling",),
    }.items()
    for name in names
}
_SUMS = ("forward", "back", "octets")
_LEAST = ("first_us", "source")
_GREATEST = ("last_us", "sampling", "malicious")
_AT_ONCE = 4_096  # rows that are turned into columns at a time: they stay in the cache for all of them
Connections = dict[str, npt.NDArray[Any]]


def nothing() -> Connections:
    """No connection."""
    return {name: np.empty(0, kind) for name, kind in COLUMNS.items()}


def as_connections(rows: Rows) -> Connections:
    """TRAFFIC rows as connections, one each."""
    out = {name: np.empty(len(rows), kind) for name, kind in COLUMNS.items()}
    for begin in range(0, len(rows), _AT_ONCE):
        part, end = rows[begin : begin + _AT_ONCE], begin + _AT_ONCE
        for name in _TAKEN:
            out[name][begin:end] = part[name]
        forward = part["forward"]
        other_way = part["both"].astype(np.int64)
        packets = np.minimum(part["packets"], MOST).astype(np.int64)
        out["forward"][begin:end] = np.where(forward, packets, other_way)
        out["back"][begin:end] = np.where(forward, other_way, packets)
        out["octets"][begin:end] = np.minimum(part["octets"], MOST)
        out["first_us"][begin:end] = part["start_us"]
        out["last_us"][begin:end] = np.maximum(part["end_us"], part["start_us"])
    # The peer's port tells two peers' services apart only where the service itself does not.
    out["peer_port"][out["service"] > 0] = 0
    return out


def chosen(of: Connections, rows: Any) -> Connections:
    """Some of the connections, by positions or a mask."""
    return {name: column[rows] for name, column in of.items()}


def joined(parts: Sequence[Connections]) -> Connections:
    """Several parts as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}


def merge(rows: Connections) -> Connections:
    """Rows of one connection as one row, of at most so many of a resource; the result is sorted by `KEYS`."""
    number = len(rows["entity"])
    if number == 0:
        return rows
    order, starts = _order(rows)
    out = chosen(rows, order[starts])
    sizes = np.diff(starts, append=number)
    several = np.flatnonzero(sizes > 1)
    if len(several):  # most connections come once: only the others are worth adding up
        added = _added(chosen(rows, order[np.repeat(sizes > 1, sizes)]), sizes[several])
        for name, column in added.items():
            out[name][several] = column
    return bounded(out)


def _added(rows: Connections, sizes: npt.NDArray[np.int64]) -> Connections:
    """What is added up of runs of so many rows."""
    starts = np.cumsum(sizes) - sizes
    out = {name: np.add.reduceat(rows[name], starts) for name in _SUMS}
    out |= {name: np.minimum.reduceat(rows[name], starts) for name in _LEAST}
    out |= {name: np.maximum.reduceat(rows[name], starts) for name in _GREATEST}
    out["denied"] = np.logical_and.reduceat(rows["denied"], starts)
    # The least position: of the source whose hash is least, the least offset.
    first = rows["source"] == np.repeat(out["source"], sizes)
    out["offset"] = np.minimum.reduceat(np.where(first, rows["offset"], _GREATEST_OFFSET), starts)
    return out


def _order(rows: Connections) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How `KEYS` order the rows, and where in that order a new combination of them begins.

    Where all is IPv4, which is nearly always, the nine keys fit into two words: that takes a tenth of the time.
    """
    high = rows["peer_hi"].any() or rows["own_hi"].any() or int(rows["entity"].max()) >> 28
    if high or (rows["peer_lo"] >> _32 != _MAPPED).any() or (rows["own_lo"] >> _32 != _MAPPED).any():
        order = np.lexsort([rows[name] for name in reversed(KEYS)])
        return order, boundaries({name: rows[name][order] for name in KEYS}, KEYS)
    who = rows["entity"].astype(np.uint64) << np.uint64(3)
    who |= rows["service"].astype(np.uint64) << np.uint64(1) | rows["outgoing"]
    with_whom = who << _32 | rows["peer_lo"] & np.uint64(0xFFFFFFFF)
    ports = rows["client_port"].astype(np.uint64) << np.uint64(16) | rows["peer_port"]
    how = rows["own_lo"] << _32 | ports
    order = np.argsort(with_whom)
    with_whom = with_whom[order]
    new = np.ones(len(order), bool)
    new[1:] = with_whom[1:] != with_whom[:-1]
    if not new.all():
        again = np.flatnonzero(~new | ~np.append(new[1:], True))  # of peers with more than one row
        order[again] = order[again][np.lexsort((how[order[again]], with_whom[again]))]
        how = how[order]
        new[1:] |= how[1:] != how[:-1]
    return order, np.flatnonzero(new)


MOST = np.uint64(2**60)  # packets or octets of a flow: what says more is wrong, and must not run over
_TAKEN = (*KEYS, "source", "offset", "sampling", "denied", "malicious")
_32 = np.uint64(32)
_MAPPED = np.uint64(0xFFFF)
_GREATEST_OFFSET = np.uint64(2**64 - 1)


def boundaries(rows: Connections, keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Where a new combination of the keys begins, in rows that are sorted by them."""
    change = np.zeros(len(rows[keys[0]]), bool)
    change[:1] = True
    for name in keys:
        column = rows[name]
        change[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(change)


class TrafficWindow:
    """All resources' flows of one open hour in one shard. `entity` is a resource's number in the shard."""

    def __init__(self) -> None:
        self.sources: dict[int, str] = {}  # by the hash of the name
        self._saved: list[Connections] = []  # what a checkpoint has already, merged in parts
        self._merged: Connections = nothing()
        self._new: list[Connections] = []
        self._waiting = 0
        self._patience = 1  # rows that may wait for each merged one

    def add(self, rows: Rows, sources: list[str]) -> None:
        """Take TRAFFIC rows in whose `source` is a place in the given list."""
        if len(rows) == 0:
            return
        taken = as_connections(rows)
        hashes = [content_hash(source) for source in sources]
        self.sources.update(zip(hashes, sources, strict=True))
        taken["source"] = np.array(hashes, np.uint64)[taken["source"]]
        self._new.append(taken)
        self._waiting += len(rows)
        if self._waiting > max(MERGE_ROWS, self._patience * len(self._merged["entity"])):
            self._merge()

    def _merge(self) -> None:
        if not self._new:
            return
        before = self._waiting + len(self._merged["entity"])
        self._merged = merge(joined([self._merged, *self._new]))
        self._new, self._waiting = [], 0
        self._patience = SELDOM if len(self._merged["entity"]) > HARDLY * before else 1

    def close(self, hour: int, names: Sequence[str]) -> Traffic:
        """The hour in columns; `names` are the shard's resources."""
        self._merge()
        rows = merge(joined([*self._saved, self._merged])) if self._saved else self._merged
        listed = chosen(rows, rows["malicious"])
        listed = chosen(listed, np.lexsort([listed[name] for name in ("peer_port", *reversed(LISTED_KEYS))]))
        on_service = rows["service"] > 0
        known = rows if on_service.all() else chosen(rows, on_service)

        def places(begin: int, end: int, of_listed: bool) -> list[tuple[str, int]]:
            part, end = listed if of_listed else known, min(end, begin + MOST_LOOKED_AT)
            pairs = zip(part["source"][begin:end].tolist(), part["offset"][begin:end].tolist(), strict=True)
            return [(self.sources[source], offset) for source, offset in pairs]

        return Traffic(hour, names, _peers(known, PEER_KEYS), _peers(listed, LISTED_KEYS), places)

    def changes(self) -> Connections:
        """What came since the last time; it is kept, as what a checkpoint has."""
        self._merge()
        fresh, self._merged = self._merged, nothing()
        if len(fresh["entity"]):
            self._saved.append(fresh)
        later = sum(len(part["entity"]) for part in self._saved[1:])
        if later > MERGE_ROWS and later > len(self._saved[0]["entity"]):
            self._saved = [merge(joined(self._saved))]
        return fresh

    def restore(self, rows: Connections, sources: Iterable[tuple[int, str]]) -> None:
        """Take saved connections in, whose `entity` is a number here and whose `source` is a hash."""
        self.sources.update(sources)
        self._saved.append(rows)

    def mark(self) -> None:
        """All of it is to be among the next changes."""
        self._merged = merge(joined([*self._saved, self._merged]))
        self._saved = []


def _peers(rows: Connections, keys: tuple[str, ...]) -> Peers:
    """Each peer's connections as one, from rows sorted by `keys`."""
    starts = boundaries(rows, keys)
    number = len(rows["entity"])
    passed = ~rows["denied"]
    packets = (rows["forward"] + rows["back"]) * passed
    octets = rows["octets"] * passed
    short = passed & _short(packets, octets, rows["sampling"])
    answered = passed & (rows["forward"] > 0) & (rows["back"] > 0)
    single = len(starts) == number  # each peer has one connection: nothing is to be added up

    def over(ufunc: np.ufunc, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return column if single else ufunc.reduceat(column, starts)

    return {
        **{name: rows[name][starts] for name in ("service", "outgoing", "peer_hi", "peer_lo")},
        **{name: rows[name][starts] for name in ("own_hi", "own_lo", "entity")},
        "connections": over(np.add, passed.astype(np.int64)),
        "short": over(np.add, short.astype(np.int64)),
        "packets": over(np.add, packets),
        "octets": over(np.add, octets),
        "denied": over(np.add, rows["denied"].astype(np.int64)),
        "answered": over(np.logical_or, answered),
        "first_us": over(np.minimum, rows["first_us"]),
        "last_us": over(np.maximum, rows["last_us"]),
        "sampling": over(np.maximum, rows["sampling"]),
        "port": rows["peer_port"][starts],
        "begin": starts,
        "end": np.append(starts[1:], number) if number else starts,
    }


def _short(
    packets: npt.NDArray[Any], octets: npt.NDArray[Any], sampling: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Which connections look like a log-in that failed, by what sampling leaves of one."""
    every = np.maximum(sampling.astype(np.int64), 1)
    room = (every > 1).astype(np.int64)  # one packet, and one as which traffic both ways is counted
    few = packets <= -(-SHORT_PACKETS // every) + 2 * room
    small: npt.NDArray[np.bool_] = octets <= SHORT_OCTETS // every + room * FULL_PACKET
    return few & small
