"""The router reads the sources as one stream, sends each record to its owners' shards and closes the hours.

The source that is furthest behind in event time is read next, so that files of different spans meet in
event time. The watermark is the least of the unfinished sources' greatest event times, less the lateness;
an hour closes when it passes the hour's end. Whether a record is late is a matter of its own source alone:
nothing depends on how the sources interleave.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from typing import Any

import numpy as np

from actors.clock import Clock
from actors.event_routes import LAYERS, EventRoutes
from actors.flow_routes import ENOUGH_ROWS, FlowRoutes
from actors.messages import Rows
from actors.settings import Settings
from actors.steps import (
    CloseHour,
    Counts,
    Drained,
    Mark,
    Place,
    Reject,
    RunState,
    Send,
    SourceState,
    Step,
    Took,
    Waiting,
)
from ingest.blocks import Block, Partition, is_live
from ingest.enrich import Enrichment
from ingest.event_columns import EventColumns
from ingest.flows import FlowColumns
from ingest.records import HOUR_US, NETWORK, Event, Rejected
from ingest.select import Selected, prepared

NO_BOUND = 1 << 62
ASKED_US = 1_000_000  # a source that is long silent is asked once in so long


@dataclass(order=True, slots=True)
class _Reader:
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
    over: bool = field(default=False, compare=False)  # it is asked no more

    def is_due(self, now_us: int) -> bool:
        """Whether a silent source is to be asked again."""
        silent = now_us - self.silent_us
        return silent < ASKED_US or now_us - self.asked_us >= min(ASKED_US, silent // 10)

    def caught_up_us(self, now_us: int, bound_us: int) -> int:
        """Event time before which nothing more is to come: a source that is long silent has nothing that is older."""
        silent = self.silent_us and now_us - self.silent_us > bound_us
        return max(self.frontier_us, now_us - bound_us) if silent else self.frontier_us


class Router:
    """One router over its partitions. `steps()` is to be run to its end, in order."""

    def __init__(
        self,
        partitions: Iterable[Partition],
        enrichment: Enrichment,
        settings: Settings,
        *,
        closed_until: int | None = None,
        open_hours: Iterable[int] = (),
        layers_since: dict[str, int] | None = None,
        run: RunState | None = None,
        clock: Clock | None = None,
        number: int = 0,
        alone: bool = True,
    ) -> None:
        self.number = number  # among several that feed the same shards
        self._alone = alone  # else `actors.routers` closes the hours for all
        self.passed_us = NO_BOUND  # the watermark of all
        self.until_us = NO_BOUND  # sources that are further than this in event time are not read on
        self.sent_until_us: int | None = None  # all that is not late and older was sent; None: all there is
        self.enrichment = enrichment
        self.settings = settings
        self.clock = clock or Clock(not_after_us=settings.not_after_us)
        self.counts = run.counts if run else Counts()
        self.closed_until = closed_until  # hours before this one were closed by an earlier run
        self._closed_at_start = run.closed_at_start if run else closed_until or 0
        self.layers_since = dict(layers_since or {})
        self.open_hours = set(open_hours)
        self.mark_wanted = False
        self.send_wanted = False  # what is gathered is not to wait for more
        places = run.places if run else []
        self._places = {place.name: place for place in places if not place.finished and not place.resting}
        self._finished = [place for place in places if place.finished]
        self._left = {place.name: place for place in places if place.resting}  # not asked until they stir
        self._again: dict[str, Partition] = {}  # what has come under a name that is still being read
        self._gone: list[str] = []  # live sources that are at their end
        self._held = 0  # blocks since it was last reckoned how far all sources are
        self._readers: list[_Reader] = []  # a heap: those that may have something
        self._resting: list[_Reader] = []  # live ones that have nothing for now
        self._holding: list[_Reader] = []  # some of those that the oldest open hour waits for
        self.add(partitions)
        self._order = deque(reader.partition for reader in sorted(self._readers) if not reader.started)
        self._events = EventRoutes(enrichment, settings.shards)
        self._flows = FlowRoutes(enrichment.inventory, settings.shards)

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
                reader = _reader(partition, left or self._places.pop(partition.name, None))
                reader.silent_us = int(left is not None)  # till it is asked it has been silent as before
                heappush(self._readers, reader)
        if self._readers:
            before, now = self.sent_until_us, self.watermark_us()
            self.sent_until_us = now if before is None else min(before, now)

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
        return [SourceState(one.name, one.frontier_us, one.heard_us, is_live(one.partition)) for one in both]

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

    # The stream

    def steps(self) -> Iterator[Step]:
        """Everything that is to be done, in order. With live sources it comes to no end by itself."""
        # A server's sources come and go; of several routers some have none at times.
        while self._readers or self._resting or self.settings.streaming:
            if self.mark_wanted:
                self.mark_wanted = False
                yield from self._flush()
                yield Mark()
            if self.send_wanted:
                self.send_wanted = False
                yield from self._flush()
            if not self._readers or self._readers[0].frontier_us > self.until_us:
                yield from self._close_passed()
                yield from self._flush()
                self.sent_until_us = self.watermark_us() if self._readers or self._resting else None
                yield Waiting()
                self.wake()
                continue
            reader = heappop(self._readers)
            block = self._next(reader)
            if block is None:
                self._ended(reader)
            elif block.rests:
                reader.over = True
                self._left[reader.name] = Place(reader.name, reader.frontier_us, block.position, resting=True)
            elif block.idle:
                reader.position = block.position
                reader.asked_us = self.clock.now_us
                reader.silent_us = reader.silent_us or self.clock.now_us
                self._resting.append(reader)
            else:
                reader.heard_us, reader.silent_us = self.clock.now_us, 0
                yield from self._take(reader, block)
                reader.position = block.position
                heappush(self._readers, reader)
            yield from self._close_passed()
            if self.clock.now_us:
                yield Took()  # so that who drives a server comes round, whatever the blocks hold
        yield from self._flush()
        self.sent_until_us = None
        yield Drained()
        for hour in sorted(self.open_hours) if self._alone else ():
            yield CloseHour(hour)

    def _ended(self, reader: _Reader) -> None:
        reader.over = True
        if not is_live(reader.partition):
            self._finished.append(Place(reader.name, finished=True))
        elif (again := self._again.pop(reader.name, None)) is not None:
            heappush(self._readers, _reader(again, None))
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

    def _next(self, reader: _Reader) -> Block | None:
        if reader.blocks is None:
            if not reader.started and self._order:
                self._order.popleft()
            for partition in islice(self._order, self.settings.shards):
                partition.prefetch()
            reader.blocks = iter(reader.partition.blocks(reader.position))
        return next(reader.blocks, None)

    def _take(self, reader: _Reader, block: Block) -> Iterator[Step]:
        self.counts.read += block.read
        self.counts.lost += block.lost
        for reason, number in block.filtered.items():
            self.counts.drop(reason, number)
        if block.rejected:
            self.counts.rejected += sum(one.kind == "record" for one in block.rejected)
            yield Reject(tuple(block.rejected))
        horizon = reader.frontier_us - self.settings.lateness_us
        newest = reader.frontier_us
        if len(block.events):
            read = yield from self._take_events(reader, block.events, horizon)
            newest = max(newest, read)
        if block.flows is not None and len(block.flows):
            block.chosen = self._prepared(block.flows)
        if block.chosen is not None:
            read = yield from self._take_flows(reader, block.chosen, horizon)
            newest = max(newest, read)
        reader.frontier_us, reader.started = newest, True

    def _first_open(self, horizon_us: int) -> int:
        """The first hour that records may still come for: earlier ones are late."""
        return max(horizon_us // HOUR_US, self.closed_until or 0)

    # Events

    def _take_events(
        self, reader: _Reader, events: EventColumns, horizon_us: int
    ) -> Generator[Step, None, int]:
        at_us = events.columns["at_us"]
        last = self.clock.not_after_us
        if last is not None and int(at_us.max()) > last:
            wrong = events.take(at_us > last)
            self.counts.rejected += len(wrong)
            yield Reject(tuple(map(_from_the_future, wrong.events(reader.name))))
            events = events.take(at_us <= last)
            if not len(events):
                return 0
        newest = int(events.columns["at_us"].max())
        self._route(reader.name, events, self._first_open(horizon_us))
        if len(self._events) >= self.settings.batch_records:
            yield from self._flush()
        return newest

    def _route(self, source: str, events: EventColumns, first_open: int) -> None:
        numbers = self._events.meet(events)
        owned = self._events.is_owned(numbers)
        self.counts.drop("names no principal and touches no vault", int(np.count_nonzero(~owned)))
        hours = events.columns["at_us"] // HOUR_US
        late = owned & (hours < first_open)
        if late.any():
            before = late & (hours < self._closed_at_start)
            self._count_late(source, int(np.count_nonzero(late)), int(np.count_nonzero(before)))
            self._events.add_late(events.take(late), source)
        taken = np.flatnonzero(owned & ~late)
        if not len(taken):
            return
        events, numbers = events.take(taken), numbers[taken]
        self._events.listed(numbers, events.columns["at_us"])
        self.open_hours.update(np.unique(hours[taken]).tolist())
        self.counts.events_sent += len(taken)
        layers = self._events.layers(numbers)
        for place, layer in enumerate(LAYERS):
            if len(mine := events.columns["at_us"][layers == place]):
                oldest = int(mine.min())
                self.layers_since[layer] = min(oldest, self.layers_since.get(layer, oldest))
        self._events.add(events, numbers, source)

    # Flows

    def _prepared(self, flows: FlowColumns) -> Selected:
        about = self.enrichment
        settings = self.settings
        last = self.clock.not_after_us
        return prepared(flows, about.inventory, about.indicators, settings.sampling, last)

    def _take_flows(self, reader: _Reader, chosen: Selected, horizon_us: int) -> Generator[Step, None, int]:
        for reason, number in chosen.filtered.items():
            self.counts.drop(reason, number)
        rows, first, wrong = self._without_wrong_times(chosen.rows, chosen.first)
        if wrong:
            yield Reject((_wrong_times(wrong, reader.name, int(chosen.rows["offset"][0])),))
        hours = rows["end_us"] // HOUR_US
        late = hours < self._first_open(horizon_us)
        late_flows = 0
        if late.any():
            late_flows = int(np.count_nonzero(late & first))
            before = int(np.count_nonzero(late & first & (hours < self._closed_at_start)))
            self._count_late(reader.name, late_flows, before)
            in_time = np.flatnonzero(~late)
            rows, hours = rows.take(in_time), hours[in_time]
        self.counts.flows_applied += int(np.count_nonzero(first)) - late_flows
        if len(rows):
            self.open_hours.update(np.unique(hours).tolist())
            since = self.layers_since.get(NETWORK)
            oldest = int(rows["end_us"].min())
            self.layers_since[NETWORK] = oldest if since is None else min(since, oldest)
            self._flows.add(rows, reader.name, chosen.ids, chosen.stream)
            yield from self._sends(ENOUGH_ROWS)
        return chosen.newest_us

    def _without_wrong_times(self, rows: Rows, first: Any) -> tuple[Rows, Any, int]:
        """The rows without those before 1970 or well ahead of the clock, and how many flows those were."""
        last = self.clock.not_after_us
        known = (rows["end_us"] >= 0) & (rows["start_us"] >= 0)
        if last is not None:
            known &= rows["end_us"] <= last
        if known.all():
            return rows, first, 0
        wrong = int(np.count_nonzero(first & ~known))
        self.counts.rejected += wrong
        places = np.flatnonzero(known)
        return rows.take(places), first[places], wrong

    def _sends(self, least: int) -> Iterator[Step]:
        for shard, batch in self._flows.take(least):
            batch.router = self.number
            yield Send(shard, batch)

    # Time

    def _close_passed(self) -> Iterator[Step]:
        """Close the hours that the watermark has passed."""
        if not (self._readers or self._resting or self.settings.streaming):
            return
        hours, sent = self.open_hours, 0 if self._alone else self.sent_until_us or 0
        waiting = [hour for hour in hours if (hour + 1) * HOUR_US > sent]
        if not waiting or self._is_held(min(waiting)):
            self._held += 1
            if not self._alone and self._held * 8 >= len(self._readers) + len(self._resting):
                self.sent_until_us, self._held = self.watermark_us(), 0
            return
        watermark = self.watermark_us()
        passed = sorted(hour for hour in self.open_hours if (hour + 1) * HOUR_US <= watermark)
        if passed and (self._alone or (passed[-1] + 1) * HOUR_US > (self.sent_until_us or 0)):
            yield from self._flush()
        self.sent_until_us = watermark
        for hour in passed if self._alone else ():
            self.open_hours.discard(hour)
            self.closed_until = max(self.closed_until or 0, hour + 1)
            yield CloseHour(hour)

    def _is_held(self, hour: int) -> bool:
        """Whether some source holds an hour open. Those that did are asked first: all of them are too many to be asked
        after each block."""
        end = (hour + 1) * HOUR_US + self.settings.lateness_us
        now, bound, holding = self.clock.now_us, self.settings.silence_us, self._holding
        if self._left and now - bound < end:
            return True
        while holding and (holding[-1].over or holding[-1].caught_up_us(now, bound) >= end):
            holding.pop()
        if not holding:
            both = (*self._readers, *self._resting)
            holding += [reader for reader in both if reader.caught_up_us(now, bound) < end]
        return bool(holding)

    def pass_hours(self, closed_until: int) -> None:
        """Hours before this one were closed, where that is decided elsewhere."""
        if closed_until > (self.closed_until or 0):
            self.closed_until = closed_until
            self.open_hours = {hour for hour in self.open_hours if hour >= closed_until}

    def watermark_us(self) -> int:
        """Event time before which no source has anything more that is not late."""
        now, bound = self.clock.now_us, self.settings.silence_us
        both = (*self._readers, *self._resting)
        ahead = [one.caught_up_us(now, bound) for one in both]
        if self._left or (now and not ahead):
            ahead.append(now - bound)
        return min(ahead, default=0) - self.settings.lateness_us

    def _flush(self) -> Iterator[Step]:
        passed = min(self.watermark_us(), self.passed_us) // HOUR_US if self.settings.streaming else 0
        for shard, batch in self._events.take():
            batch.router, batch.passed = self.number, passed
            yield Send(shard, batch)
        yield from self._sends(1)

    def state(self) -> dict[str, Any]:
        """What a later run's router must know: give it as keyword arguments."""
        return {
            "closed_until": self.closed_until,
            "open_hours": sorted(self.open_hours),
            "layers_since": dict(self.layers_since),
        }

    def run_state(self) -> RunState:
        """What this run needs to go on from here; asked for at a mark, or when all sources are drained."""
        begun = [
            Place(reader.name, reader.frontier_us, reader.position)
            for reader in (*self._readers, *self._resting)
            if reader.started or reader.position is not None
        ]
        return RunState(self._closed_at_start, self.counts, [*self._finished, *self._left.values(), *begun])

    def _count_late(self, source: str, number: int, closed_before: int) -> None:
        self.counts.late += number
        self.counts.closed_before += closed_before
        if number > closed_before:
            self.counts.drop_late(source, number - closed_before)


def _reader(partition: Partition, place: Place | None) -> _Reader:
    if place is None:
        return _Reader(partition.first_us or 0, partition.name, partition)
    at, position = place.frontier_us, place.position
    return _Reader(at, partition.name, partition, None, at > 0, position)


def _wrong_times(number: int, source: str, offset: int) -> Rejected:
    return Rejected(
        reason=f"{number} flows from here on have a time before 1970 or more than a day ahead of this machine's clock",
        source=source,
        offset=offset,
    )


def _from_the_future(event: Event) -> Rejected:
    from detections.words import rfc3339

    return Rejected(
        reason=f"its time, {rfc3339(event.at_us)}, lies more than a day ahead of this machine's clock",
        source=event.source,
        offset=event.offset,
        excerpt=event.operation[:200],
    )
