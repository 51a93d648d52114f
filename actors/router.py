"""The router reads the sources as one stream, sends each record to its owners' shards and closes the hours.

The source that is furthest behind in event time is read next, so that files of different spans meet in
event time. The watermark is the least of the unfinished sources' greatest event times, less the lateness;
an hour closes when it passes the hour's end. Whether a record is late is a matter of its own source alone:
nothing depends on how the sources interleave.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from heapq import heappop
from typing import Any

import numpy as np

from actors.clock import Clock
from actors.event_routes import LAYERS, EventRoutes
from actors.flow_routes import FlowRoutes
from actors.flow_taker import FlowTaker
from actors.settings import Settings
from actors.sources import Reader, hours_of
from actors.steps import (
    CloseHour,
    Counts,
    Drained,
    Mark,
    Place,
    Reject,
    RunState,
    Send,
    Step,
    Took,
    Waiting,
)
from actors.told_flows import ToldFlows, known_of
from ingest.blocks import Block, Partition
from ingest.enrich import Enrichment
from ingest.event_columns import EventColumns
from ingest.records import HOUR_US, INVENTORY, Event, Rejected
from ingest.threat_intel import Indicators
from ingest.told_holders import ToldHolders
from ingest.told_inventory import ToldInventory

NO_BOUND = 1 << 62


class Router(FlowTaker):
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
        known: bytes = b"",
    ) -> None:
        self.number = number  # among several that feed the same shards
        self.passed_us = NO_BOUND  # the watermark of all
        self.until_us = NO_BOUND  # sources that are further than this in event time are not read on
        self.sent_until_us: int | None = None  # all that is not late and older was sent; None: all there is
        self.enrichment = enrichment
        self.counts = run.counts if run else Counts()
        self.closed_until = closed_until  # hours before this one were closed by an earlier run
        self._closed_at_start = run.closed_at_start if run else closed_until or 0
        self.layers_since = dict(layers_since or {})
        self.open_hours = set(open_hours)
        self.mark_wanted = False
        self.send_wanted = False  # what is gathered is not to wait for more
        self._held = 0  # blocks since it was last reckoned how far all sources are
        waiting = run.waiting if run else []
        if isinstance(enrichment.inventory, ToldInventory):
            self.told = ToldFlows(enrichment.inventory, waiting, ToldHolders(known) if alone else None)
        super().__init__(partitions, run.places if run else [], settings, clock, alone)
        self._events = EventRoutes(enrichment, settings.shards)
        self._flows = FlowRoutes(enrichment.inventory, settings.shards)
        for one in waiting if self.told is None else ():  # until now telemetry was asked for
            self._give(one.source, one.flows())

    def add(self, partitions: Iterable[Partition], places: Iterable[Place] = ()) -> None:
        """Take more sources in; one that was read before is read on from there."""
        super().add(partitions, places)
        if self._readers:
            before, now = self.sent_until_us, self.watermark_us()
            self.sent_until_us = self._all_sent(now if before is None else min(before, now))

    def renew(self, indicators: Indicators) -> None:
        """See `Enrichment.renew`."""
        self.enrichment.renew(indicators)
        self._events.renew()

    # The stream

    def steps(self) -> Iterator[Step]:
        """Everything that is to be done, in order. With live sources it comes to no end by itself."""
        # A server's sources come and go; of several routers some have none at times.
        while self._readers or self._resting or self.settings.streaming or self._others_are_awaited():
            if self.mark_wanted:
                self.mark_wanted = False
                yield from self._flush()
                yield Mark()
            if self.send_wanted:
                self.send_wanted = False
                yield from self._flush()
            if not self._readers or self._readers[0].frontier_us > self.until_us or self._is_full():
                yield from self._close_passed()
                yield from self._flush()
                here = self._readers or self._resting
                self.sent_until_us = self._all_sent(self.watermark_us() if here else None)
                yield Waiting()
                self.wake()
                continue
            reader = heappop(self._readers)
            block = self._next(reader)
            if block is None or block.rests or block.idle:
                self._has_nothing(reader, block)
            else:
                yield from self._take(reader, block)
                self._had(reader, block)
            yield from self._close_passed()
            # So that who drives it comes round, whatever the blocks hold, and after as many of them.
            for _ in range(1 if block is None else block.blocks):
                yield Took()
                if self.mark_wanted:
                    break
        if self._alone:
            self._settle(0, to_the_end=True)
        yield from self._flush()
        self.sent_until_us = None
        yield Drained()
        for hour in sorted(self.open_hours) if self._alone else ():
            yield CloseHour(hour)

    def _take(self, reader: Reader, block: Block) -> Iterator[Step]:
        self.counts.read += block.read
        self.counts.lost += block.lost
        for reason, number in block.filtered.items():
            self.counts.drop(reason, number)
        if rejected := self._rejected(block):
            self.counts.rejected += sum(one.kind == "record" for one in rejected)
            yield Reject(tuple(rejected))
        horizon = reader.frontier_us - self.settings.lateness_us
        newest = reader.frontier_us
        if len(block.events):
            read = yield from self._take_events(reader, block.events, horizon)
            newest = max(newest, read)
        if block.flows is not None and (len(block.flows) or block.newest_us is not None):
            if self.told is None:
                block.chosen = self._prepared(block.flows)
            else:
                read = yield from self._take_untold(self.told, reader, block, horizon)
                newest = max(newest, read)
        if block.chosen is not None:
            read = yield from self._take_flows(reader, block.chosen, horizon)
            newest, block.chosen = max(newest, read), None  # which may stand in memory that is not ours
        reader.frontier_us, reader.started = newest, True

    def _rejected(self, block: Block) -> list[Rejected]:
        """What could not be read of a block; of who holds addresses only where the run asks telemetry for that."""
        if self.told is not None:
            return block.rejected
        return [one for one in block.rejected if one.kind != INVENTORY]

    # Events

    def _take_events(
        self, reader: Reader, events: EventColumns, horizon_us: int
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
        self._route(reader.name, events, horizon_us)
        if len(self._events) >= self.settings.batch_records:
            yield from self._flush()
        return newest

    def _route(self, source: str, events: EventColumns, horizon_us: int) -> None:
        first_open = self._first_open(horizon_us)
        numbers = self._events.meet(events)
        telling = self._events.of_inventory(numbers)
        if telling.any():
            if self.told is not None:
                facts = self._events.told(numbers[telling], events.columns["at_us"][telling])
                self.told.take(facts, horizon_us)
            events, numbers = events.take(~telling), numbers[~telling]
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
        self.open_hours.update(hours_of(events.columns["at_us"]))
        self.counts.events_sent += len(taken)
        layers = self._events.layers(numbers)
        for place, layer in enumerate(LAYERS):
            if len(mine := events.columns["at_us"][layers == place]):
                oldest = int(mine.min())
                self.layers_since[layer] = min(oldest, self.layers_since.get(layer, oldest))
        self._events.add(events, numbers, source)

    # Time

    def _close_passed(self) -> Iterator[Step]:
        """Close the hours that the watermark has passed."""
        if not (self._readers or self._resting or self.settings.streaming):
            return
        if (
            self._alone
            and self.told is not None
            and self.told.is_due(len(self._readers) + len(self._resting))
        ):
            self._settle(self.watermark_us())
        hours, sent = self.open_hours, 0 if self._alone else self.sent_until_us or 0
        waiting = [hour for hour in hours if (hour + 1) * HOUR_US > sent]
        if not waiting or self._is_held(min(waiting)):
            self._held += 1
            if not self._alone and self._held * 8 >= len(self._readers) + len(self._resting):
                self.sent_until_us, self._held = self._all_sent(self.watermark_us()), 0
            return
        watermark = self.watermark_us()
        if self._alone:
            self._settle(watermark)
        passed = sorted(hour for hour in self.open_hours if (hour + 1) * HOUR_US <= watermark)
        if passed and (self._alone or (passed[-1] + 1) * HOUR_US > (self.sent_until_us or 0)):
            yield from self._flush()
        self.sent_until_us = self._all_sent(watermark)
        for hour in passed if self._alone else ():
            self.open_hours.discard(hour)
            self.closed_until = max(self.closed_until or 0, hour + 1)
            yield CloseHour(hour)

    def pass_hours(self, closed_until: int) -> None:
        """Hours before this one were closed, where that is decided elsewhere."""
        if closed_until > (self.closed_until or 0):
            self.closed_until = closed_until
            self.open_hours = {hour for hour in self.open_hours if hour >= closed_until}

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
            **known_of(self.told),
        }

    def run_state(self) -> RunState:
        """What this run needs to go on from here; asked for at a mark, or when all sources are drained."""
        waiting = self.told.state() if self.told is not None else []
        return RunState(self._closed_at_start, self.counts, self._stand(), waiting)


def _from_the_future(event: Event) -> Rejected:
    from detections.words import rfc3339

    return Rejected(
        reason=f"its time, {rfc3339(event.at_us)}, lies more than a day ahead of this machine's clock",
        source=event.source,
        offset=event.offset,
        excerpt=event.operation[:200],
    )
