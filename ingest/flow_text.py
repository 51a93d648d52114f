"""Flow logs in lines of fields: whole lines so far, the header that names the fields, and the flows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ingest.fields import Fields
from ingest.flow_rows import FlowRows, Taken

MAX_LINE = 1 << 20
MAX_HEADER = 16_384
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Table:
    """What separates the fields, and their names."""

    separator: bytes
    names: tuple[str, ...] = ()


class TextFlows:
    """One source's lines, counted from 1. `table` is what the last header has said."""

    header_line: ClassVar[re.Pattern[bytes]]
    marker: ClassVar[bytes]  # that is in every line of a header
    comment: ClassVar[bytes] = b""  # with which lines begin that say nothing
    table: Table | None = None

    def __init__(self, source: str, number: int = 0, header: list[str] | None = None) -> None:
        """`header`: that of another reader, which has read so many lines."""
        self._source = source
        self.number = number  # lines that were read
        if header:
            self.table = Table(header[0].encode("latin-1"), tuple(header[1:]))

    def header(self) -> list[str]:
        """What a reader must know that goes on from here."""
        return [self.table.separator.decode("latin-1"), *self.table.names] if self.table else []

    def take_header(self, line: bytes) -> None:
        """A line of a header: sets `table`."""
        raise NotImplementedError

    def columns(self, rows: FlowRows, at: dict[str, int]) -> None:
        """The flows' columns; `at` are the places of the fields by their names."""
        raise NotImplementedError

    def needed(self, names: tuple[str, ...]) -> str:
        """What is missing among the names; '' if flows can be made."""
        raise NotImplementedError

    def feed(self, data: bytes, is_long: bool, at_end: bool) -> tuple[Taken, int, bool]:
        """The flows of whole lines, octets that are done with, and whether they end within a line that is too long.

        `is_long`: they begin within one.
        """
        taken, begin = Taken(), 0
        if is_long:
            begin = data.find(b"\n") + 1
            if not begin:
                return taken, len(data), not at_end
        elif not self.number and data.startswith(_BOM):
            begin = len(_BOM)
        end = len(data) if at_end else data.rfind(b"\n", begin) + 1 or begin
        if end > begin:
            self._lines(data[begin:end], taken)
        if len(data) - end <= MAX_LINE:
            return taken, end, False
        self.number += 1
        reason = f"the line is longer than {MAX_LINE >> 20} MB"
        taken.reject(reason, self._source, self.number, data[end : end + 400])
        return taken, len(data), True

    def _lines(self, lines: bytes, taken: Taken) -> None:
        at = 0
        for match in self.header_line.finditer(lines) if self.marker in lines else ():
            self.flows(lines[at : match.start()], taken)
            self.number += 1
            if match.end() - match.start() > MAX_HEADER:
                taken.reject("the header is too long", self._source, self.number, match[0][:400])
            else:
                self.take_header(match[0])
            at = match.end() + 1
        self.flows(lines[at:], taken)

    def flows(self, lines: bytes, taken: Taken) -> None:
        """The flows of whole lines without a header among them."""
        if not lines:
            return
        if not lines.endswith(b"\n"):
            lines += b"\n"
        names = self.table.names if self.table else ()
        separator = self.table.separator if self.table else b"\t"
        fields = Fields(lines, separator, max(len(names), 1), self.comment)
        offsets = np.arange(self.number + 1, self.number + 1 + fields.row_count)
        self.number += fields.row_count
        missing = self.needed(names)
        if missing:
            for row in np.sort(np.concatenate([fields.rows, fields.odd])).tolist():
                if line := fields.row(row):
                    taken.reject(missing, self._source, int(offsets[row]), line[:400])
            return
        rows = FlowRows(fields, offsets, self._source)
        self.columns(rows, {name: at for at, name in enumerate(names)})
        rows.give(taken, f"{len(names)} as the log's format has", lambda at: names[at])
