"""Numbers of many, as numbers of those among them that were met: in the order in which they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from baselines.owned_rows import rising

Numbers = npt.NDArray[np.int32]

LEAST, SHARE = 1 << 16, 16  # places that a table may have: so many, or so many for each that was met


class Renumbered:
    """There is one for each file that is open, and of a million resources a file may touch a thousand: as long as they
    are few they stand in order, else in a table by their numbers.

    >>> some = Renumbered()
    >>> [part.tolist() for part in some.of(np.array([7, 900, 7]))]
    [[0, 1, 0], [7, 900]]
    >>> [part.tolist() for part in some.of(np.array([8, 900, 7]))], len(some)
    ([[2, 1, 0], [8]], 3)
    """

    def __init__(self) -> None:
        self._known = self._given = np.empty(
            0, np.int32
        )  # in order: the numbers that were met, and those here
        self._table: Numbers | None = np.empty(0, np.int32)  # or this: -1 = not met
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, numbers: npt.NDArray[Any]) -> tuple[Numbers, npt.NDArray[Any]]:
        """The numbers here of these, which are at least 0; and those that are met for the first time, rising."""
        if not len(numbers):
            return np.empty(0, np.int32), numbers
        self._make_room(int(numbers.max()) + 1, self._count + len(numbers))
        found = self._find(numbers)
        new = rising(numbers[found < 0])
        if not len(new):
            return found, new
        self._add(new)
        return self._find(numbers), new

    def _make_room(self, most: int, count: int) -> None:
        """For numbers below `most` in the table, or do without it if they would be too few for that."""
        if self._table is None or most <= len(self._table):
            return
        if most <= _places(count):
            unknown = np.full(max(most, len(self._table) * 3 // 2) - len(self._table), -1, np.int32)
            self._table = np.concatenate([self._table, unknown])
        else:
            self._known = np.flatnonzero(self._table >= 0).astype(np.int32)
            self._given, self._table = self._table[self._known], None

    def _find(self, numbers: npt.NDArray[Any]) -> Numbers:
        if self._table is not None:
            found: Numbers = self._table[numbers]
            return found
        if not self._count:
            return np.full(len(numbers), -1, np.int32)
        at = np.searchsorted(self._known, numbers)
        is_there = self._known.take(at, mode="clip") == numbers
        return np.where(is_there, self._given.take(at, mode="clip"), np.int32(-1))

    def _add(self, new: npt.NDArray[Any]) -> None:
        given = np.arange(self._count, self._count + len(new), dtype=np.int32)
        self._count += len(new)
        if self._table is not None:
            self._table[new] = given
            return
        at = np.searchsorted(self._known, new)
        self._known, self._given = np.insert(self._known, at, new), np.insert(self._given, at, given)
        most = int(self._known[-1]) + 1
        if most <= _places(self._count):
            self._table = np.full(most, -1, np.int32)
            self._table[self._known] = self._given
            self._known = self._given = np.empty(0, np.int32)


def _places(count: int) -> int:
    return max(LEAST, SHARE * count)
