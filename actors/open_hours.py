"""The records of a shard's open hours: windows by hour and kind of entity, and what routers' numbers mean in them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from actors.event_window import EventWindow
from actors.messages import Batch, Rows
from actors.part_table import KINDS, PartTable
from actors.resources import Resources
from actors.settings import Settings
from actors.shard_saving import event_rows, load_events, load_traffic, traffic_rows
from actors.shard_state import Changes, EventRows, TrafficRows
from actors.sightings import Sightings
from actors.traffic_window import TrafficWindow
from ingest.event_columns import PARTS
from ingest.parts import MAX_PARTS, Numbers
from ingest.records import HOUR_US

MAX_SHARD_PARTS = 2 * MAX_PARTS  # of events, kept before those that nobody means any more are dropped


class OpenHours:
    """Takes batches in. What a server is to tell before an hour's end goes to the sightings, too."""

    def __init__(
        self, settings: Settings, parts: PartTable, resources: Resources, sightings: Sightings
    ) -> None:
        self._parts, self._resources = parts, resources
        self._sightings = sightings if settings.streaming else None
        self._keep = settings.checkpoints
        self.events: dict[tuple[int, str], EventWindow] = {}  # by hour and kind of entity
        self.traffic: dict[int, TrafficWindow] = {}
        self._named: dict[int, array[int]] = {}  # by router: its number of a resource -> ours
        self._told: dict[int, Numbers] = {}  # ... and of parts of events
        self._applied = 0
        self._filtered: dict[str, int] = {}

    def add(self, batch: Batch) -> None:
        """Take a batch's records of open hours in."""
        told = self._told.setdefault(batch.router, Numbers())
        if batch.forget:
            told = self._told[batch.router] = Numbers()
        self._parts.take(batch.told, told)
        if len(batch.events):
            self._add_events(batch.events, told, batch.sources)
        named = self._named.setdefault(batch.router, array("i"))
        if batch.ids:
            named.extend(self._resources.numbers(batch.ids, batch.since))
        if len(batch.rows):
            self._add_flows(batch.rows, named, batch.sources)

    def _add_flows(self, rows: Rows, named: array[int], sources: list[str]) -> None:
        """A flow belongs to the hour of its end, as for the router: that is when exporters tell of it."""
        rows = rows.copy()
        rows["entity"] = np.frombuffer(named, np.int32)[rows["entity"]]
        hours = rows["end_us"] // HOUR_US
        found = np.unique(hours).tolist()
        for hour in found:
            part = rows if len(found) == 1 else rows.take(np.flatnonzero(hours == hour))
            self.traffic.setdefault(hour, TrafficWindow()).add(part, sources)

    def _add_events(self, rows: Rows, told: Numbers, sources: list[str]) -> None:
        rows = rows.copy()
        for name, codes in zip(PARTS, told.of(*(rows[name] for name in PARTS)), strict=True):
            rows[name] = codes
        hours = rows["at_us"] // HOUR_US
        for hour in np.unique(hours).tolist():
            for kind, role in KINDS.items():
                mine = np.flatnonzero((rows["owners"] & role != 0) & (hours == hour))
                if len(mine):
                    self._window(hour, kind).add(rows.take(mine), sources)
            if self._sightings is not None:
                self._sightings.add(hour, rows.take(np.flatnonzero(hours == hour)), sources)

    def _window(self, hour: int, kind: str) -> EventWindow:
        window = self.events.get((hour, kind))
        if window is None:
            window = self.events[hour, kind] = EventWindow(kind, self._parts, self._keep)
        return window

    def take(self, hour: int, kind: str) -> EventWindow | None:
        """An hour's window, for good, its records counted; None if nothing came."""
        window = self.events.pop((hour, kind), None)
        if window is not None:
            window.merge()
            self._count(window)
        return window

    def hours(self) -> Iterable[int]:
        """Those of which events are held."""
        return (hour for hour, _ in self.events)

    # What was counted

    def _count(self, window: EventWindow) -> None:
        self._applied += window.counted
        if window.twice:
            self._filtered["delivered twice"] = self._filtered.get("delivered twice", 0) + window.twice
        window.counted = window.twice = 0

    def counted(self) -> tuple[int, dict[str, int]]:
        """Records that were applied and those that were not, since the last time."""
        for window in self.events.values():
            window.merge()
            self._count(window)
        counted = self._applied, self._filtered
        self._applied, self._filtered = 0, {}
        return counted

    def make_room(self) -> None:
        """Drop parts that neither a router's numbers nor an open hour mean any more."""
        if len(self._parts) < MAX_SHARD_PARTS:
            return
        seen = self._sightings.windows() if self._sightings is not None else ()
        windows = [*self.events.values(), *seen]
        rows = [some for window in windows for some in window.tables()]
        new = self._parts.keep([*(told.columns() for told in self._told.values()), *rows])
        self._told = {router: told.renumbered(new) for router, told in self._told.items()}
        for window in windows:
            window.renumber(new)
        if self._sightings is not None:
            self._sightings.renumbered()

    # State out and in

    def changes(self) -> tuple[Iterator[TrafficRows], Iterator[EventRows]]:
        """What came since the last time."""
        return traffic_rows(self.traffic, self._resources), event_rows(self.events, self._parts)

    def load(self, saved: Changes, owned: range, closed_until: int) -> None:
        """Take in what was saved of some key groups and of hours that are open."""
        load_traffic(saved.traffic, self.traffic, self._resources, owned, closed_until)
        load_events(saved.events, self._window, self._parts, owned, closed_until)

    def mark(self) -> None:
        """All of it is to be among the next changes."""
        for flows in self.traffic.values():
            flows.mark()
        for events in self.events.values():
            events.mark()

    def begin(self) -> None:
        """Go on after a checkpoint: what was loaded was counted before it was saved."""
        for window in self.events.values():
            window.merge()
            window.counted = window.twice = 0
        if self._sightings is not None:
            self._sightings.restore(self.events)
