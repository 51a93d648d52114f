"""Several routers as one stream: each reads its share of the sources, and the hours are closed for all of them here.

An hour closes when the least of their watermarks has passed it. What a router sends goes to the shards
straight; closing an hour and taking a checkpoint come after what all of them had sent by then (`Ports.after`).
None reads further ahead of the one that is furthest behind than `MOST_AHEAD_US`, or open hours would pile up.
Whether a record is late is a matter of its own source, so the alerts do not depend on who reads which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, Protocol

from actors.clock import Clock
from actors.feeder import Fed, Order
from actors.settings import Settings
from actors.steps import (
    CloseHour,
    Counts,
    Drained,
    Mark,
    Place,
    Reject,
    RunState,
    SourceState,
    Step,
    Took,
    Waiting,
)
from actors.unlisted import Unlisted
from actors.waiting_flows import first_of
from ingest.blocks import Partition, is_live
from ingest.records import HOUR_US
from ingest.threat_intel import Indicators
from ingest.told_holders import Spans, ToldHolders

MOST_AHEAD_US = 4 * HOUR_US
TURN = 25  # steps in one order
NO_BOUND = 1 << 62


class Feed(Protocol):
    """A `Feeder`, here or elsewhere."""

    def begin(self, partitions: list[Partition], state: dict[str, Any], run: RunState | None) -> None: ...
    def advance(self, order: Order) -> Any: ...  # gives a `Fed`, or a promise of one
    def add(self, partitions: list[Partition], places: list[Place]) -> None: ...
    def release(self, places: list[Place]) -> None: ...
    def renew(self, indicators: Indicators) -> None: ...
    def states(self, most: int) -> list[SourceState]: ...
    def stats(self) -> list[Any]: ...
    def close(self) -> None: ...


class Lines(Protocol):
    """How what the routers say and what follows from it come into one order."""

    def first(self, promises: Sequence[Any]) -> int:
        """Which of them is kept first; waits for it."""

    def get(self, promise: Any) -> Fed:
        """What was promised."""

    def after(self, router: int, sent: list[Any]) -> None:
        """What is asked of the shards from now on comes after this, by shard."""

    def barrier(self) -> list[Any]:
        """By shard: a promise that is kept when it has written its part of the last checkpoint."""


class _Router:
    """One of them, as far as it is known here."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.said = Fed()
        self.promise: Any = None  # of what it says next
        self.added_us: int | None = None  # watermark of sources that it was given and has not spoken of yet
        self.speaks_of_added = False  # the promise does
        self.resting = False
        self.until_us = 0  # as its last order had it
        self.held = False  # at a mark
        self.spans = -1  # which version of who holds what it knows
        self.after: list[Any] = []  # to be told with the next order

    @property
    def watermark_us(self) -> int | None:
        """Before it nothing more that is not late comes from this one; None: nothing comes at all."""
        known = [one for one in (self.said.watermark_us, self.added_us) if one is not None]
        return min(known, default=None)

    @property
    def reads_us(self) -> int | None:
        """Event time of what it reads next, as far as is known; None: nothing."""
        known = [one for one in (self.said.reading_us, self.added_us) if one is not None]
        return min(known, default=None)


class Routers:
    """The same as a `Router` for who takes its steps, but that batches do not come by here."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        partitions: Iterable[Partition],
        settings: Settings,
        lines: Lines,
        *,
        closed_until: int | None = None,
        open_hours: Iterable[int] = (),
        layers_since: dict[str, int] | None = None,
        run: RunState | None = None,
        clock: Clock | None = None,
        known: bytes = b"",
    ) -> None:
        self._holders = ToldHolders(known) if settings.from_telemetry else None
        self.settings = settings
        self.clock = clock or Clock(not_after_us=settings.not_after_us)
        self.closed_until = closed_until
        self.mark_wanted = False
        self.send_wanted = False  # each router of a server sends what it has with each order
        self.unlisted = Unlisted(settings, self.clock)
        self._lines = lines
        self._routers = [_Router(feed) for feed in feeds]
        self._asked: list[_Router] = []  # those that owe an answer, in the order in which they were asked
        self._open_hours = set(open_hours)
        self._layers_since = dict(layers_since or {})
        self._closed_at_start = run.closed_at_start if run else closed_until or 0
        self._places = {place.name: place for place in run.places} if run else {}
        self._left = {place.name for place in self._places.values() if place.resting}  # of these
        self._whose: dict[str, int] = {}  # live source -> the router that has it
        self._turn = count()
        self._marking = False
        counts, waiting = (run.counts, run.waiting) if run else (Counts(), [])
        for router, mine in zip(self._routers, self._deal(partitions), strict=True):
            places = self._places_of(mine)
            share = RunState(self._closed_at_start, counts, places, waiting)
            router.feed.begin(mine, {"closed_until": closed_until, "layers_since": layers_since}, share)
            router.added_us = self._earliest(mine, places)
            if waiting:
                router.added_us = min(first_of(waiting), router.added_us or 0)
            counts, waiting = Counts(), []  # the first one goes on counting for all, and has what waits

    def _deal(self, partitions: Iterable[Partition]) -> list[list[Partition]]:
        """Sources that begin at one time are spread: so the routers stay close to each other in event time."""
        shares: list[list[Partition]] = [[] for _ in self._routers]
        wanted = [one for one in partitions if is_live(one) or not self._is_finished(one.name)]
        for partition in sorted(wanted, key=lambda one: (one.first_us or 0, one.name)):
            mine = self._whose.get(partition.name, -1)
            mine = next(self._turn) % len(shares) if mine < 0 else mine
            shares[mine].append(partition)
            if is_live(partition):
                self._whose[partition.name] = mine
        return shares

    def _is_finished(self, name: str) -> bool:
        return name in self._places and self._places[name].finished

    def _places_of(self, partitions: list[Partition]) -> list[Place]:
        """Where these stand; from now on their router knows."""
        self._left.difference_update(one.name for one in partitions)
        places = [self._places.pop(one.name) for one in partitions if one.name in self._places]
        return [place for place in places if not place.finished]

    def _earliest(self, partitions: list[Partition], places: list[Place]) -> int | None:
        """The watermark of sources that nothing was read of since they were given."""
        silent = self.clock.now_us - self.settings.silence_us  # so far those at rest have caught up
        at = {one.name: max(one.frontier_us, silent) if one.resting else one.frontier_us for one in places}
        begins = (at.get(one.name, one.first_us or 0) for one in partitions)
        return min((begin - self.settings.lateness_us for begin in begins), default=None)

    # What is known of all

    @property
    def counts(self) -> Counts:
        """What became of the records of all."""
        total = Counts()
        for router in self._routers:
            total.add(router.said.counts)
        return total

    @property
    def finished(self) -> int:
        """How many sources were read to their end."""
        return sum(r.said.finished for r in self._routers) + sum(p.finished for p in self._places.values())

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return sum(r.said.sources for r in self._routers) + sum(p.finished for p in self._places.values())

    @property
    def open_hours(self) -> set[int]:
        """Hours that records came for."""
        return self._open_hours

    @property
    def layers_since(self) -> dict[str, int]:
        """Event time of each layer's first record."""
        return self._layers_since

    def watermark_us(self) -> int:
        """Event time before which no source has anything more that is not late."""
        known = [one for router in self._routers if (one := router.watermark_us) is not None]
        if self.clock.now_us and (self._left or not known):  # by the clock, as with any that is silent
            known.append(self.clock.now_us - self.settings.silence_us - self.settings.lateness_us)
        lateness_us = self.settings.lateness_us
        known += [one - lateness_us for one in self.unlisted.watermarks(self.closed_until)]
        return min(known, default=-self.settings.lateness_us)

    def states(self, most: int) -> list[SourceState]:
        """Of so many sources that are not at their end, those first that are furthest behind."""
        states = [one for router in self._routers for one in router.feed.states(most)]
        return sorted(states, key=lambda one: (one.frontier_us, one.name))[:most]

    def state(self) -> dict[str, Any]:
        """As of a `Router`."""
        hours, since = sorted(self.open_hours), dict(self.layers_since)
        known = {} if self._holders is None else {"known": self._holders.packed()}
        return {"closed_until": self.closed_until, "open_hours": hours, "layers_since": since, **known}

    def spans(self) -> Spans | None:
        """As of a `Router`."""
        return self._holders.spans() if self._holders is not None else None

    def run_state(self) -> RunState:
        """As of a `Router`: what all stand at, at a mark or at the end."""
        kept = [place for place in self._places.values() if place.finished or place.resting]
        total = RunState(self._closed_at_start, Counts(), kept)
        for router in self._routers:
            run = router.said.run
            assert run is not None, "asked for at a mark"
            total.counts.add(run.counts)
            total.places += run.places
            total.waiting += run.waiting
        return total

    # Sources

    def add(self, partitions: Iterable[Partition]) -> None:
        """Take more sources in; one that was read before is read on from there."""
        for router, mine in zip(self._routers, self._deal(partitions), strict=True):
            if mine:
                places = self._places_of(mine)
                router.feed.add(mine, places)
                new = self._earliest(mine, places)
                known = [one for one in (new, router.added_us) if one is not None]
                router.added_us, router.speaks_of_added = min(known), False
                router.resting = False

    def resting(self) -> dict[str, Any]:
        """As of a `Router`."""
        return {name: self._places[name].position for name in self._left}

    def forget(self, names: Iterable[str]) -> None:
        """As of a `Router`."""
        for name in self._left.intersection(names):
            del self._places[name]
            self._left.remove(name)

    def release(self, places: list[Place]) -> None:
        """A checkpoint with these places holds."""
        active = [place for place in places if not place.resting]
        for router in self._routers:
            router.feed.release(active)

    def renew(self, indicators: Indicators) -> None:
        """See `Router.renew`."""
        for router in self._routers:
            router.feed.renew(indicators)

    def stats(self) -> list[Any]:
        """What live sources say of themselves."""
        return [one for router in self._routers for one in router.feed.stats()]

    def close(self) -> None:
        """Close what live sources have open."""
        for router in self._routers:
            router.feed.close()

    def wake(self) -> None:
        """Have those asked again that had nothing."""
        for router in self._routers:
            router.resting = False

    # The stream

    def steps(self) -> Iterator[Step]:
        """Everything that is to be done for all, in order."""
        while not all(router.said.drained for router in self._routers):
            self._marking = self._marking or self.mark_wanted
            self.mark_wanted = False
            self._order()
            if not self._asked:
                if self._marking:
                    yield from self._mark()
                else:
                    yield Waiting()
                    self.wake()
                continue
            router = self._asked.pop(self._lines.first([one.promise for one in self._asked]))
            yield from self._hear(router)
            yield from self._close_passed()
            for _ in range(router.said.taken if router.said.read else 0):
                yield Took()  # so that a step is as long as a router's
        if self._holders is not None:
            self._holders.settle(0, to_the_end=True)
        yield Drained()
        for hour in sorted(self.open_hours):
            yield CloseHour(hour)

    def _order(self) -> None:
        """Have all go on that have something to do."""
        passed_us, until_us = self.watermark_us(), self._until_us()
        self._settle(passed_us)
        for router in self._routers:
            if router.promise is not None or router.said.drained or router.held:
                continue
            if router.resting and not self._marking:
                continue
            order = Order(
                TURN,
                passed_us,
                until_us,
                self.closed_until or 0,
                self._marking,
                self.clock.now_us,
                passed_us,
                self._news_for(router),
                router.after,
            )
            router.promise, router.after = router.feed.advance(order), []
            router.until_us = until_us
            router.speaks_of_added = True
            self._asked.append(router)

    def _settle(self, watermark_us: int) -> None:
        """Nothing older is told of who holds which address."""
        if self._holders is not None and watermark_us > 0:
            self._holders.settle(watermark_us)

    def _news_for(self, router: _Router) -> Spans | None:
        """Who holds what, if a router does not know it yet."""
        spans = self.spans()
        if spans is None or spans.version == router.spans:
            return None
        router.spans = spans.version
        return spans

    def _hear(self, router: _Router) -> Iterator[Step]:
        said = router.said = self._lines.get(router.promise)
        router.promise = None
        if self._holders is not None:
            self._holders.take(said.facts)
        for place in said.left:
            self._places[place.name] = place
            self._left.add(place.name)
        for name in (*said.gone, *(place.name for place in said.left)):
            self._whose.pop(name, None)
        if router.speaks_of_added:
            router.added_us = None
        router.resting, router.held = said.waiting, said.marked
        for one in self._routers:  # who had nothing that was not too far ahead may go on
            one.resting = one.resting and one.until_us >= self._until_us()
        number = self._routers.index(router)
        self._lines.after(number, said.sent)
        self._open_hours.update(hour for hour in said.open_hours if hour >= (self.closed_until or 0))
        for layer, since in said.layers_since.items():
            self._layers_since[layer] = min(since, self._layers_since.get(layer, since))
        if said.rejected:
            yield Reject(tuple(said.rejected))

    def _until_us(self) -> int:
        """How far they may read: so far ahead of the one that is furthest behind in what it reads.

        A live source that has nothing holds hours open, but nobody back: it may be silent for long.
        """
        known = [one for router in self._routers if (one := router.reads_us) is not None and one > 0]
        return min(known, default=NO_BOUND) + MOST_AHEAD_US

    def _mark(self) -> Iterator[Step]:
        """All stand still at their marks, or at their ends."""
        self._marking = False
        yield Mark()
        barrier = self._lines.barrier()
        for router in self._routers:
            router.held, router.after = False, barrier

    def _close_passed(self) -> Iterator[Step]:
        """Close the hours that all watermarks have passed."""
        if not self.clock.now_us and all(router.watermark_us is None for router in self._routers):
            return
        watermark = self.watermark_us()
        self._settle(watermark)
        for hour in sorted(hour for hour in self._open_hours if (hour + 1) * HOUR_US <= watermark):
            self._open_hours.discard(hour)
            self.closed_until = max(self.closed_until or 0, hour + 1)
            yield CloseHour(hour)
