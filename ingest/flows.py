"""Flows as columns: what decoders of flows give, and `ingest.select` takes.

A block of flows may come in several parts, one for each layout that its records have. Nothing is converted
until a column is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        """A column of `FLOW`, in its type there; not to be written to."""
        ...

    def take(self, index: Index) -> Part:
        """Only the flows at these positions, which rise."""
        ...

    def four(self, side: str) -> npt.NDArray[np.uint32] | None:
        """The addresses of a side ('src', 'dst') in 32 bits, if by its layout all of them are IPv4."""
        ...

    def newest_us(self, limit: int | None) -> int | None:
        """The greatest `end_us` that is not above the limit; None if there is none."""
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
        return Rows(self._rows.take(index))

    def four(self, side: str) -> npt.NDArray[np.uint32] | None:
        """See `Part.four`: a row may have an address of either family."""
        return None

    def newest_us(self, limit: int | None) -> int | None:
        """See `Part.newest_us`."""
        return newest(self._rows["end_us"], limit)


class Columns:
    """A part made of whole columns, for decoders that make each at once; those that are not there are 0."""

    __slots__ = ("_columns", "_length")

    def __init__(self, columns: Mapping[str, Column], length: int) -> None:
        self._columns, self._length = columns, length

    def __len__(self) -> int:
        return self._length

    def column(self, name: str) -> Column:
        """See `Part.column`."""
        made = self._columns.get(name)
        return np.zeros(self._length, FLOW[name]) if made is None else made.astype(FLOW[name], copy=False)

    def take(self, index: Index) -> Columns:
        """See `Part.take`."""
        return Columns({name: column.take(index) for name, column in self._columns.items()}, len(index))

    def four(self, side: str) -> npt.NDArray[np.uint32] | None:
        """See `Part.four`."""
        low = self.column(f"{side}_lo")
        if self.column(f"{side}_hi").any() or (low >> np.uint64(32) != 0xFFFF).any():
            return None
        return low.astype(np.uint32)

    def newest_us(self, limit: int | None) -> int | None:
        """See `Part.newest_us`."""
        return newest(self.column("end_us"), limit)


class FlowColumns:
    """Flows in columns; the names and types are those of `FLOW`.

    >>> flows = FlowColumns.of_rows(np.zeros(3, FLOW))
    >>> len(flows), flows.column("src_port"), flows.newest_us()
    (3, array([0, 0, 0], dtype=uint16), 0)
    """

    __slots__ = ("_columns", "_length", "parts")

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = [part for part in parts if len(part)]
        self._length = sum(map(len, self.parts))
        self._columns: dict[str, Column] = {}

    @classmethod
    def of_rows(cls, rows: npt.NDArray[np.void]) -> Self:
        """From an array of `FLOW`."""
        return cls([Rows(rows)])

    def __len__(self) -> int:
        return self._length

    def column(self, name: str) -> Column:
        """One column of all flows, in its type in `FLOW`; not to be written to. Raises KeyError."""
        if name not in self._columns:
            self._columns[name] = joined([part.column(name) for part in self.parts], FLOW[name])
        return self._columns[name]

    def newest_us(self, limit: int | None = None) -> int:
        """The greatest `end_us` that is not above the limit (None: of all); 0 if there is none."""
        found = (part.newest_us(limit) for part in self.parts)
        return max((one for one in found if one is not None), default=0)


def joined(columns: list[Column], kind: npt.DTypeLike) -> Column:
    """One after another; a single one as it is."""
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.empty(0, kind)


def newest(ended: Column, limit: int | None) -> int | None:
    """The greatest of these times that is not above the limit; None if there is none."""
    some = ended if limit is None else ended[ended <= limit]
    return int(some.max()) if len(some) else None
