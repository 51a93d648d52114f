"""Rows of acts as columns: all have the same ones, and go together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Columns = dict[str, npt.NDArray[Any]]
KINDS_OF_COLUMNS: dict[str, Any] = {
    "what": np.int32,  # the table's numbers of the parts
    "who": np.int32,
    "where": np.int32,
    "first_us": np.int64,
    "last_us": np.int64,
    "count": np.int64,
    "uid": np.uint64,
    "operation_id": np.uint64,
    "offset": np.int64,
    "source": np.uint64,  # hash of its name
}


def nothing() -> Columns:
    """No row."""
    return {name: np.empty(0, kind) for name, kind in KINDS_OF_COLUMNS.items()}


def chosen(rows: Columns, which: Any) -> Columns:
    """Some of the rows, by positions or a mask."""
    return {name: column[which] for name, column in rows.items()}


def joined(parts: list[Columns]) -> Columns:
    """Several parts as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in KINDS_OF_COLUMNS}


def earliest(rows: Columns, order: Any, starts: Any) -> Any:
    """Places in the order of each run's earliest row, ties by uid; sorting by all three keys takes thrice as long."""
    times = rows["first_us"][order]
    run = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    places = np.flatnonzero(times == np.minimum.reduceat(times, starts)[run])
    if len(places) > len(starts):
        run = run[places]
        by_uid = np.lexsort((rows["uid"][order[places]], run))
        places = places[by_uid[np.flatnonzero(np.diff(run, prepend=-1))]]
    return places


def place_least(rows: Columns, again: Columns) -> None:
    """Give rows the place of another delivery of theirs where that is less, whichever came first."""
    if not len(rows["uid"]):
        return
    order = np.lexsort((again["offset"], again["source"], again["uid"]))
    uids, least = np.unique(again["uid"][order], return_index=True)
    source, offset = again["source"][order[least]], again["offset"][order[least]]
    by_uid = np.argsort(rows["uid"])
    at = by_uid[np.minimum(np.searchsorted(rows["uid"], uids, sorter=by_uid), len(by_uid) - 1)]
    same_source = source == rows["source"][at]
    less = (source < rows["source"][at]) | (same_source & (offset < rows["offset"][at]))
    less &= rows["uid"][at] == uids
    rows["source"][at[less]], rows["offset"][at[less]] = source[less], offset[less]
