"""A closed hour's acts by entity. `Act` objects are made when somebody looks at them, which is seldom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from actors.part_table import PartTable
from detections.view import Act
from ingest.event_columns import PARTS
from ingest.parts import Parts

Columns = Mapping[str, npt.NDArray[Any]]


class Acts(Sequence[Act]):
    """Some rows as acts."""

    def __init__(self, rows: Columns, parts: Parts, sources: Mapping[int, str]) -> None:
        self._rows = rows
        self._parts = parts
        self._sources = sources
        self._made: list[Act] | None = None

    def __len__(self) -> int:
        return len(self._rows["uid"])

    def __iter__(self) -> Iterator[Act]:
        return iter(self._all())

    @overload
    def __getitem__(self, at: int) -> Act: ...
    @overload
    def __getitem__(self, at: slice) -> list[Act]: ...
    def __getitem__(self, at: int | slice) -> Act | list[Act]:
        return self._all()[at]

    def _all(self) -> list[Act]:
        if self._made is None:
            names = (*PARTS, "first_us", "last_us", "count", "uid", "offset", "source")
            self._made = [
                Act(
                    self._parts.event(codes, first, uid, 0, offset, self._sources[source]),
                    count,
                    first,
                    last,
                )
                for *codes, first, last, count, uid, offset, source in zip(
                    *(self._rows[name].tolist() for name in names), strict=True
                )
            ]
        return self._made


class ClosedHour:
    """All entities of one kind in an hour."""

    def __init__(
        self, acts: Columns, whose: npt.NDArray[Any], table: PartTable, sources: Mapping[int, str]
    ) -> None:
        self._table = table
        self._sources = sources
        order = np.lexsort((acts["uid"], acts["first_us"], whose))
        self._acts = {name: column[order] for name, column in acts.items()}
        whose = whose[order]
        self.entities, begin = np.unique(whose, return_index=True)
        self._begin = np.append(begin, len(whose))
        self.counts = np.add.reduceat(self._acts["count"], begin) if len(begin) else begin
        self._group(whose)

    def _group(self, whose: npt.NDArray[Any]) -> None:
        group = self._table.groups(self._acts)
        order = np.lexsort((group, whose))  # stable: within a group by time, as the acts are
        change = np.ones(len(order), bool)
        change[1:] = (np.diff(whose[order]) != 0) | (np.diff(group[order]) != 0)
        begin = np.flatnonzero(change)
        heads = order[begin]
        groups = {name: column[heads] for name, column in self._acts.items()}
        if len(begin):
            groups["count"] = np.add.reduceat(self._acts["count"][order], begin)
            groups["last_us"] = np.maximum.reduceat(self._acts["last_us"][order], begin)
        again = np.argsort(heads)  # by entity and time of the first act
        self._groups = {name: column[again] for name, column in groups.items()}
        self._groups_begin = np.searchsorted(heads[again], self._begin)

    def acts(self, at: int, most: int | None = None) -> Acts:
        """An entity's acts in time order, or the last ones of them."""
        begin, end = self._begin[at], self._begin[at + 1]
        return self._some(self._acts, begin if most is None else max(begin, end - most), end)

    def groups(self, at: int) -> Acts:
        """An entity's groups."""
        return self._some(self._groups, self._groups_begin[at], self._groups_begin[at + 1])

    def _some(self, rows: Columns, begin: int, end: int) -> Acts:
        part = {name: column[begin:end] for name, column in rows.items()}
        return Acts(part, self._table.parts, self._sources)
