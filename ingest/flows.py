"""Flows as columns: what decoders of flows give, and `ingest.select` takes.

A block of flows may come in several parts, one for each layout that its records have. Nothing is converted
until a column is asked for, and rows only for the few flows that someone wants.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from ingest.records import FLOW

Column = npt.NDArray[Any]
Index = npt.NDArray[np.int64]


class Part(Protocol):
    """Flows of one layout."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> Column:
        """A column of `FLOW`, in its type there."""
        ...

    def take(self, index: Index) -> Part:
        """Only the flows at these positions."""
        ...


class Rows:
    """A part made of `FLOW` rows, for decoders that make them one by one."""

    __slots__ = ("_rows",)

    def __init__(self, rows: npt.NDArray[np.void]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> Column:
        """See `Part.column`."""
        return self._rows[name]

    def take(self, index: Index) -> Rows:
        """See `Part.take`."""
        return Rows(self._rows[index])


class FlowColumns:
    """Flows in columns; the names and types are those of `FLOW`.

    >>> flows = FlowColumns.of_rows(np.zeros(3, FLOW))
    >>> len(flows), flows.column("src_port"), len(flows.rows(np.array([False, True, False])))
    (3, array([0, 0, 0], dtype=uint16), 1)
    """

    __slots__ = ("_columns", "_ends", "parts")

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = [part for part in parts if len(part)]
        self._ends = np.cumsum([len(part) for part in self.parts], dtype=np.int64)
        self._columns: dict[str, Column] = {}

    @classmethod
    def of_rows(cls, rows: npt.NDArray[np.void]) -> Self:
        """From an array of `FLOW`."""
        return cls([Rows(rows)])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def column(self, name: str) -> Column:
        """One column of all flows, in its type in `FLOW`; not to be written to. Raises KeyError."""
        if name not in self._columns:
            self._columns[name] = self._joined(name)
        return self._columns[name]

    def _joined(self, name: str) -> Column:
        made = [part.column(name) for part in self.parts]
        if len(made) == 1:
            return made[0]
        return np.concatenate(made) if made else np.empty(0, FLOW[name])

    def rows(self, chosen: npt.NDArray[np.bool_] | Index) -> npt.NDArray[np.void]:
        """The flows that a mask or ascending positions choose, as an array of `FLOW`, in their order."""
        index = np.flatnonzero(chosen) if chosen.dtype == bool else np.asarray(chosen, np.int64)
        out = np.empty(len(index), FLOW)
        start = first = 0
        for part, end in zip(self.parts, self._ends.tolist(), strict=True):
            stop = int(np.searchsorted(index, end))
            if stop > first:
                fill(part.take(index[first:stop] - start), out[first:stop])
            start, first = end, stop
        return out


def fill(part: Part, rows: npt.NDArray[np.void]) -> None:
    """Write all columns of a part into `FLOW` rows of its length."""
    for name in FLOW.names or ():
        rows[name] = part.column(name)
