"""What came of messages: sets of data records by the layout of their template, counts, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.ipfix_samplers import IDS, Samplers, Told
from ingest.ipfix_templates import Layout
from ingest.records import Rejected

EXCERPT = 48  # octets of what is rejected that are shown
# Rows of what is known of a set, behind its number of records.
OFFSET, EXPORTED_S, SAMPLING, INIT_MS = range(4)


class Gathered:
    """Sets of records of one layout, in order, from which a part is to be made.

    Of each set is known: how many records, and the offset, export time, sampling and start of the system that
    are said of them all.
    """

    __slots__ = ("_about", "_ones", "_records", "samplers")

    def __init__(self) -> None:
        self._records: list[bytes | npt.NDArray[np.uint8]] = []
        self._about: list[npt.NDArray[np.int64]] = []
        self._ones: list[tuple[int, int, int, int, int]] = []
        self.samplers: list[Samplers] = []

    def sampling(self, layout: Layout, of_all: int, told: Told) -> int:
        """What is known of a set: one in how many, or less than 0 for the samplers by which each record was chosen."""
        if not told.rates or layout.names.isdisjoint(IDS):
            return of_all
        samplers = told.now(of_all)
        if not self.samplers or self.samplers[-1] is not samplers:
            self.samplers.append(samplers)
        return -len(self.samplers)

    def one(self, records: bytes, about: tuple[int, int, int, int, int]) -> None:
        """Add a set."""
        self._records.append(records)
        self._ones.append(about)

    def many(self, records: list[bytes] | list[npt.NDArray[np.uint8]], about: npt.NDArray[np.int64]) -> None:
        """Add sets, with a column of `about` each."""
        self._settle()
        self._records += records
        self._about.append(about)

    def _settle(self) -> None:
        if self._ones:
            self._about.append(np.array(self._ones, np.int64).T)
            self._ones = []

    def octets(self) -> npt.NDArray[np.uint8]:
        """All records, one after another."""
        size = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self._records)
        made, at = np.empty(size, np.uint8), 0
        plain = made.data
        for piece in self._records:
            if isinstance(piece, bytes):
                end = at + len(piece)
                plain[at:end] = piece
            else:
                end = at + piece.size
                made[at:end].reshape(piece.shape)[:] = piece
            at = end
        return made

    def about(self) -> npt.NDArray[np.int64]:
        """What is known of the sets that have records: a column each."""
        self._settle()
        about = np.concatenate(self._about, axis=1)
        return about[:, about[0] > 0]


@dataclass(slots=True)
class Taken:
    """What came of messages since somebody last asked."""

    source: str
    gathered: dict[Layout, Gathered] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    lost: int = 0
    filtered: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str, offset: int, data: bytes, kind: str) -> None:
        """Say what could not be read, and how it begins."""
        excerpt = data[:EXCERPT].hex()
        self.rejected.append(
            Rejected(reason=reason, source=self.source, offset=offset, excerpt=excerpt, kind=kind)
        )

    def of(self, layout: Layout) -> Gathered:
        """Where to put flows of a layout."""
        found = self.gathered.get(layout)
        if found is None:
            found = self.gathered[layout] = Gathered()
        return found
