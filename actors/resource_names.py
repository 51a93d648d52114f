"""The names of a shard's resources: each has a number, for ever, which is its place in all columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from actors.keys import entity_key, group_column

KIND = "resource"
Ints = npt.NDArray[np.int64]


class ResourceNames:
    """Numbers rise from 0 in the order in which the names come; case does not tell two apart."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._number: dict[str, int] = {}  # id in lower case -> its place in `ids`
        self._rank = np.zeros(0, np.int64)  # place of each in the order of ids
        self._groups = np.empty(0, np.int16)  # key groups, -1 where nobody has asked

    def numbers(self, ids: Iterable[str]) -> list[int]:
        """The numbers of names; new ones get the next."""
        known, numbers = self._number, []
        for id_ in ids:
            number = known.setdefault(id_.lower(), len(self.ids))
            if number == len(self.ids):
                self.ids.append(id_)
            numbers.append(number)
        return numbers

    def in_order(self, owners: Ints) -> Ints:
        """The same resources in the order of their ids."""
        if len(self._rank) < len(self.ids):
            order = sorted(range(len(self.ids)), key=lambda number: self.ids[number].lower())
            self._rank = np.empty(len(order), np.int64)
            self._rank[order] = np.arange(len(order))
        return owners[np.argsort(self._rank[owners])]

    def groups(self, owners: Ints) -> npt.NDArray[np.int16]:
        """The key group of each."""
        if (more := len(self.ids) - len(self._groups)) > 0:
            unasked = np.full(max(1_024, more, len(self._groups) // 2), -1, np.int16)
            self._groups = np.concatenate([self._groups, unasked])
        unknown = owners[self._groups[owners] < 0]
        self._groups[unknown] = group_column(
            entity_key(KIND, self.ids[number]) for number in unknown.tolist()
        )
        return self._groups[owners]
