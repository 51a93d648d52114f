"""Batches and windows made of whole events, as a router and a shard make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from actors.event_window import EventWindow
from actors.messages import COUNTED, EVENT_ROW, PRINCIPAL, VAULT, Batch, Rows, Told
from actors.part_table import PartTable
from actors.shard_saving import event_rows, load_events
from actors.shard_state import ALL
from detections.view import Act
from ingest.event_columns import PARTS, EventColumns
from ingest.parts import Numbers
from ingest.records import Event


def rows_of(events: Sequence[Event], owners: int) -> tuple[Told, Rows, list[str]]:
    """Parts, rows that number them from 0, and the sources that the rows name."""
    columns = EventColumns.of(events)
    sources = sorted({event.source for event in events})
    rows = np.zeros(len(events), EVENT_ROW)
    for name, column in columns.columns.items():
        rows[name] = column
    rows["source"] = [sources.index(event.source) for event in events]
    rows["owners"] = owners
    return Told(columns.parts.whats, columns.parts.whos, columns.parts.wheres), rows, sources


def batch(events: Sequence[Event], owners: int = PRINCIPAL | COUNTED) -> Batch:
    """A batch for the one shard that owns so much of all the events: it begins to tell parts anew."""
    told, rows, sources = rows_of(events, owners)
    return Batch(rows, told, forget=True, sources=sources)


class Window:
    """An open hour of one kind of entity that takes whole events."""

    def __init__(self, kind: str = "vault") -> None:
        self.kind = kind
        self.table = PartTable()
        self.window = EventWindow(kind, self.table)

    def add(self, *events: Event) -> None:
        """Take events that are counted here."""
        owners = COUNTED | (VAULT if self.kind == "vault" else PRINCIPAL)
        told, rows, sources = rows_of(events, owners)
        numbers = Numbers()
        self.table.take(told, numbers)
        if len(rows):
            for name, codes in zip(PARTS, numbers.of(*(rows[name] for name in PARTS)), strict=True):
                rows[name] = codes
            self.window.add(rows, sources)

    def close(self, unfinished: Iterable[int] = ()) -> tuple[list[Act], set[int]]:
        """The acts of its one entity and the operations that have no end yet; those of the hour before are given."""
        closed, open_now = self.window.close({0: set(unfinished)})  # the table's first entity
        assert len(closed.entities) <= 1
        acts = list(closed.acts(0)) if len(closed.entities) else []
        return acts, {operation for some in open_now.values() for operation in some}

    def moved(self) -> Window:
        """Another window that has the state of this one, from two parts of a checkpoint."""
        other = Window(self.kind)
        self.window.mark()
        saved = list(event_rows({(0, self.kind): self.window}, self.table))
        load_events(saved, lambda hour, kind: other.window, other.table, ALL, 0)
        return other


def acts_of(events: Iterable[Event], kind: str = "vault") -> list[Act]:
    """The acts of one vault's (or principal's) events of an hour."""
    window = Window(kind)
    window.add(*events)
    return window.close()[0]
