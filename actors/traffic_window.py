"""A shard's open hour of flows: columns, merged from time to time, and grouped once at the close.

A connection is one client port between a resource's address and a peer on a service: the same connection
exported five times, or as two uniflows, is one. Merging adds, takes least and greatest values only, so
the order of arrival leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
_LEAST = ("first_us", "source")
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
    """Rows of one connection as one row; the result is sorted by `KEYS`."""
    if len(rows) == 0:
        return rows
    order, starts = _order(rows)
    out = rows[order[starts]]
    sizes = np.diff(starts, append=len(rows))
    several = np.flatnonzero(sizes > 1)
    if len(several):  # most connections come once: only the others are worth adding up
        out[several] = _added(rows[order[np.repeat(sizes > 1, sizes)]], sizes[several])
    return out


def _added(rows: Connections, sizes: npt.NDArray[np.int64]) -> Connections:
    """Runs of rows of so many, each as one row."""
    starts = np.cumsum(sizes) - sizes
    out = rows[starts]
    for name in _SUMS:
        out[name] = np.add.reduceat(rows[name], starts)
    for name in _LEAST:
        out[name] = np.minimum.reduceat(rows[name], starts)
    for name in _GREATEST:
        out[name] = np.maximum.reduceat(rows[name], starts)
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
        return order, boundaries(rows[order], KEYS)
    who = rows["entity"].astype(np.uint64) << np.uint64(3)
    who |= rows["service"].astype(np.uint64) << np.uint64(1) | rows["outgoing"]
    with_whom = who << _32 | rows["peer_lo"] & np.uint64(0xFFFFFFFF)
    ports = rows["client_port"].astype(np.uint64) << np.uint64(16) | rows["peer_port"]
    how = rows["own_lo"] << _32 | ports
    order = np.argsort(with_whom)
    with_whom = with_whom[order]
    new = np.ones(len(rows), bool)
    new[1:] = with_whom[1:] != with_whom[:-1]
    if not new.all():
        again = np.flatnonzero(~new | ~np.append(new[1:], True))  # of peers with more than one row
        order[again] = order[again][np.lexsort((how[order[again]], with_whom[again]))]
        how = how[order]
        new[1:] |= how[1:] != how[:-1]
    return order, np.flatnonzero(new)


_32 = np.uint64(32)
_MAPPED = np.uint64(0xFFFF)
_GREATEST_OFFSET = np.uint64(2**64 - 1)


def boundaries(rows: Connections, keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Where a new combination of the keys begins, in rows that are sorted by them."""
    change = np.zeros(len(rows), bool)
    change[:1] = True
    for name in keys:
        column = rows[name]
        change[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(change)


class TrafficWindow:
    """All resources' flows of one open hour in one shard. `entity` is a resource's number in the shard."""

    def __init__(self) -> None:
        self.sources: dict[int, str] = {}  # by the hash of the name
        self._merged: Connections = np.empty(0, CONNECTION)
        self._new: list[Connections] = []
        self._waiting = 0

    def add(self, rows: Rows, sources: list[str]) -> None:
        """Take TRAFFIC rows in whose `source` is a place in the given list."""
        taken = as_connections(rows)
        if len(taken) == 0:
            return
        hashes = [content_hash(source) for source in sources]
        self.sources.update(zip(hashes, sources, strict=True))
        taken["source"] = np.array(hashes, np.uint64)[taken["source"]]
        self._take(taken)
        if self._waiting > max(MERGE_ROWS, len(self._merged)):
            self._merge()

    def _take(self, rows: Connections) -> None:
        self._new.append(rows)
        self._waiting += len(rows)

    def _merge(self) -> None:
        if self._new:
            self._merged = merge(np.concatenate([self._merged, *self._new], dtype=CONNECTION))
            self._new, self._waiting = [], 0

    def present(self) -> npt.NDArray[np.int64]:
        """The resources that have flows in the window, in rising order."""
        self._merge()
        return np.unique(self._merged["entity"]).astype(np.int64)

    def close(self, hour: int, names: Sequence[str], owners: npt.NDArray[np.int64]) -> Traffic:
        """The hour in columns. `owners` are the resources present, in the order that entities shall have."""
        place = np.zeros(int(owners.max(initial=0)) + 1, np.int32)
        place[owners] = np.arange(len(owners))
        rows = self._merged
        rows["entity"] = place[rows["entity"]]
        rows = rows[_order(rows)[0]]
        listed = rows[rows["malicious"]]
        listed = listed[np.lexsort([listed[name] for name in ("peer_port", *reversed(LISTED_KEYS))])]
        known = rows if (rows["service"] > 0).all() else rows[rows["service"] > 0]

        def places(begin: int, end: int, of_listed: bool) -> list[tuple[str, int]]:
            part = (listed if of_listed else known)[begin : min(end, begin + MOST_LOOKED_AT)]
            return [
                (self.sources[source], offset)
                for source, offset in zip(part["source"].tolist(), part["offset"].tolist(), strict=True)
            ]

        said = [_peers(known, PEER_KEYS), _peers(listed, LISTED_KEYS)]
        return Traffic(hour, [names[owner] for owner in owners.tolist()], *said, places, owners)

    def state(self, owners: npt.NDArray[np.int64], names: Callable[[int], list[Any]]) -> list[Any]:
        """The part of some of the resources present, as MessagePack values; `names` says who they are."""
        place = np.full(int(self.present().max(initial=0)) + 1, -1, np.int32)
        place[owners] = np.arange(len(owners))
        rows = self._merged[place[self._merged["entity"]] >= 0]
        rows["entity"] = place[rows["entity"]]
        return [[names(owner) for owner in owners.tolist()], sorted(self.sources.items()), rows.tobytes()]

    def restore(self, state: list[Any], numbers: Callable[..., int]) -> None:
        """Take in what another window gave as its state; `numbers` gives each resource's number here."""
        names, sources, octets = state
        rows = np.frombuffer(octets, CONNECTION).copy()
        if len(rows):
            rows["entity"] = np.array([numbers(*name) for name in names], np.int32)[rows["entity"]]
            self.sources.update(dict(sources))
            self._take(rows)


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
