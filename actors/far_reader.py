"""The reading end of a partition that an actor reads for a router: from bytes to what the router needs of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from actors.settings import Settings
from actors.sifted import Sifted, as_one, follows, sifted
from actors.told_before import ToldBefore
from ingest.blocks import Block, LivePartition, Partition, is_live
from ingest.enrich import Enrichment
from ingest.event_columns import PARTS, EventColumns
from ingest.flow_relevant import Relevant
from ingest.parts import Parts
from ingest.records import TRAFFIC, Rejected
from ingest.resource_ids import Ids
from ingest.select import IRRELEVANT, Selected, as_rows, selected
from ingest.threat_intel import Indicators

# An answer holds several blocks, until they are so many or have so many octets: a call to another process costs
# as much as some thousand records. A live partition's come one at a time: they are to be there soon.
BLOCKS = 16
OCTETS = 5 << 19

REJECTED = 300  # octets of what is said of one, about

NUMBER = np.dtype("<i4")


class Told(msgspec.Struct, array_like=True):
    """What goes with a block beside its arrays."""

    read: int
    lost: int
    filtered: dict[str, int]
    rejected: list[Rejected]
    position: Any
    afresh: bool  # numbers of parts begin at 0 again
    parts: list[list[bytes]]  # whats, whos and wheres that are told for the first time, packed
    numbers: bytes  # the reader's own (`NUMBER`), of resources that the file tells for the first time: ...
    names: list[str]  # ... of some their names, and of those behind them ...
    addresses: bytes  # ... their addresses, which are resources of their own: see `ToldIds`
    filtered_flows: dict[str, int]
    newest_us: int
    flows: int
    idle: bool
    rests: bool
    awaited: bool
    soon: bool
    down: bool
    quiet_us: int
    whose: bool = True  # it is decided which resource's the rows are; else they are flows as they came
    blocks: int = 1  # see `Block`


_encode = msgspec.msgpack.Encoder().encode
Packed = tuple[bytes, Any, Any, Any]


@dataclass(slots=True)
class _Sent:
    """One partition at the reading end, and what the other end knows."""

    blocks: Iterator[Block]
    parts: Parts = field(default_factory=Parts)  # those of the records; the other end knows some of them,
    known: tuple[dict[int, int], ...] = field(
        default_factory=lambda: ({}, {}, {})
    )  # ... each as another number
    resources: ToldBefore = field(default_factory=ToldBefore)  # ... and of resources, by the same number


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

    def renew(self, indicators: Indicators) -> None:
        """See `Enrichment.renew`."""
        self._enrichment.renew(indicators)

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

    def next(self, number: int, not_after_us: int | None) -> list[Packed]:
        """The partition's next blocks; none at its end. Flows after the given time have a wrong clock."""
        self._not_after_us = not_after_us
        if (sent := self._open.get(number)) is None:
            return []
        most, octets, read = 1 if number in self._live else BLOCKS, 0, 0
        some, run = list[Packed](), list[Sifted]()
        while read < most and octets < OCTETS and (block := self._next(number, sent)) is not None:
            one, read = self._sifted(block), read + 1
            if run and not follows(one, run, self._settings.lateness_us):
                some.append(self._pack(sent, as_one(run)))
                run = []
            if one.joins:
                run.append(one)
                octets += _about(one)
            else:
                some.append(self._pack(sent, one))
                octets += _octets(some[-1])
        return [*some, self._pack(sent, as_one(run))] if run else some

    def _next(self, number: int, sent: _Sent) -> Block | None:
        block = next(sent.blocks, None)
        if block is None or block.rests:  # it is begun again as another one
            self._open.pop(number, None)
            self._live.pop(number, None)
        return block

    def _sifted(self, block: Block) -> Sifted:
        one = sifted(block, self._enrichment.indicators, self._not_after_us)
        if self._settings.from_telemetry:
            one.joins = False  # whose they are is decided block by block
        return one

    def _pack(self, sent: _Sent, whole: Sifted) -> Packed:
        block = whole.block
        afresh = bool(len(block.events)) and sent.parts is not block.events.parts
        if afresh:
            sent.parts, sent.known = block.events.parts, ({}, {}, {})
        new, columns = self._new_parts(sent, block.events)
        chosen = self._chosen(whole)
        numbers, names, addresses = self._new_resources(sent, chosen)
        rich = Told(
            block.read,
            block.lost,
            block.filtered,
            block.rejected,
            block.position,
            afresh,
            new,
            numbers,
            names,
            addresses,
            chosen.filtered if chosen else {},
            chosen.newest_us if chosen else 0,
            chosen.read if chosen else 0,
            block.idle,
            block.rests,
            block.awaited,
            block.soon,
            block.down,
            block.quiet_us,
            not (chosen and self._settings.from_telemetry),
            block.blocks,
        )
        return (
            _encode(rich),
            columns,
            chosen.rows if chosen else None,
            chosen.first if chosen else None,
        )

    def _new_parts(self, sent: _Sent, events: EventColumns) -> tuple[list[list[bytes]], Any]:
        """Parts that the other end does not know, packed, and the columns with its numbers."""
        if not len(events):
            return [[], [], []], None
        columns, told = dict(events.columns), []
        lists: Any = (events.parts.whats, events.parts.whos, events.parts.wheres)
        for name, parts, known in zip(PARTS, lists, sent.known, strict=True):
            used, places = distinct(columns[name], len(parts))
            new = [code for code in used if code not in known]
            known.update(zip(new, range(len(known), len(known) + len(new)), strict=True))
            told.append([_encode(parts[code]) for code in new])
            columns[name] = np.array([known[code] for code in used], np.int32)[places]
        return told, columns

    def _chosen(self, whole: Sifted) -> Selected | None:
        if whole.found is None:
            return None
        about, settings = self._enrichment, self._settings
        if settings.from_telemetry:
            return _undecided(whole, whole.found)
        chosen = selected(whole.found, whole.flows, about.inventory, 0, settings.sampling)
        chosen.newest_us = whole.newest_us
        return chosen

    def _new_resources(self, sent: _Sent, chosen: Selected | None) -> tuple[bytes, list[str], bytes]:
        """Those of the rows that the other end does not know, or not from this file, whose blocks come in their order."""
        if chosen is None or not len(chosen.rows) or self._settings.from_telemetry:
            return b"", [], b""
        new = sent.resources.new(chosen.rows["entity"])
        own, names, addresses = chosen.ids.apart(new)
        return np.concatenate([new[~own], new[own]]).astype(NUMBER).tobytes(), names, addresses.tobytes()


def _undecided(whole: Sifted, found: Relevant) -> Selected:
    """Flows that may bear on a detection: whose they are is for the router to decide, when it is settled."""
    rows = as_rows(found.flows)
    left_out = {IRRELEVANT: whole.flows - len(rows)} if len(rows) < whole.flows else {}
    return Selected(rows, np.empty(0, bool), Ids(), whole.flows, left_out, whole.newest_us)


def _about(one: Sifted) -> int:
    """As many octets are about sent for it: each flow that stays comes to a row or two, or to none."""
    many = 0 if one.found is None else len(one.found.flows)
    return many * TRAFFIC.itemsize + len(one.block.rejected) * REJECTED


def _octets(packed: Packed) -> int:
    rich, columns, rows, _ = packed
    arrays = [*(columns or {}).values(), *(() if rows is None else (rows,))]
    return len(rich) + sum(int(array.nbytes) for array in arrays)


def distinct(codes: Any, most: int) -> tuple[list[int], Any]:
    """The different numbers in a column, all below `most`, rising; and the place of each among them."""
    marks = np.zeros(most, np.bool_)
    marks[codes] = True
    return np.flatnonzero(marks).tolist(), (np.cumsum(marks, dtype=np.int32) - 1)[codes]
