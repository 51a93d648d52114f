"""Where events go: each shape is enriched and routed once, and told once to the shards that own it."""

from __future__ import annotations

from array import array
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from actors.keys import entity_key, group_of, shard_of
from actors.messages import COUNTED, EVENT_ROW, PRINCIPAL, VAULT, Batch, Routed
from ingest.enrich import Enrichment
from ingest.event_columns import EventColumns
from ingest.records import KEY_VAULT, MANAGEMENT, Event

MAX_SHAPES = 200_000  # that are known at a time, here and by the shards
PIECES = 64  # lists of shapes of which the numbers are remembered: each source's last one or two
LAYERS = (MANAGEMENT, KEY_VAULT)


class _Routes:
    """What is known of each shape: the shards that own it and its numbers for them (-1: none), its layer, and
    whether its address was ever on a list. Growing arrays: one is a hundred times as quick to add to as NumPy's.
    """

    def __init__(self) -> None:
        self._shard = array("h"), array("h")
        self._number = array("i"), array("i")
        self._layer = array("b")
        self._timed = array("b")

    def add(self, owners: list[tuple[int, int]], layer: int, timed: bool) -> None:
        """Add a shape; `owners` are its shards and its numbers for them."""
        for place in (0, 1):
            shard, number = owners[place] if place < len(owners) else (-1, -1)
            self._shard[place].append(shard)
            self._number[place].append(number)
        self._layer.append(layer)
        self._timed.append(timed)

    def shards(self, place: int, numbers: Any) -> Any:
        """The first or second shard of each."""
        return np.frombuffer(self._shard[place], np.int16)[numbers]

    def numbers(self, place: int, numbers: Any) -> Any:
        """The numbers for those."""
        return np.frombuffer(self._number[place], np.int32)[numbers]

    def layers(self, numbers: Any) -> Any:
        """Places in `LAYERS`."""
        return np.frombuffer(self._layer, np.int8)[numbers]

    def timed(self, numbers: Any) -> Any:
        """Whether an address was ever listed."""
        return np.frombuffer(self._timed, np.bool_)[numbers]


class EventRoutes:
    """Gathers events by shard."""

    def __init__(self, enrichment: Enrichment, shards: int) -> None:
        self._enrichment = enrichment
        self._batches = [Batch() for _ in range(shards)]
        self._rows: list[list[Any]] = [[] for _ in range(shards)]
        self._waiting = 0
        self._start_over()

    def _start_over(self) -> None:
        self._shapes: list[Event] = []  # kept, so that no other object gets the same id
        self._number: dict[int, int] = {}
        self._met: dict[int, tuple[list[Event], npt.NDArray[np.int64]]] = {}
        self._variants: dict[tuple[int, tuple[str, ...]], int] = {}
        self._routes = _Routes()
        self._told = [0] * len(self._batches)
        for batch in self._batches:
            batch.forget = True

    def __len__(self) -> int:
        return self._waiting

    def meet(self, events: EventColumns) -> npt.NDArray[np.int64]:
        """The numbers of the records' shapes here."""
        shapes = events.shapes
        if id(shapes) not in self._met:  # the blocks of a piece share their shapes
            known = self._number
            found = [known.get(id(shape), -1) for shape in shapes]
            for place in [place for place, number in enumerate(found) if number < 0]:
                found[place] = self._add(shapes[place])
            while len(self._met) >= PIECES:
                del self._met[next(iter(self._met))]
            self._met[id(shapes)] = shapes, np.array(found, np.int64)
        met: npt.NDArray[np.int64] = self._met[id(shapes)][1][events.columns["shape"]]
        return met

    def is_full(self) -> bool:
        """Whether so many shapes are known that it is time to begin anew, when nothing waits to be sent."""
        return len(self._shapes) > MAX_SHAPES

    def _add(self, shape: Event) -> int:
        if (number := self._number.get(id(shape))) is not None:
            return number
        timed = bool(shape.address and self._enrichment.indicators.of_address(shape.address))
        number = self._number[id(shape)] = self._new(self._enrichment.event(shape), timed)
        self._shapes[number] = shape  # as it came: its id is what it is found by
        return number

    def _new(self, shape: Event, timed: bool = False) -> int:
        number = len(self._shapes)
        self._shapes.append(shape)
        owned = []
        for shard, owners in self._owners(shape).items():
            owned.append((shard, self._told[shard]))
            self._told[shard] += 1
            self._batches[shard].shapes.append(Routed(shape, owners))
        self._routes.add(owned, LAYERS.index(shape.layer), timed)
        return number

    def _owners(self, shape: Event) -> dict[int, int]:
        """Shard -> what it owns of the event. The first owner's shard counts the record."""
        owners: dict[int, int] = {}
        whose = ((PRINCIPAL, "principal", shape.principal), (VAULT, "vault", shape.vault))
        for role, kind, entity in whose:
            if entity:
                shard = shard_of(group_of(entity_key(kind, entity)), len(self._batches))
                counted = 0 if owners else COUNTED
                owners[shard] = owners.get(shard, 0) | role | counted
        return owners

    def listed(self, numbers: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64]) -> None:
        """Put in place of the numbers those of the shapes as their addresses were listed at the time."""
        for at in np.flatnonzero(self._routes.timed(numbers)).tolist():
            number = int(numbers[at])
            shape = self._shapes[number]
            categories = self._enrichment.indicators.categories(shape.address, int(at_us[at]))
            if (number, categories) not in self._variants:
                enriched = self._enrichment.event(shape)
                variant = msgspec.structs.replace(enriched, listed=categories)
                self._variants[number, categories] = self._new(variant)
            numbers[at] = self._variants[number, categories]

    def is_owned(self, numbers: npt.NDArray[np.int64]) -> Any:
        """Which of the shapes name a principal or touch a vault."""
        return self._routes.shards(0, numbers) >= 0

    def layers(self, numbers: npt.NDArray[np.int64]) -> Any:
        """Places of the shapes' layers in `LAYERS`."""
        return self._routes.layers(numbers)

    def add(self, events: EventColumns, numbers: npt.NDArray[np.int64], source: str) -> None:
        """Take records of hours that are open."""
        for place in (0, 1):
            owner = self._routes.shards(place, numbers)
            number = self._routes.numbers(place, numbers)
            for shard in np.unique(owner[owner >= 0]).tolist():
                mine = np.flatnonzero(owner == shard)
                sources = self._batches[shard].sources
                if sources[-1:] != [source]:
                    sources.append(source)
                rows = np.empty(len(mine), EVENT_ROW)
                for name in ("at_us", "uid", "operation_id", "offset"):
                    rows[name] = events.columns[name][mine]
                rows["shape"], rows["source"] = number[mine], len(sources) - 1
                self._rows[shard].append(rows)
        self._waiting += len(numbers)

    def add_late(self, events: EventColumns, source: str) -> None:
        """Take records of closed hours: they are rare, and go as whole events."""
        for event in events.events(source):
            enriched = self._enrichment.event(event)
            for shard, owners in self._owners(enriched).items():
                self._batches[shard].late.append(Routed(enriched, owners))
        self._waiting += len(events)

    def take(self) -> list[tuple[int, Batch]]:
        """What was gathered for each shard; it is theirs now."""
        ready = []
        for shard, rows in enumerate(self._rows):
            batch = self._batches[shard]
            if rows or batch.late or batch.shapes:
                batch.events = np.concatenate(rows) if rows else batch.events
                ready.append((shard, batch))
                self._batches[shard], self._rows[shard] = Batch(), []
        self._waiting = 0
        if self.is_full():
            self._start_over()
        return ready
