"""A file of JSON records as a partition."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ingest.blocks import Block, bad_file, shown, stuck, unreadable
from ingest.compression import NOT_THE_SAME, ChangedError, CutShortError, chunks
from ingest.event_columns import EventColumns, joined
from ingest.event_reader import EventReader, Piece
from ingest.json_records import pieces
from ingest.positions import EventPosition, known
from ingest.times import path_us

# Blocks are cut at fixed numbers of records, so that nothing hangs on how they are batched later.
BLOCK = 5_000
SORTED = 50_000  # records, or some more, that are put in time order together
MAX_SORTED = 1_000_000  # ... of a file whose newest record comes first
PEEKED = 200
CHUNK = 1 << 20  # octets at a time: with what is made of them they stay in a processor's cache


class EventFile:
    """A file of JSON records. A position in it (`EventPosition`) is where a group begins, and blocks given of it."""

    def __init__(self, path: Path, lateness_us: int) -> None:
        self.name = shown(path)
        self._path = path
        self._lateness_us = lateness_us
        self.first_us = path_us(self.name) or self._first()

    def _first(self) -> int | None:
        """The least time among the first records; among all, if the newest come first."""
        least, peeked = None, 0
        reader = EventReader(self.name)
        try:
            for piece, _ in pieces(_Stream(self._path, EventPosition())):
                times = reader.read(piece).events.columns["at_us"]
                if len(times):
                    least = int(times.min()) if least is None else min(least, int(times.min()))
                    peeked += len(times)
                    if peeked >= PEEKED and not self._falling(times):
                        break
        except (CutShortError, OSError):
            pass  # said when the file is read
        return least

    def _falling(self, times: Any) -> bool:
        return len(times) > 1 and int(times[0] - times[-1]) > self._lateness_us

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of 5,000 events, of 50,000 records or more in time order."""
        return self._blocks(known(position, EventPosition, self.name))

    def _blocks(self, at: EventPosition) -> Iterator[Block]:
        stream = _Stream(self._path, at)
        try:
            if at.ended and not at.given and not stream.has_grown():
                return
            end = yield from self._groups(at, stream)
        except (ChangedError, OSError) as error:
            yield stuck(self._path, error, msgspec.to_builtins(at))
            return
        if stream.stop is not None:
            yield from self._blocks(end)  # what came to the file since

    def _groups(self, at: EventPosition, stream: _Stream) -> Generator[Block, None, EventPosition]:
        """The blocks of one group after another; returns the position at the end."""
        reader = EventReader(self.name, at.number)
        gathered: list[Piece] = []
        group, place, broken = at, at.place, ""
        try:
            for piece, place in pieces(stream, at.place):
                gathered.append(reader.read(piece))
                if self._is_whole(gathered):
                    after = EventPosition(place=place, number=reader.number, read_to=stream.read_to)
                    yield from _given(gathered, group, after)
                    gathered, group = [], after
        except CutShortError as error:
            broken = str(error)
        except OSError as error:
            if group.given or (at.read_to and not stream.begun):
                raise
            broken = unreadable(error)
        if broken:
            gathered.append(Piece(EventColumns(), [bad_file(self._path, broken)]))
        end = EventPosition(
            place=place,
            number=reader.number,
            read_to=stream.read_to,
            ended=True,
            broken=bool(broken) or stream.breaks,
        )
        yield from _given(gathered, group, end)
        return end

    def _is_whole(self, gathered: list[Piece]) -> bool:
        """Whether these are to be put in order; of a file whose newest record comes first, more are gathered."""
        count = sum(piece.read for piece in gathered)
        if count < SORTED or count >= MAX_SORTED:
            return count >= SORTED
        times = [piece.events.columns["at_us"] for piece in gathered]
        ends = np.array([one for some in times if len(some) for one in (some[0], some[-1])])
        return not self._falling(ends)


class _Stream:
    """The octets of a file from where they are asked for, and how far they were read."""

    def __init__(self, path: Path, at: EventPosition) -> None:
        self._path = path
        self._least = at.read_to
        # The file's last group must be the same again, though more may have come to the file.
        self.stop = at.read_to if at.ended and at.given else None
        # ... and break off again: what is left of a line must not be taken for a whole one.
        self.breaks = self.stop is not None and at.broken
        self.read_to = at.read_to
        self.begun = False

    def __call__(self, start: int, stop: int | None = None) -> Iterator[bytes]:
        """Chunks, which end at the same places wherever they begin."""
        ends = [end for end in (stop, self.stop) if end is not None]
        for chunk in chunks(self._path, CHUNK, start, self._least, min(ends, default=None)):
            start += len(chunk)
            self.read_to, self.begun = max(self.read_to, start), True
            yield chunk
        if self.breaks and stop is None:
            raise CutShortError("")  # said before

    def has_grown(self) -> bool:
        """Whether there is more than was read before. Raises ChangedError and OSError."""
        try:
            return next(chunks(self._path, CHUNK, self.read_to, self._least), None) is not None
        except CutShortError:
            return False


def _given(gathered: list[Piece], group: EventPosition, after: EventPosition) -> Iterator[Block]:
    """The blocks of a group that are not given yet, with their positions; the last one's is `after`."""
    blocks = _in_order(gathered)
    if group.given and group.given >= len(blocks):
        raise ChangedError(f"{NOT_THE_SAME}; what is new in it was not read")
    for number, block in enumerate(blocks[group.given :], group.given + 1):
        at = msgspec.structs.replace(
            group, given=number, read_to=after.read_to, ended=after.ended, broken=after.broken
        )
        block.position = msgspec.to_builtins(after if number == len(blocks) else at)
        yield block


def _in_order(gathered: list[Piece]) -> list[Block]:
    """The gathered events in time order, in blocks; the first has all that was rejected and filtered."""
    events = joined([piece.events for piece in gathered])
    events = events.take(np.argsort(events.columns["at_us"], kind="stable"))
    rejected = [one for piece in gathered for one in piece.rejected]
    beside = sum(piece.read for piece in gathered) - len(events)
    filtered: dict[str, int] = {}
    for piece in gathered:
        for reason, number in piece.filtered.items():
            filtered[reason] = filtered.get(reason, 0) + number
    if not beside and not rejected and not len(events):
        return []
    parts = [events.take(slice(start, start + BLOCK)) for start in range(0, len(events) or 1, BLOCK)]
    blocks = [Block(part, read=len(part)) for part in parts]
    blocks[0].rejected, blocks[0].filtered = rejected, filtered
    blocks[0].read += beside
    return blocks
