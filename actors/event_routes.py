"""Where events go: each shape is enriched and routed once, and told once to the shards that own it."""

from __future__ import annotations

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
LAYERS = (MANAGEMENT, KEY_VAULT)

# What is known of a shape: the shards that own it and their numbers for it (-1: none), what each owns of it, its
# layer, and whether its address was ever on a list.
_ROUTE = np.dtype(
    [
        ("shard", "<i2", 2),
        ("number", "<i4", 2),
        ("layer", "u1"),
        ("timed", "?"),
    ]
)


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
        self._variants: dict[tuple[int, tuple[str, ...]], int] = {}
        self._routes = np.zeros(1_024, _ROUTE)
        self._told = [0] * len(self._batches)
        for batch in self._batches:
            batch.forget = True

    def __len__(self) -> int:
        return self._waiting

    def meet(self, events: EventColumns) -> npt.NDArray[np.int64]:
        """The numbers of the records' shapes here."""
        known = self._number
        numbers = [known.get(id(shape), -1) for shape in events.shapes]
        if -1 in numbers:
            used = set(np.unique(events.columns["shape"]).tolist())
            numbers = [
                self._add(shape) if number < 0 and place in used else number
                for place, (shape, number) in enumerate(zip(events.shapes, numbers, strict=True))
            ]
        met: npt.NDArray[np.int64] = np.array(numbers, np.int64)[events.columns["shape"]]
        return met

    def is_full(self) -> bool:
        """Whether so many shapes are known that it is time to begin anew, when nothing waits to be sent."""
        return len(self._shapes) > MAX_SHAPES

    def _add(self, shape: Event) -> int:
        if (number := self._number.get(id(shape))) is not None:
            return number
        number = self._number[id(shape)] = self._new(self._enrichment.event(shape))
        self._shapes[number] = shape  # as it came: its id is what it is found by
        self._routes["timed"][number] = bool(
            shape.address and self._enrichment.indicators.of_address(shape.address)
        )
        return number

    def _new(self, shape: Event) -> int:
        number = len(self._shapes)
        self._shapes.append(shape)
        if number >= len(self._routes):
            self._routes = np.concatenate([self._routes, np.zeros(len(self._routes), _ROUTE)])
        route = self._routes[number]
        route["layer"] = LAYERS.index(shape.layer)
        route["shard"] = route["number"] = -1
        for place, (shard, owners) in enumerate(self._owners(shape).items()):
            route["shard"][place], route["number"][place] = shard, self._told[shard]
            self._told[shard] += 1
            self._batches[shard].shapes.append(Routed(shape, owners))
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
        for at in np.flatnonzero(self._routes["timed"][numbers]).tolist():
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
        return self._routes["shard"][numbers, 0] >= 0

    def layers(self, numbers: npt.NDArray[np.int64]) -> Any:
        """Places of the shapes' layers in `LAYERS`."""
        return self._routes["layer"][numbers]

    def add(self, events: EventColumns, numbers: npt.NDArray[np.int64], source: str) -> None:
        """Take records of hours that are open."""
        routes = self._routes[numbers]
        for place in (0, 1):
            owner = routes["shard"][:, place]
            for shard in np.unique(owner[owner >= 0]).tolist():
                mine = np.flatnonzero(owner == shard)
                sources = self._batches[shard].sources
                if sources[-1:] != [source]:
                    sources.append(source)
                rows = np.empty(len(mine), EVENT_ROW)
                for name in ("at_us", "uid", "operation_id", "offset"):
                    rows[name] = events.columns[name][mine]
                rows["shape"], rows["source"] = routes["number"][mine, place], len(sources) - 1
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
