"""What of the open hours may have to be told at once: the records that bear on it, by entity.

Which records bear on it is asked once for each pair of what was done and who did it. An entity is judged when something has come that was
not seen in its hour before, or when as much is closed as its detections need; most entities never are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from actors.act_columns import Columns, chosen, nothing
from actors.event_window import EventWindow, Fresh
from actors.messages import Fault, Found, Rows
from actors.part_table import KINDS, PartTable
from detections.declare import SEVERITIES, Detection
from detections.view import Act
from ingest.parts import Where, put_together
from ingest.records import DENIED, MANAGEMENT, SUCCESS

MOST_ACTS = 500  # different acts of an entity's hour that are looked at; more are told with the hour
MOST_ROWS = 5_000  # records of such acts, from which on only another act is taken in
MOST_ENTITIES = 10_000  # of the open hours
SETTLED = (SUCCESS, DENIED)  # what an operation's end says; one that failed raises nothing

ActCodes = tuple[int, int, int]
Judged = tuple[list[Found], list[Fault]]


class Place(NamedTuple):
    """An entity's open hour; the entity is the table's number."""

    hour: int
    kind: str
    entity: int


@dataclass(slots=True)
class _Seen:
    window: EventWindow
    acts: set[ActCodes] = field(default_factory=set)
    rows: int = 0
    told: dict[str, int] = field(default_factory=dict)  # type -> how grave it was told to be


class _Everything(set[int]):
    """All operations: as long as the hour before is open, any may have begun in it."""

    def __contains__(self, operation: object) -> bool:
        return True


class Sightings:
    """Of one shard."""

    def __init__(self, table: PartTable, detections: Mapping[str, tuple[Detection, ...]]) -> None:
        self._table = table
        ways = {kind: [one.at_once for one in some if one.at_once] for kind, some in detections.items()}
        self._ways = [(KINDS[kind], way) for kind, some in ways.items() for way in some]
        # How many hours back all must be closed before nothing is gained by waiting.
        self._after = {kind: [way.after for way in some if way.after] for kind, some in ways.items()}
        # By the table's numbers of what and who: the kinds of entity that such a record may say something of.
        self._bears: dict[int, int] = {}
        self._seen: dict[Place, _Seen] = {}
        self._new: set[Place] = set()  # to be judged
        self._waiting: set[Place] = set()  # to be judged again when more hours are closed
        self._closed = 0  # hours before this one were closed when they were judged

    def add(self, hour: int, rows: Rows, sources: list[str]) -> None:
        """Take those rows (`EVENT_ROW`, with the table's numbers) of an hour that bear on something."""
        flags = self._flags(rows) & rows["owners"]
        if not flags.any():
            return
        for kind, flag in KINDS.items():
            bearing = rows.take(np.flatnonzero(flags & flag))
            whose = self._table.owners(kind, bearing)
            for entity in np.unique(whose).tolist():
                self._add(Place(hour, kind, entity), bearing.take(np.flatnonzero(whose == entity)), sources)

    def _flags(self, rows: Columns | Rows) -> npt.NDArray[np.uint8]:
        """The kinds of entity that each row may say something of."""
        pairs, which = np.unique(rows["what"].astype(np.int64) << 32 | rows["who"], return_inverse=True)
        known = self._bears
        for pair in pairs.tolist():
            if pair not in known:
                known[pair] = self._asked(pair >> 32, pair & 0xFFFFFFFF)
        return np.array([known[pair] for pair in pairs.tolist()], np.uint8)[which]

    def _asked(self, what: int, who: int) -> int:
        parts, bears = self._table.parts, 0
        event = put_together(parts.whats[what], parts.whos[who], _NOWHERE)
        for kind, way in self._ways:
            if not bears & kind and way.bears(event):
                bears |= kind
        return bears

    def _add(self, place: Place, rows: Rows, sources: list[str]) -> None:
        seen = self._at(place)
        if seen is None:
            return
        acts = self._table.act_codes(rows)
        new = set(acts) - seen.acts
        if len(new) > (room := MOST_ACTS - len(seen.acts)):
            new = set(sorted(new)[:room])
            taken = seen.acts | new
            rows = rows.take([at for at, act in enumerate(acts) if act in taken])
        seen.acts |= new
        if new:
            self._new.add(place)
        if len(rows) and (new or seen.rows < MOST_ROWS):
            seen.rows += len(rows)
            seen.window.add(rows, sources)

    def _at(self, place: Place) -> _Seen | None:
        seen = self._seen.get(place)
        if seen is None and len(self._seen) < MOST_ENTITIES:
            seen = self._seen[place] = _Seen(EventWindow(place.kind, self._table))
        return seen

    # Judging

    def judge(
        self,
        closed: int,
        unfinished: Mapping[str, Mapping[int, set[int]]],
        ask: Callable[[Place, list[Act], int], Judged],
    ) -> Judged:
        """What is to be told of the open hours now; hours before `closed` are closed."""
        if closed > self._closed:
            self._closed = closed
            self._new |= self._waiting
        told, faults = [], []
        for place in sorted(self._new):
            if any(closed <= place.hour - after for after in self._after[place.kind]):
                self._waiting.add(place)
            else:
                self._waiting.discard(place)
            acts = self._settled(place, closed, unfinished[place.kind])
            found, wrong = ask(place, acts, closed) if acts else ([], [])
            told += [one for one in found if self._is_news(place, one)]
            faults += wrong
        self._new = set()
        return told, faults

    def _settled(self, place: Place, closed: int, unfinished: Mapping[int, set[int]]) -> list[Act]:
        """The acts so far; of control-plane operations those whose end is known, and that began in this hour."""
        if closed < place.hour:
            unfinished = {place.entity: _Everything([0])}
        so_far, _ = self._seen[place].window.close(unfinished)
        acts = so_far.acts(0) if len(so_far.entities) else ()
        return [act for act in acts if act.event.layer != MANAGEMENT or act.event.outcome in SETTLED]

    def _is_news(self, place: Place, one: Found) -> bool:
        """Whether it was not told yet, or not as so grave a thing."""
        severity = one.finding.severity
        grave = 2 * (SEVERITIES.index(severity) if severity else len(SEVERITIES)) + (not one.finding.denied)
        told = self._seen[place].told
        if grave <= told.get(one.type, -1):
            return False
        told[one.type] = grave
        return True

    def close(self, hour: int) -> None:
        """The hour is told as a whole."""
        for place in [place for place in self._seen if place.hour <= hour]:
            del self._seen[place]
            self._new.discard(place)
            self._waiting.discard(place)

    # State, and room

    def windows(self) -> Iterator[EventWindow]:
        """Whose parts are needed."""
        return (seen.window for seen in self._seen.values())

    def renumbered(self) -> None:
        """The table has given the parts new numbers, the windows know them already."""
        self._bears = {}
        for seen in self._seen.values():
            seen.acts = {act for rows in seen.window.tables() for act in self._table.act_codes(rows)}

    def restore(self, windows: Mapping[tuple[int, str], EventWindow]) -> None:
        """Begin again with the open hours as they are known: what was told is told again, and not taken again."""
        for (hour, kind), window in windows.items():
            acts, records = window.rows()
            for entity in self._entities(kind, acts) | self._entities(kind, records):
                seen = self._at(place := Place(hour, kind, entity))
                if seen is None:
                    continue
                mine = (self._of(kind, entity, acts), self._of(kind, entity, records))
                nobody = np.empty(0, np.uint64), np.empty(0, np.int32)
                seen.window.restore(Fresh(*mine, nothing(), *nobody), window.sources.items())
                acts_of = [act for rows in mine for act in self._table.act_codes(rows)]
                seen.acts = set(acts_of[:MOST_ACTS])
                self._new.add(place)

    def _entities(self, kind: str, rows: Columns) -> set[int]:
        bearing = chosen(rows, np.flatnonzero(self._flags(rows) & KINDS[kind]))
        return set(self._table.owners(kind, bearing).tolist())

    def _of(self, kind: str, entity: int, rows: Columns) -> Columns:
        bears = (self._flags(rows) & KINDS[kind]) > 0
        return chosen(rows, np.flatnonzero(bears & (self._table.owners(kind, rows) == entity)))


_NOWHERE = Where()
