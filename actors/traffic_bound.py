"""What is kept of a resource's connections where an hour has more of them than a machine should remember.

Those with the smallest hashes stay. Which they are hangs on the connections alone: one that is left out by a part of
the hour is left out by the whole of it, and one that stays has all its rows. So neither the order of arrival, nor when
was merged or saved, leaves a trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detections.traffic import MOST_CONNECTIONS
from ingest.identity import further_many

Columns = dict[str, npt.NDArray[Any]]
GROUP = ("entity", "service", "outgoing")
_NAMED = ("own_hi", "own_lo", "peer_hi", "peer_lo", "client_port", "peer_port")


def bounded(rows: Columns, most: int = MOST_CONNECTIONS) -> Columns:
    """At most so many connections of a resource on a service in a direction; `rows` are merged, sorted by `GROUP` first."""
    number = len(rows["entity"])
    if number <= most:
        return rows
    starts = _starts(rows)
    sizes = np.diff(starts, append=number)
    if sizes.max() <= most:
        return rows
    keep = np.ones(number, bool)
    for begin, size in zip(starts[sizes > most].tolist(), sizes[sizes > most].tolist(), strict=True):
        hashes = _hashed(rows, begin, begin + size)
        keep[begin : begin + size] = hashes <= np.partition(hashes, most - 1)[most - 1]
    return {name: column[keep] for name, column in rows.items()}


def _starts(rows: Columns) -> npt.NDArray[np.int64]:
    new = np.zeros(len(rows["entity"]), bool)
    new[0] = True
    for name in GROUP:
        new[1:] |= rows[name][1:] != rows[name][:-1]
    return np.flatnonzero(new)


def _hashed(rows: Columns, begin: int, end: int) -> npt.NDArray[np.uint64]:
    """Of what names each connection of a group, but the resource's number, which is a shard's own."""
    hashed = np.zeros(end - begin, np.uint64)
    for name in _NAMED:
        hashed = further_many(hashed, rows[name][begin:end].astype(np.uint64))
    return hashed
