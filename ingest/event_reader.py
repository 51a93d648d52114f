"""Pieces of a log file to event columns: the common forms a piece at a time, others one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ingest import logs, swift
from ingest.depth import from_any_depth
from ingest.event_codes import LEFT_OUT, Coded, EventCodes
from ingest.event_columns import COLUMNS, EventColumns
from ingest.holding_records import OPERATIONS, PAGES, ROWS, beside, is_part, rows
from ingest.identity import operations_of, text_hashes, uids_of
from ingest.json_records import Lines, decoded
from ingest.json_values import Value
from ingest.key_vault import CHALLENGE
from ingest.logs_values import MAX_TEXT, excerpt, folded, text
from ingest.parts import Parts
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
    """Records of a piece that are done with, in columns."""

    parts: Parts
    columns: list[tuple[npt.NDArray[Any], ...]] = field(default_factory=list)

    def add(self, one: Event) -> None:
        row = *self.parts.of(one), one.at_us, one.uid, one.operation_id, one.offset
        kinds = COLUMNS.values()
        self.columns.append(tuple(np.array([value], kind) for value, kind in zip(row, kinds, strict=True)))

    def packed(self) -> EventColumns:
        if not self.columns:
            return EventColumns()
        columns = [np.concatenate(some) for some in zip(*self.columns, strict=True)]
        events = EventColumns(self.parts, dict(zip(COLUMNS, columns, strict=True)))
        offset = events.columns["offset"]
        return events if (offset[1:] > offset[:-1]).all() else events.take(np.argsort(offset, kind="stable"))


_codes = EventCodes()  # of all sources that this process reads


class EventReader:
    """One source's records, counted through from 0, or from where reading goes on."""

    def __init__(self, source: str, number: int = 0, codes: EventCodes | None = None) -> None:
        self._source = source
        self._codes = codes or _codes
        self.number = number  # of the next record

    def read(self, piece: Lines | list[Value]) -> Piece:
        """The next piece."""
        self._codes.begin()
        records = swift.decoded_lines(piece.octets) if isinstance(piece, Lines) else None
        values: list[Value] | None = None
        if records is None:
            values = list(piece.values()) if isinstance(piece, Lines) else piece
            records = [
                swift.decoded(bytes(value)) if isinstance(value, msgspec.Raw) else None for value in values
            ]
        made = Piece(EventColumns(), read=len(records))
        taken = _Taken(self._codes.parts)
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
        coded = self._codes.of(common)
        good = (coded.what >= 0) & (times >= 0)
        left_out = int(np.count_nonzero((coded.what == LEFT_OUT) & (times >= 0)))
        if left_out:
            made.filtered[CHALLENGE] = made.filtered.get(CHALLENGE, 0) + left_out
        self._add(common, coded, times, np.array(places, np.int64), good, taken)
        if len(places) == len(records) and good.all():
            return []
        careful = [place for place, record in enumerate(records) if record is None]
        odd = np.flatnonzero(~good & ((coded.what != LEFT_OUT) | (times < 0)))
        return sorted([*careful, *(places[at] for at in odd.tolist())])

    def _add(
        self, common: Any, coded: Coded, times: Any, places: Any, good: npt.NDArray[np.bool_], taken: _Taken
    ) -> None:
        if not good.all():
            kept = np.flatnonzero(good)
            common = [common[at] for at in kept.tolist()]
            coded, times, places = coded.take(kept), times[kept], places[kept]
        if not common:
            return
        given = _bare([record.correlation_id for record in common])
        correlations = text_hashes(given)
        operations = coded.operation
        if operations.any():
            named = np.fromiter(map(bool, given), bool, len(given)) & (operations != 0)
            operations = operations_of(operations, correlations, named)
        uids = uids_of(coded.content, times, correlations)
        taken.columns.append((*coded[:3], times, uids, operations, self.number + places))

    def _careful(self, value: Value, number: int, made: Piece, taken: _Taken) -> None:
        value = decoded(value, self._source, number)
        one = value if isinstance(value, Rejected) else _event(value, self._source, number)
        if isinstance(one, Event):
            taken.add(one)
            for told in beside(folded(value), one) if one.operation in OPERATIONS else ():
                taken.add(told) if isinstance(told, Event) else made.rejected.append(told)
        elif isinstance(one, Rejected):
            if not (isinstance(value, dict) and self._rows(value, number, made, taken)):
                made.rejected.append(one)
                made.read -= one.kind != "record"
        else:
            made.filtered[one] = made.filtered.get(one, 0) + 1

    def _rows(self, value: dict[str, Any], number: int, made: Piece, taken: _Taken) -> bool:
        """Take what is no record of a log, but an answer of Resource Graph; whether it is one."""
        found = rows(value, self._source, number)
        events = [one for one in found if isinstance(one, Event)]
        for event in events:
            taken.add(event)
        if events:
            reason = PAGES if is_part(folded(value)) else ROWS
            made.filtered[reason] = made.filtered.get(reason, 0) + 1
        wrong = [one for one in found if isinstance(one, Rejected)]
        # The record counts once.
        made.rejected += (
            [msgspec.structs.replace(one, kind="inventory") for one in wrong]
            if events
            else [msgspec.structs.replace(one, kind="record") for one in wrong[:1]]
        )
        return bool(found)


_decode = from_any_depth(logs.decode)


def _event(value: Value, source: str, number: int) -> Event | Rejected | str:
    """`logs.decode`; whatever it does with a record that nests as deep as a decoder goes, the others are read."""
    try:
        return _decode(value, source, number)
    except RecursionError:
        return Rejected(
            reason="the record nests too deep", source=source, offset=number, excerpt=excerpt(value)
        )


def _bare(correlations: list[str]) -> list[str]:
    """As `logs_values.text` has them, which costs more than the hash."""
    if max(map(len, correlations)) > MAX_TEXT:
        return [text(one) for one in correlations]
    return [one.strip() for one in correlations]
