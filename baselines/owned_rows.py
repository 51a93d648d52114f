"""Rows of numbers by the number of their owner, some of whom have none: a table that grows, and takes up again what is free."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def rising(owners: Ints) -> Ints:
    """Each of the owners once, in rising order. By sorting: `np.unique` hashes, which is slow where most differ.

    >>> rising(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ordered = np.sort(owners, kind="stable")
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    result: Ints = ordered[first]
    return result


class OwnedRows:
    """A row for each owner that has one; `nothing` is the row of one who has just got it."""

    def __init__(self, nothing: Any) -> None:
        self._nothing = nothing
        self.rows = np.zeros(0, nothing.dtype)
        self._used = 0
        self._free = np.empty(0, np.int64)  # rows of owners that were forgotten
        self._row_of = np.full(0, -1, np.int32)  # owner -> row

    def __len__(self) -> int:
        return self._used - len(self._free)

    def reach(self, owners: Ints) -> Ints:
        """The places of the owners' rows, made where they were not."""
        most = int(owners.max(initial=-1)) + 1
        if most > len(self._row_of):
            self._row_of = _grown(self._row_of, most, -1)
        fresh = owners[self._row_of[owners] < 0]
        if len(fresh):
            self._row_of[fresh] = self._new(len(fresh))
        return self._row_of[owners].astype(np.int64)

    def _new(self, number: int) -> Ints:
        """So many rows that nobody has."""
        again, self._free = self._free[:number], self._free[number:]
        end = self._used + number - len(again)
        if end > len(self.rows):
            self.rows = _grown(self.rows, end, self._nothing)
        rows = np.concatenate([again, np.arange(self._used, end)])
        self._used = end
        self.rows[rows] = self._nothing
        return rows

    def having(self, owners: Ints) -> Mask:
        """Which of the owners have a row."""
        has = np.zeros(len(owners), bool)
        met = owners < len(self._row_of)
        has[met] = self._row_of[owners[met]] >= 0
        return has

    def has(self, owner: int) -> bool:
        """Whether an owner has a row."""
        return owner < len(self._row_of) and bool(self._row_of[owner] >= 0)

    def row(self, owner: int) -> Any:
        """The row of an owner who has one."""
        return self.rows[self._row_of[owner]]

    def forget(self, owners: Ints) -> None:
        """Take their rows from some owners."""
        known = owners[self.having(owners)]
        self._free = np.concatenate([self._free, self._row_of[known].astype(np.int64)])
        self._row_of[known] = -1

    def saved(self, owners: Ints) -> tuple[Mask, Any]:
        """Which of the owners have a row, and the rows of those."""
        has = self.having(owners)
        return has, self.rows[self._row_of[owners[has]]]

    def put(self, owners: Ints, rows: Any) -> None:
        """Set the owners' rows."""
        if len(owners):
            at = self.reach(owners)  # first: it may make the table longer
            self.rows[at] = rows


def _grown(column: Any, least: int, fill: Any) -> Any:
    """A longer copy: half as long again, so that growing costs the same for each owner."""
    out = np.full(max(least, 1_024, len(column) * 3 // 2), fill, column.dtype)
    out[: len(column)] = column
    return out
