"""Several routers as one stream: each reads its share of the sources, and the hours are closed for all of them here.

An hour closes when the least of their watermarks has passed it. What a router sends goes to the shards
straight; closing an hour and taking a checkpoint come after what all of them had sent by then (`Ports.after`).
None reads further ahead of the one that is furthest behind than `MOST_AHEAD_US`, or open hours would pile up.
Whether a record is late is a matter of its own source, so the alerts do not depend on who reads which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from actors.clock import Clock
from actors.far_router import FarRouter, Feed
from actors.feeder import Fed, Order
from actors.settings import Settings
from actors.shares import Shares
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
from ingest.blocks import Partition
from ingest.records import HOUR_US
from ingest.threat_intel import Indicators

MOST_AHEAD_US = 4 * HOUR_US
TURN = 25  # steps in one order
NO_BOUND = 1 << 62


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
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock(not_after_us=settings.not_after_us)
        self.closed_until = closed_until
        self.mark_wanted = False
        self.send_wanted = False  # each router of a server sends what it has with each order
        self.unlisted = Unlisted(settings, self.clock)
        self._lines = lines
        self._routers = [FarRouter(feed) for feed in feeds]
        self._asked: list[FarRouter] = []  # those that owe an answer, in the order in which they were asked
        self._open_hours = set(open_hours)
        self._layers_since = dict(layers_since or {})
        self._closed_at_start = run.closed_at_start if run else closed_until or 0
        self._shares = Shares(len(self._routers), settings, self.clock, run.places if run else ())
        self._marking = False
        counts = run.counts if run else Counts()
        for router, mine in zip(self._routers, self._shares.deal(partitions), strict=True):
            places = self._shares.give(mine)
            share = RunState(self._closed_at_start, counts, places)
            router.feed.begin(mine, {"closed_until": closed_until, "layers_since": layers_since}, share)
            router.added_us = self._shares.earliest(mine, places)
            counts = Counts()  # the first one goes on counting for all

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
        return sum(router.said.finished for router in self._routers) + self._shares.finished

    @property
    def sources(self) -> int:
        """How many sources there are."""
        return sum(router.said.sources for router in self._routers) + self._shares.finished

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
        if self.clock.now_us and (
            self._shares.at_rest or not known
        ):  # by the clock, as with any that is silent
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
        return {"closed_until": self.closed_until, "open_hours": hours, "layers_since": since}

    def run_state(self) -> RunState:
        """As of a `Router`: what all stand at, at a mark or at the end."""
        total = RunState(self._closed_at_start, Counts(), self._shares.places())
        for router in self._routers:
            run = router.said.run
            assert run is not None, "asked for at a mark"
            total.counts.add(run.counts)
            total.places += run.places
        return total

    # Sources

    def add(self, partitions: Iterable[Partition]) -> None:
        """Take more sources in; one that was read before is read on from there."""
        for router, mine in zip(self._routers, self._shares.deal(partitions), strict=True):
            if mine:
                places = self._shares.give(mine)
                router.feed.add(mine, places)
                new = self._shares.earliest(mine, places)
                known = [one for one in (new, router.added_us) if one is not None]
                router.added_us, router.speaks_of_added = min(known), False
                router.resting = False

    def resting(self) -> dict[str, Any]:
        """As of a `Router`."""
        return self._shares.resting()

    def forget(self, names: Iterable[str]) -> None:
        """As of a `Router`."""
        self._shares.forget(names)

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
        yield Drained()
        for hour in sorted(self.open_hours):
            yield CloseHour(hour)

    def _order(self) -> None:
        """Have all go on that have something to do."""
        passed_us, until_us = self.watermark_us(), self._until_us()
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
                router.after,
            )
            router.promise, router.after = router.feed.advance(order), []
            router.until_us = until_us
            router.speaks_of_added = True
            self._asked.append(router)

    def _hear(self, router: FarRouter) -> Iterator[Step]:
        said = router.said = self._lines.get(router.promise)
        router.promise = None
        self._shares.take_back(said.left, said.gone)
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
        for hour in sorted(hour for hour in self._open_hours if (hour + 1) * HOUR_US <= watermark):
            self._open_hours.discard(hour)
            self.closed_until = max(self.closed_until or 0, hour + 1)
            yield CloseHour(hour)
