"""Flows that a log tells in fields: the columns that any of the logs has, and what is wrong with a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import structs

from ingest.fields import Column, Fields, Index, Mask
from ingest.flows import Columns, FlowColumns
from ingest.logs_values import excerpt
from ingest.records import Rejected

LAST_US = 7_258_118_400_000_000  # the year 2200: what lies beyond is a mistake, not a time
MAX_PORT = 65_535


@dataclass(slots=True)
class Taken:
    """What a piece of a flow log came to: read = flows + rejected records + filtered."""

    parts: list[Columns] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    filtered: dict[str, int] = field(default_factory=dict)
    read: int = 0

    def flows(self) -> FlowColumns:
        """All flows."""
        return FlowColumns(self.parts)

    def reject(self, reason: str, source: str, offset: int, what: Any) -> None:
        """A record, or a line, of which no flow can be made."""
        self.read += 1
        self.rejected.append(Rejected(reason=reason, source=source, offset=offset, excerpt=excerpt(what)))

    def take_in(self, said: Rejected, source: str, offset: int) -> None:
        """What was no record at all."""
        self.rejected.append(structs.replace(said, source=source, offset=offset))
        self.read += said.kind == "record"

    def leave_out(self, reason: str, number: int) -> None:
        """Records that say nothing of a flow."""
        if number:
            self.read += number
            self.filtered[reason] = self.filtered.get(reason, 0) + number

    def add(self, columns: dict[str, Column], number: int) -> None:
        """Flows."""
        if number:
            self.read += number
            self.parts.append(Columns(columns, number))


class FlowRows:
    """The rows of some fields as flows: each column is made with what is said of a row whose field is none."""

    def __init__(self, fields: Fields, offsets: Index, source: str) -> None:
        """`offsets`: where each of all rows stands, to be said of it."""
        self.fields = fields
        self.columns: dict[str, Column] = {"offset": offsets[fields.rows].astype(np.uint64)}
        self._offsets, self._source = offsets, source
        self._wrong: list[tuple[Mask, str, int]] = []
        self._left_out: list[tuple[str, Mask]] = []

    def check(self, good: Mask, what: str, at: int) -> None:
        """A row is no flow if it is not good; `what` is said of its field."""
        if not good.all():
            self._wrong.append((~good, what, at))

    def leave_out(self, rows: Mask, reason: str) -> None:
        """These rows are no flows, and nothing is wrong with them."""
        if rows.any():
            self._left_out.append((reason, rows))

    def addresses(self, side: str, at: int) -> None:
        """Of one side ('src', 'dst')."""
        high, low, good = self.fields.addresses(at)
        self.columns |= {f"{side}_hi": high, f"{side}_lo": low}
        self.check(good, "no address", at)

    def number(self, name: str, at: int, most: int, what: str, absent: bool = False) -> None:
        """A number up to a bound; `absent`: 0 where none is told."""
        values, good = self.fields.numbers(at)
        if absent:
            good |= self.fields.is_absent(at)
        self.columns[name] = values
        self.check(good & (values <= most), what, at)

    def count(self, name: str, at: int) -> None:
        """Packets or octets; 0 where none are told."""
        self.number(name, at, 10**18, "no count", absent=True)

    def ports(self, source: int, destination: int) -> None:
        """Both ports; 0 where none is told."""
        self.number("src_port", source, MAX_PORT, "no port", absent=True)
        self.number("dst_port", destination, MAX_PORT, "no port", absent=True)

    def time(self, name: str, at: int, unit_us: int) -> None:
        """A whole number of units since 1970."""
        values, good = self.fields.numbers(at)
        good &= values < LAST_US // unit_us
        self.columns[name] = np.where(good, values, 0).astype(np.int64) * unit_us
        self.check(good, "no time", at)

    def one_of(self, at: int, letters: bytes) -> npt.NDArray[np.uint8]:
        """A field of one of these letters."""
        found = self.fields.letters(at)
        good = np.isin(found, np.frombuffer(letters, np.uint8))
        self.check(good, f"none of {', '.join(letters.decode())}", at)
        return found

    def give(self, taken: Taken, expected: str, name: Callable[[int], str]) -> None:
        """Add the flows; `expected` is said of a row with another number of fields, `name` names a field."""
        fields = self.fields
        for row in fields.odd.tolist():
            reason = f"{int(fields.counts[row])} fields, expected {expected}"
            taken.reject(reason, self._source, int(self._offsets[row]), fields.row(row))
        left = np.ones(len(fields), bool)
        for reason, rows in self._left_out:
            taken.leave_out(reason, int(np.count_nonzero(left & rows)))
            left &= ~rows
        for wrong, what, at in self._wrong:
            for row in np.flatnonzero(wrong & left).tolist():
                place = int(fields.rows[row])
                reason = f"{name(at)} is {what}: {excerpt(fields.text(at, row))!r:.60}"
                taken.reject(reason, self._source, int(self._offsets[place]), fields.row(place))
            left &= ~wrong
        if left.all():
            taken.add(self.columns, len(fields))
        else:
            kept = np.flatnonzero(left)
            taken.add({key: column[kept] for key, column in self.columns.items()}, len(kept))
