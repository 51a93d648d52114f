"""A closed hour's acts by entity. `Act` objects are made when somebody looks at them, which is seldom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from actors.part_table import PartTable
from detections.view import Act
from ingest.event_columns import PARTS
from ingest.parts import Parts, put_together

Columns = Mapping[str, npt.NDArray[Any]]
_OWN = ("first_us", "last_us", "count", "uid", "offset", "source")
_AT_ONCE = 256  # entities whose groups are made at once: a call to NumPy costs more than an act


def _made(rows: Columns, part: slice, parts: Parts, sources: Mapping[int, str]) -> list[Act]:
    """Some rows as acts."""
    whats, whos, wheres = parts.whats, parts.whos, parts.wheres
    return [
        Act(
            put_together(whats[what], whos[who], wheres[where], first, uid, 0, offset, sources[source]),
            count,
            first,
            last,
        )
        for what, who, where, first, last, count, uid, offset, source in zip(
            *(rows[name][part].tolist() for name in (*PARTS, *_OWN)), strict=True
        )
    ]


class Acts(Sequence[Act]):
    """Some rows as acts, made when they are looked at."""

    __slots__ = ("_made", "_part", "_parts", "_rows", "_sources")

    def __init__(self, rows: Columns, part: slice, parts: Parts, sources: Mapping[int, str]) -> None:
        self._rows = rows
        self._part = part
        self._parts = parts
        self._sources = sources
        self._made: list[Act] | None = None

    def __len__(self) -> int:
        return int(self._part.stop - self._part.start)

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
            self._made = _made(self._rows, self._part, self._parts, self._sources)
        return self._made


class ClosedHour:
    """All entities of one kind in an hour, in the order of their keys; it is quickest to ask for them in that order."""

    def __init__(
        self, acts: Columns, whose: npt.NDArray[Any], table: PartTable, sources: Mapping[int, str]
    ) -> None:
        self._parts = table.parts
        self._sources = sources
        numbers, which = np.unique(whose, return_inverse=True)
        keys = [table.entities[number] for number in numbers.tolist()]
        by_key = sorted(range(len(keys)), key=keys.__getitem__)
        self.keys = [keys[at] for at in by_key]
        self.entities: list[int] = numbers[by_key].tolist()
        rank = np.empty(len(keys), np.int64)
        rank[by_key] = np.arange(len(keys))
        whose = rank[which]
        order = np.lexsort((acts["uid"], acts["first_us"], whose))
        self._acts = {name: column[order] for name, column in acts.items()}
        whose = whose[order]
        begin = np.searchsorted(whose, np.arange(len(keys)))
        self._begin: list[int] = [*begin.tolist(), len(whose)]
        self.counts: list[int] = np.add.reduceat(self._acts["count"], begin).tolist() if keys else []
        self._group(whose, table.groups(self._acts))
        self._made_from, self._made = 0, list[Act]()  # groups of some entities, from that row on
        self._made_of = range(0)

    def _group(self, whose: npt.NDArray[Any], group: npt.NDArray[Any]) -> None:
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
        self._groups_begin: list[int] = np.searchsorted(heads[again], self._begin).tolist()

    def acts(self, at: int, most: int | None = None) -> Acts:
        """An entity's acts in time order, or the last ones of them."""
        begin, end = self._begin[at], self._begin[at + 1]
        begin = begin if most is None else max(begin, end - most)
        return Acts(self._acts, slice(begin, end), self._parts, self._sources)

    def groups(self, at: int) -> list[Act]:
        """An entity's groups."""
        if at not in self._made_of:
            self._made_of = range(at, min(at + _AT_ONCE, len(self.keys)))
            self._made_from = self._groups_begin[at]
            some = slice(self._made_from, self._groups_begin[self._made_of.stop])
            self._made = _made(self._groups, some, self._parts, self._sources)
        return self._made[
            self._groups_begin[at] - self._made_from : self._groups_begin[at + 1] - self._made_from
        ]

    def each_its_own(self, at: int) -> bool:
        """Whether each act of an entity is a group by itself: then the groups are the acts."""
        acts = self._begin[at + 1] - self._begin[at]
        return acts == self._groups_begin[at + 1] - self._groups_begin[at]
