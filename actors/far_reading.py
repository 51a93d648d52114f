"""What stands with a router for a partition that another process reads (`actors.far_reader`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from actors.clock import Clock
from actors.far_reader import NUMBER, Told
from ingest.blocks import Block, Partition, is_live
from ingest.event_columns import EventColumns
from ingest.flows import FlowColumns
from ingest.parts import MAX_PARTS, Parts, What, Where, Who
from ingest.resource_ids import ToldIds
from ingest.select import Selected

DEPTH = 3  # answers with a partition's blocks that are asked for ahead

_parts = tuple(msgspec.msgpack.Decoder(kind).decode for kind in (What, Who, Where))
_decode = msgspec.msgpack.Decoder(Told).decode


class SharedParts:
    """Parts that several partitions tell are one object here."""

    def __init__(self) -> None:
        self._known: tuple[dict[bytes, Any], ...] = ({}, {}, {})

    def get(self, told: Sequence[list[bytes]]) -> list[list[Any]]:
        """The parts of each kind."""
        if sum(map(len, self._known)) > MAX_PARTS:
            self._known = ({}, {}, {})
        return [
            [known[one] if one in known else known.setdefault(one, decode(one)) for one in some]
            for known, decode, some in zip(self._known, _parts, told, strict=True)
        ]


class FarEnd:
    """A reader as it stands here, with the resources that it has told: a number of its own is the same in all its files."""

    def __init__(self, actor: Any, stream: int) -> None:
        self.actor = actor
        self.stream = stream  # at least 1: 0 are the numbers of who reads here
        self.ids = ToldIds()
        self.reads = 0  # partitions, now
        self.given = 0  # in all


class FarPartition:
    """A partition that an actor reads, a few blocks ahead: of several the one that has least to read when it is begun."""

    def __init__(
        self,
        ends: Sequence[FarEnd],
        number: int,
        partition: Partition,
        shared: SharedParts,
        get: Callable[[Any], Any],
        clock: Clock | None = None,
    ) -> None:
        self.name, self.first_us = partition.name, partition.first_us
        self.live = is_live(partition)
        self._clock = clock or Clock()
        self._ends, self._end = ends, ends[0]
        self._number, self._partition = number, partition
        self._get = get  # waits for what was asked for
        self._ahead: deque[Any] = deque()
        self._opened = self._is_read = False
        self._depth = DEPTH
        self._waits_at: list[Any] = []  # the position from which nothing was taken yet, if it is open there
        self._shared = shared
        self._parts = Parts()

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
            some = deque(self._get(self._ahead.popleft()))
            if not some:  # so are those that were asked for ahead
                self._is_over()
                return
            while some:
                block = self._unpacked(*some.popleft())
                # Of one that has nothing more would only be told again that it has nothing.
                self._depth = 1 if block.idle else DEPTH
                if block.rests:
                    self._is_over()
                yield block
                if block.rests:
                    return

    def _open(self, position: Any) -> None:
        """Have it read from there; the two ends have nothing in common yet."""
        self._ahead.clear()
        if not self._opened:
            self._end = min(self._ends, key=lambda end: (end.reads, end.given))
            self._end.given += 1
        self._end.reads += not self._is_read
        self._parts, self._opened, self._is_read = Parts(), True, True
        self._waits_at = [position]
        self._end.actor.open.remote(self._number, self._partition, position)
        self._ask()

    def _is_over(self) -> None:
        self._end.reads -= self._is_read
        self._is_read = False

    def _ask(self) -> None:
        while len(self._ahead) < self._depth:
            self._ahead.append(self._end.actor.next.remote(self._number, self._clock.not_after_us))

    def release(self, position: Any) -> None:
        """See `LivePartition.release`."""
        if self._opened:
            self._end.actor.release.remote(self._number, position)

    def stop(self) -> None:
        """The reader closes it."""

    def _unpacked(self, rich: bytes, columns: Any, rows: Any, first: Any) -> Block:
        told = _decode(rich)
        if told.afresh:
            self._parts = Parts()
        self._parts.extend(*self._shared.get(told.parts))
        events = EventColumns(self._parts, columns) if columns is not None else EventColumns()
        self._end.ids.add(np.frombuffer(told.numbers, NUMBER), told.names, told.addresses)
        block = Block(events, rejected=told.rejected, filtered=told.filtered, read=told.read, lost=told.lost)
        block.idle, block.rests, block.position = told.idle, told.rests, told.position
        block.awaited, block.soon, block.down = told.awaited, told.soon, told.down
        block.quiet_us, block.blocks = told.quiet_us, told.blocks
        if rows is not None and not told.whose:
            block.flows, block.newest_us = FlowColumns.of_rows(rows.copy()), told.newest_us
            for reason, number in told.filtered_flows.items():
                block.filtered[reason] = block.filtered.get(reason, 0) + number
        elif rows is not None:
            block.chosen = Selected(
                rows,
                first,
                self._end.ids,
                told.flows,
                told.filtered_flows,
                told.newest_us,
                self._end.stream,
            )
        return block
