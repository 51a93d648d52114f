"""Reading in other processes: a partition there, and here what stands for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from actors.clock import Clock
from actors.settings import Settings
from ingest.blocks import Block, LivePartition, Partition, is_live
from ingest.enrich import Enrichment
from ingest.event_columns import EventColumns
from ingest.records import Event, Rejected
from ingest.select import Selected, prepared

DEPTH = 3  # blocks of a partition that are read ahead
MAX_SHAPES = 200_000  # that the two ends of a partition have in common before they begin anew


class Told(msgspec.Struct, array_like=True):
    """What goes with a block beside its arrays."""

    read: int
    lost: int
    filtered: dict[str, int]
    rejected: list[Rejected]
    position: Any
    afresh: bool  # numbers of shapes begin at 0 again
    shapes: list[bytes]  # told for the first time, packed
    names: list[str]  # of resources, told for the first time
    filtered_flows: dict[str, int]
    newest_us: int
    flows: int
    idle: bool
    rests: bool


_encode = msgspec.msgpack.Encoder().encode
_shape = msgspec.msgpack.Decoder(Event).decode
_decode = msgspec.msgpack.Decoder(Told).decode
Packed = tuple[bytes, Any, Any, Any, Any]


@dataclass(slots=True)
class _Sent:
    """One partition at the reading end, and what the other end knows."""

    blocks: Iterator[Block]
    piece: Any = None  # list of shapes of the last block: the other end has it
    known: dict[int, int] = field(default_factory=dict)
    kept: list[Event] = field(default_factory=list)  # so that no other object gets the same id
    named: int = 0


class FarReader:
    """Reads partitions, from bytes to what a router needs of them; an actor in another process."""

    def __init__(self, settings: Settings, enrichment: Enrichment) -> None:
        self._settings = settings
        self._enrichment = enrichment
        self._not_after_us: int | None = None
        self._open: dict[int, _Sent] = {}
        self._live: dict[int, LivePartition] = {}

    def open(self, number: int, partition: Partition, position: Any = None) -> None:
        """Begin to read a partition, or begin again, behind a block's position."""
        self._open[number] = _Sent(partition.blocks(position))
        if is_live(partition):
            self._live[number] = partition

    def release(self, number: int, position: Any) -> None:
        """See `LivePartition.release`."""
        if number in self._live:
            self._live[number].release(position)

    def stop(self) -> None:
        """Close what the live ones have open."""
        for partition in self._live.values():
            partition.stop()

    def stats(self) -> list[Any]:
        """What the live ones say of themselves."""
        return [partition.stats() for partition in self._live.values() if hasattr(partition, "stats")]

    def next(self, number: int, not_after_us: int | None) -> Packed | None:
        """The partition's next block; None at its end. Flows after the given time have a wrong clock."""
        self._not_after_us = not_after_us
        sent = self._open.get(number)
        block = next(sent.blocks, None) if sent is not None else None
        if block is None or block.rests:  # it is begun again as another one
            self._open.pop(number, None)
            self._live.pop(number, None)
        return self._pack(sent, block) if sent is not None and block is not None else None

    def _pack(self, sent: _Sent, block: Block) -> Packed:
        afresh = len(sent.kept) > MAX_SHAPES
        if afresh:
            sent.known, sent.kept, sent.piece = {}, [], None
        shapes = self._new_shapes(sent, block.events) if len(block.events) else None
        new, told = shapes if shapes is not None else ([], None)
        chosen, names = self._chosen(sent, block)
        rich = Told(
            block.read,
            block.lost,
            block.filtered,
            block.rejected,
            block.position,
            afresh,
            new,
            names,
            chosen.filtered if chosen else {},
            chosen.newest_us if chosen else 0,
            chosen.read if chosen else 0,
            block.idle,
            block.rests,
        )
        columns = block.events.columns if len(block.events) else None
        return (
            _encode(rich),
            told,
            columns,
            chosen.rows if chosen else None,
            chosen.first if chosen else None,
        )

    def _new_shapes(self, sent: _Sent, events: EventColumns) -> tuple[list[bytes], Any]:
        """Shapes that the other end does not know, and the numbers of the piece's, if it is a new piece."""
        if sent.piece is events.shapes:
            return [], None
        before = len(sent.kept)
        numbers = []
        for shape in events.shapes:
            number = sent.known.get(id(shape))
            if number is None:
                number = sent.known[id(shape)] = len(sent.kept)
                sent.kept.append(shape)
            numbers.append(number)
        sent.piece = events.shapes
        return list(map(_encode, sent.kept[before:])), np.array(numbers, np.int32)

    def _chosen(self, sent: _Sent, block: Block) -> tuple[Selected | None, list[str]]:
        if block.flows is None or not len(block.flows):
            return None, []
        about, settings = self._enrichment, self._settings
        chosen = prepared(
            block.flows, about.inventory, about.indicators, settings.sampling, self._not_after_us
        )
        names = chosen.ids[sent.named :] if len(chosen.rows) else []
        sent.named += len(names)
        return chosen, names


class SharedShapes:
    """Shapes that several partitions tell are one object here: it is routed once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Event] = {}

    def get(self, packed: bytes) -> Event:
        """The shape."""
        shape = self._known.get(packed)
        if shape is None:
            if len(self._known) > MAX_SHAPES:
                self._known.clear()
            shape = self._known[packed] = _shape(packed)
        return shape


class FarPartition:
    """A partition that an actor reads, a few blocks ahead."""

    def __init__(
        self,
        reader: Any,
        number: int,
        partition: Partition,
        shapes: SharedShapes,
        get: Callable[[Any], Any],
        clock: Clock | None = None,
    ) -> None:
        self.name, self.first_us = partition.name, partition.first_us
        self.live = is_live(partition)
        self._clock = clock or Clock()
        self._reader, self._number, self._partition = reader, number, partition
        self._get = get  # waits for what was asked for
        self._ahead: deque[Any] = deque()
        self._opened = 0  # how often
        self._depth = DEPTH
        self._waits_at: list[Any] = []  # the position from which nothing was taken yet, if it is open there
        self._shared = shapes
        self._shapes: list[Event] = []
        self._piece: list[Event] = []
        self._names: list[str] = []

    def prefetch(self, position: Any = None) -> None:
        """Have the first blocks read, unless others are being read already."""
        if not self._opened:
            self._open(position)

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """See `Partition.blocks`. What was read ahead of a position before is read again."""
        self._partition.blocks(position)  # reads nothing, but refuses a position that can't be used
        return self._blocks(position)

    def _blocks(self, position: Any) -> Iterator[Block]:
        if self._waits_at != [position]:
            self._open(position)
        self._waits_at = []
        while True:
            self._ask()
            packed = self._get(self._ahead.popleft())
            if packed is None:  # so are those that were asked for ahead
                return
            block = self._unpacked(*packed)
            self._depth = 1 if block.idle else DEPTH  # more would only be told again that there is nothing
            yield block
            if block.rests:
                return

    def _open(self, position: Any) -> None:
        """Have it read from there; the two ends have nothing in common yet."""
        self._ahead.clear()
        self._shapes, self._piece, self._names = [], [], []
        self._opened += 1
        self._waits_at = [position]
        self._reader.open.remote(self._number, self._partition, position)
        self._ask()

    def _ask(self) -> None:
        while len(self._ahead) < self._depth:
            self._ahead.append(self._reader.next.remote(self._number, self._clock.not_after_us))

    def release(self, position: Any) -> None:
        """See `LivePartition.release`."""
        self._reader.release.remote(self._number, position)

    def stop(self) -> None:
        """The reader closes it."""

    def _unpacked(self, rich: bytes, numbers: Any, columns: Any, rows: Any, first: Any) -> Block:
        told = _decode(rich)
        if told.afresh:
            self._shapes = []
        self._shapes += map(self._shared.get, told.shapes)
        if numbers is not None:
            self._piece = [self._shapes[number] for number in numbers.tolist()]
        events = EventColumns(self._piece, columns) if columns is not None else EventColumns()
        self._names += told.names
        block = Block(events, rejected=told.rejected, filtered=told.filtered, read=told.read, lost=told.lost)
        block.idle, block.rests, block.position = told.idle, told.rests, told.position
        if rows is not None:
            block.chosen = Selected(
                rows.copy(),
                first,
                self._names,
                told.flows,
                told.filtered_flows,
                told.newest_us,
                self._stream(),
            )
        return block

    def _stream(self) -> int:
        """The number of its list of names: one for each time that it was opened."""
        return 1 + self._number + (self._opened - 1 << 32)
