"""Pieces of a log file to event columns: the common forms a piece at a time, others one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ingest import logs, swift
from ingest.event_columns import EventColumns, Shaped
from ingest.identity import operations_of, text_hashes, uids_of
from ingest.json_records import Lines, decoded
from ingest.json_values import Value
from ingest.logs_values import MAX_TEXT, text
from ingest.records import Event, Rejected
from ingest.times import epochs_us


@dataclass(slots=True)
class Piece:
    """What a piece came to: read = events + rejected records + filtered."""

    events: EventColumns
    rejected: list[Rejected] = field(default_factory=list)
    filtered: dict[str, int] = field(default_factory=dict)
    read: int = 0


@dataclass(slots=True)
class _Taken:
    """Records of a piece that are done with, in columns; the shapes one for each record."""

    shapes: list[Event] = field(default_factory=list)
    columns: list[list[npt.NDArray[Any]]] = field(default_factory=list)

    def add(self, shapes: list[Event], *columns: npt.NDArray[Any]) -> None:
        self.shapes += shapes
        self.columns.append(list(columns))

    def packed(self) -> EventColumns:
        if not self.shapes:
            return EventColumns()
        rest = [np.concatenate(some) for some in zip(*self.columns, strict=True)]
        events = EventColumns.packed(self.shapes, rest)
        offset = events.columns["offset"]
        return events if (offset[1:] > offset[:-1]).all() else events.take(np.argsort(offset, kind="stable"))


class EventReader:
    """One source's records, counted through from 0, or from where reading goes on."""

    def __init__(self, source: str, number: int = 0) -> None:
        self._source = source
        self.number = number  # of the next record
        self._shaped = Shaped()

    def read(self, piece: Lines | list[Value]) -> Piece:
        """The next piece."""
        records: list[swift.Record | None] | list[swift.Record] | None
        records = swift.decoded_lines(piece.octets) if isinstance(piece, Lines) else None
        values: list[Value] | None = None
        if records is None:
            values = list(piece.values()) if isinstance(piece, Lines) else piece
            records = [
                swift.decoded(bytes(value)) if isinstance(value, msgspec.Raw) else None for value in values
            ]
        made = Piece(EventColumns(), read=len(records))
        taken = _Taken()
        careful = self._common(records, made, taken)
        if careful and values is None:
            assert isinstance(piece, Lines)
            values = list(piece.values())
        for place in careful:
            self._careful(values[place] if values else None, self.number + place, made, taken)
        made.events = taken.packed()
        self.number += len(records)
        return made

    def _common(self, records: Any, made: Piece, taken: _Taken) -> list[int]:
        """Take those of the common forms; the places of the others."""
        places = [place for place, record in enumerate(records) if record is not None]
        common = records if len(places) == len(records) else [records[place] for place in places]
        times = epochs_us([record.time for record in common])
        said = swift.shapes(common)
        whole = [isinstance(one, Event) for one in said]
        good = np.array(whole, bool) & (times >= 0)
        careful = [place for place, record in enumerate(records) if record is None]
        for at in np.flatnonzero(~good).tolist():
            one = said[at]
            if isinstance(one, swift.LeftOut) and times[at] >= 0:
                made.filtered[one.reason] = made.filtered.get(one.reason, 0) + 1
            else:
                careful.append(places[at])
        self._add(common, said, times, np.array(places, np.int64), good, taken)
        return sorted(careful)

    def _add(self, common: Any, said: list[Any], times: Any, places: Any, good: Any, taken: _Taken) -> None:
        if not good.all():
            kept = np.flatnonzero(good)
            common, said = [common[at] for at in kept.tolist()], [said[at] for at in kept.tolist()]
            times, places = times[kept], places[kept]
        if not common:
            return
        given = [_bare(record.correlation_id) for record in common]
        correlations = text_hashes(given)
        count = len(said)
        content = np.fromiter((one.uid for one in said), np.uint64, count)
        operation = np.fromiter((one.operation_id for one in said), np.uint64, count)
        named = np.fromiter(map(bool, given), bool, count) & (operation != 0)
        operations = operations_of(operation, correlations, named) if named.any() else np.zeros_like(content)
        uids = uids_of(content, times, correlations)
        taken.add(said, times, uids, operations, self.number + places)

    def _careful(self, value: Value, number: int, made: Piece, taken: _Taken) -> None:
        value = decoded(value, self._source, number)
        one = value if isinstance(value, Rejected) else logs.decode(value, self._source, number)
        if isinstance(one, Event):
            columns = [
                np.array([number], kind)
                for number, kind in (
                    (one.at_us, np.int64),
                    (one.uid, np.uint64),
                    (one.operation_id, np.uint64),
                    (one.offset, np.int64),
                )
            ]
            taken.add([self._shaped.shape(one)], *columns)
        elif isinstance(one, Rejected):
            made.rejected.append(one)
            made.read -= one.kind != "record"
        else:
            made.filtered[one] = made.filtered.get(one, 0) + 1


def _bare(correlation: str) -> str:
    """As `logs_values.text` has it, which costs more than the hash."""
    return correlation.strip() if len(correlation) <= MAX_TEXT else text(correlation)
