"""The sources of a router: which is to be read next, how far each is, and which have nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappush
from itertools import islice
from typing import Any

import numpy as np

from actors.clock import Clock
from actors.settings import Settings
from actors.steps import Place, SourceState
from actors.unlisted import Unlisted
from ingest.blocks import Block, Partition, is_live
from ingest.records import HOUR_US

ASKED_US = 1_000_000  # a source that is long silent is asked once in so long


@dataclass(order=True, slots=True)
class Reader:
    frontier_us: int  # greatest event time read, or of the first record if none was
    name: str
    partition: Partition = field(compare=False)
    blocks: Iterator[Block] | None = field(default=None, compare=False)
    started: bool = field(default=False, compare=False)  # its frontier is from records that were read
    position: Any = field(default=None, compare=False)  # of the block that was read last
    heard_us: int = field(default=0, compare=False)  # when it last had something, by the clock
    asked_us: int = field(default=0, compare=False)  # when it was last asked
    silent_us: int = field(
        default=0, compare=False
    )  # since when it has nothing; 0: it had, when it was last asked
    awaited: bool = field(default=False, compare=False)  # it has nothing only until what it has is here
    soon: bool = field(default=False, compare=False)  # ... which may be at any moment
    down: bool = field(default=False, compare=False)  # ... or because it can't be reached
    over: bool = field(default=False, compare=False)  # it is asked no more

    def is_due(self, now_us: int) -> bool:
        """Whether a silent source is to be asked again."""
        silent = now_us - self.silent_us
        return self.soon or silent < ASKED_US or now_us - self.asked_us >= min(ASKED_US, silent // 10)

    def caught_up_us(self, now_us: int, settings: Settings) -> int:
        """Event time before which nothing more is to come: a source that is long silent has nothing that is older.

        It is silent as far as it was asked: nobody knows what came while nothing was read, for a sink that was full.
        """
        bound_us = max(settings.silence_us, settings.outage_us) if self.down else settings.silence_us
        known_us = self.asked_us or now_us
        silent = self.silent_us and not self.awaited and known_us - self.silent_us > bound_us
        return max(self.frontier_us, known_us - bound_us) if silent else self.frontier_us


class Sources:
    """What a router reads. Those that may have something are a heap, the furthest behind in event time first."""

    closed_until: int | None = None  # hours before this one were closed

    def __init__(
        self,
        partitions: Iterable[Partition],
        places: Iterable[Place],
        settings: Settings,
        clock: Clock | None,
        alone: bool,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock(not_after_us=settings.not_after_us)
        self._alone = alone  # else `actors.routers` stands over several routers
        places = list(places)
        self._places = {place.name: place for place in places if not place.finished and not place.resting}
        self._finished = [place for place in places if place.finished]
        self._left = {place.name: place for place in places if place.resting}  # not asked until they stir
        self._again: dict[str, Partition] = {}  # what has come under a name that is still being read
        self._gone: list[str] = []  # live sources that are at their end
        self._readers: list[Reader] = []  # a heap: those that may have something
        self._resting: list[Reader] = []  # live ones that have nothing for now
        self.unlisted = Unlisted(settings, self.clock)
        self._holding: list[Reader] = []  # some of those that the oldest open hour waits for
        self.add(partitions)
        self._order = deque(reader.partition for reader in sorted(self._readers) if not reader.started)

    @property
    def finished(self) -> int:
        """How many sources were read to their end."""
        return len(self._finished)

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return len(self._finished) + len(self._readers) + len(self._resting)

    def add(self, partitions: Iterable[Partition], places: Iterable[Place] = ()) -> None:
        """Take more sources in; one that was read before is read on from there."""
        for place in places:
            (self._left if place.resting else self._places)[place.name] = place
        partitions = list(partitions)
        again = {partition.name for partition in partitions if is_live(partition)}  # a file that came back
        self._finished = [place for place in self._finished if place.name not in again]
        done = {place.name for place in self._finished}
        being_read = {reader.name for reader in (*self._readers, *self._resting)} if partitions else set()
        for partition in partitions:
            if partition.name in being_read:
                self._again[partition.name] = partition  # its reader may be about to find it gone
            elif partition.name not in done:
                left = self._left.pop(partition.name, None)
                reader = reader_of(partition, left or self._places.pop(partition.name, None))
                reader.silent_us = int(left is not None)  # till it is asked it has been silent as before
                heappush(self._readers, reader)

    def resting(self) -> dict[str, Any]:
        """The positions of sources that are not asked until they stir, by name."""
        return {name: place.position for name, place in self._left.items()}

    def take_over(self) -> tuple[list[Place], list[str]]:
        """Sources at rest, and those that are gone: they are no longer this router's."""
        left, self._left = list(self._left.values()), {}
        gone, self._gone = self._gone, []
        return left, gone

    def forget(self, names: Iterable[str]) -> None:
        """Such sources are not there any more."""
        for name in names:
            self._left.pop(name, None)

    def states(self, most: int) -> list[SourceState]:
        """Of so many sources that are not at their end, those first that are furthest behind."""
        both = sorted((*self._readers, *self._resting))[:most]
        return [SourceState(one.name, one.frontier_us, one.heard_us) for one in both]

    def stats(self) -> list[Any]:
        """What live sources say of themselves."""
        both = (reader.partition for reader in (*self._readers, *self._resting))
        return [partition.stats() for partition in both if hasattr(partition, "stats")]

    def close(self) -> None:
        """Close what live sources have open."""
        for reader in (*self._readers, *self._resting):
            if is_live(reader.partition):
                reader.partition.stop()

    def release(self, places: Iterable[Place]) -> None:
        """A checkpoint with these places holds."""
        at = {place.name: place.position for place in places}
        for reader in (*self._readers, *self._resting):
            if reader.name in at and is_live(reader.partition):
                reader.partition.release(at[reader.name])

    # Reading

    def _next(self, reader: Reader) -> Block | None:
        if reader.blocks is None:
            if not reader.started and self._order:
                self._order.popleft()
            for partition in islice(self._order, self.settings.shards):
                partition.prefetch()
            reader.blocks = iter(reader.partition.blocks(reader.position))
        return next(reader.blocks, None)

    def _has_nothing(self, reader: Reader, block: Block | None) -> None:
        """It is at its end, at rest, or silent."""
        if block is None:
            self._ended(reader)
        elif block.rests:
            reader.over = True
            self._left[reader.name] = Place(reader.name, reader.frontier_us, block.position, resting=True)
        else:
            reader.position = block.position
            reader.awaited, reader.soon, reader.down = block.awaited, block.soon, block.down
            reader.asked_us = self.clock.now_us
            since = min(block.quiet_us, self.clock.now_us) or self.clock.now_us  # clocks may differ
            reader.silent_us = reader.silent_us or since
            self._resting.append(reader)

    def _had(self, reader: Reader, block: Block) -> None:
        """Its block was taken in."""
        reader.heard_us, reader.silent_us = self.clock.now_us, 0
        reader.awaited = reader.soon = reader.down = False
        reader.position = block.position
        heappush(self._readers, reader)

    def _ended(self, reader: Reader) -> None:
        reader.over = True
        if not is_live(reader.partition):
            self._finished.append(Place(reader.name, finished=True))
        elif (again := self._again.pop(reader.name, None)) is not None:
            heappush(self._readers, reader_of(again, None))
        elif not self._alone:
            self._gone.append(reader.name)

    def wake(self) -> None:
        """Have the resting sources asked again, the less often the longer they are silent."""
        now, resting = self.clock.now_us, self._resting
        self._resting = []
        for reader in resting:
            if reader.is_due(now):
                heappush(self._readers, reader)
            else:
                self._resting.append(reader)

    # How far all are

    def reading_us(self) -> int | None:
        """Event time of the source that is read next; None: none had anything when it was last asked."""
        return min((one.frontier_us for one in self._readers if not one.silent_us), default=None)

    def watermark_us(self) -> int:
        """Event time before which no source has anything more that is not late."""
        now, bound = self.clock.now_us, self.settings.silence_us
        both = (*self._readers, *self._resting)
        ahead = [one.caught_up_us(now, self.settings) for one in both]
        if self._left or (now and not ahead):
            ahead.append(now - bound)
        ahead += self.unlisted.watermarks(self.closed_until)
        return min(ahead, default=0) - self.settings.lateness_us

    def _is_held(self, hour: int) -> bool:
        """Whether some source holds an hour open. Those that did are asked first: all of them are too many to be asked
        after each block."""
        end = (hour + 1) * HOUR_US + self.settings.lateness_us
        now, bound, holding = self.clock.now_us, self.settings.silence_us, self._holding
        if (self._left and now - bound < end) or self.unlisted.hold():
            return True
        while holding and (holding[-1].over or holding[-1].caught_up_us(now, self.settings) >= end):
            holding.pop()
        if not holding:
            both = (*self._readers, *self._resting)
            holding += [reader for reader in both if reader.caught_up_us(now, self.settings) < end]
        return bool(holding)

    def _stand(self) -> list[Place]:
        """Where all stand, for a checkpoint."""
        begun = [
            Place(reader.name, reader.frontier_us, reader.position)
            for reader in (*self._readers, *self._resting)
            if reader.started or reader.position is not None
        ]
        return [*self._finished, *self._left.values(), *begun]


def hours_of(at_us: Any) -> Iterable[int]:
    """The hours of some times, at least one; mostly all are of one, and need not be sorted."""
    first, last = int(at_us.min()) // HOUR_US, int(at_us.max()) // HOUR_US
    hours: Iterable[int] = (first, last) if last - first < 2 else np.unique(at_us // HOUR_US).tolist()
    return hours


def reader_of(partition: Partition, place: Place | None) -> Reader:
    if place is None:
        return Reader(partition.first_us or 0, partition.name, partition)
    at, position = place.frontier_us, place.position
    return Reader(at, partition.name, partition, None, at > 0, position)
