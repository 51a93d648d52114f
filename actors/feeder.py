"""One of several routers: it reads its share of the sources and feeds all shards. `actors.routers` closes the hours."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Protocol

import msgspec

from actors.clock import Clock
from actors.messages import Batch
from actors.router import Router
from actors.settings import Settings
from actors.steps import Counts, Drained, Mark, Place, Reject, RunState, Send, SourceState, Waiting
from ingest.blocks import Partition
from ingest.enrich import Enrichment
from ingest.records import Rejected
from ingest.threat_intel import Indicators
from ingest.told_holders import Spans


class Order(msgspec.Struct, frozen=True):
    """What a feeder is to do next."""

    steps: int
    passed_us: int  # the watermark of all
    until_us: int  # not to read on where its sources are further than this in event time
    closed_until: int  # hours before this one are closed
    mark: bool = False  # to send what it has gathered, say how far it is, and stop there
    now_us: int = 0  # what time it is, for live sources
    settled_us: int = 0  # who holds which address is settled up to then ...
    spans: Spans | None = None  # ... as it is said here, if that is new
    after: list[Any] = []  # by shard: promises that come before whatever it sends from now on


class Fed(msgspec.Struct):
    """How far a feeder is."""

    taken: int = 0  # steps
    read: int = 0  # records in them
    marked: bool = False  # it stopped at a mark
    waiting: bool = False  # none of its sources has anything for now, or they are all too far ahead
    drained: bool = False
    watermark_us: int | None = None  # None: it has no source that could hold an hour open
    reading_us: int | None = None  # event time of the source that it reads next; None: none has anything
    open_hours: list[int] = []
    layers_since: dict[str, int] = {}
    counts: Counts = msgspec.field(default_factory=Counts)
    finished: int = 0
    sources: int = 0
    rejected: list[Rejected] = []
    run: RunState | None = None  # where it stands, at a mark and at its end
    left: list[Place] = []  # sources that are at rest now: it has them no more
    facts: list[Any] = []  # what was told of who holds which address: `ToldHolders.take`
    gone: list[str] = []  # live ones that are at their end: neither
    # By shard, and of the aggregator: a promise of the last that was sent to it, None if there was none.
    sent: list[Any] = []


class FeedPorts(Protocol):
    """Where a feeder's batches go."""

    def apply(self, shard: int, batch: Batch) -> None:
        """Hand a batch to a shard; wait while the shard is too far behind."""

    def sent(self) -> list[Any]:
        """By shard, and of the aggregator: a promise that is kept when it has taken all that came; None if nothing did."""

    def hold(self, after: list[Any]) -> None:
        """Whatever is handed to the shards from now on comes after these promises, one for each, or None."""


class Feeder:
    """A router over a share of the sources, moved on by orders."""

    def __init__(
        self,
        number: int,
        enrichment: Enrichment,
        settings: Settings,
        ports: FeedPorts,
        clock: Clock | None = None,
    ) -> None:
        self.number = number
        self.clock = clock or Clock(not_after_us=settings.not_after_us)
        self._enrichment, self._settings, self._ports = enrichment, settings, ports
        self._woken_us = 0

    def begin(self, partitions: Iterable[Partition], state: dict[str, Any], run: RunState | None) -> None:
        """Take its share of the sources; `state` and `run` as for `Router`."""
        self.router = Router(
            partitions,
            self._enrichment,
            self._settings,
            **state,
            run=run,
            clock=self.clock,
            number=self.number,
            alone=False,
        )
        self._steps = self.router.steps()

    def add(self, partitions: Iterable[Partition], places: Iterable[Place]) -> None:
        """Take more sources in, and where those stand that were read before."""
        self.router.add(partitions, places)

    def release(self, places: Iterable[Place]) -> None:
        """See `Router.release`."""
        self.router.release(places)

    def renew(self, indicators: Indicators) -> None:
        """See `Router.renew`."""
        self.router.renew(indicators)

    def stats(self) -> list[Any]:
        """See `Router.stats`."""
        return self.router.stats()

    def close(self) -> None:
        """See `Router.close`."""
        self.router.close()

    def states(self, most: int) -> list[SourceState]:
        """See `Router.states`."""
        return self.router.states(most)

    def advance(self, order: Order) -> Fed:
        """Take so many steps; stop where there is nothing, at a mark, and where all is drained."""
        router, fed = self.router, Fed(read=-self.router.counts.read)
        router.mark_wanted, router.send_wanted = order.mark, self._settings.streaming
        router.until_us, router.passed_us = order.until_us, order.passed_us
        router.pass_hours(order.closed_until)
        router.know(order.spans, order.settled_us)
        if order.now_us:
            router.clock.set(order.now_us)
        if order.after:
            self._ports.hold(order.after)
        if order.now_us != self._woken_us:  # else those that had nothing would be asked again and again
            self._woken_us = order.now_us
            router.wake()
        fed.drained = True  # unless there is a step
        for step in islice(self._steps, order.steps):
            fed.taken += 1
            fed.drained = isinstance(step, Drained)
            match step:
                case Send(shard, batch):
                    self._ports.apply(shard, batch)
                case Reject(rejected):
                    fed.rejected += rejected
                case Mark():
                    fed.marked = True
                case Waiting():
                    fed.waiting = True
            if isinstance(step, Drained | Mark | Waiting):
                break
        return self._stands(fed)

    def _stands(self, fed: Fed) -> Fed:
        router = self.router
        fed.watermark_us = router.sent_until_us
        fed.read += router.counts.read
        fed.reading_us = router.reading_us()
        fed.open_hours = sorted(router.open_hours)
        fed.layers_since = dict(router.layers_since)
        fed.counts, fed.finished, fed.sources = router.counts, router.finished, router.sources
        fed.left, fed.gone = router.take_over()
        fed.facts = router.told.facts() if router.told is not None else []
        if fed.marked or fed.drained:
            fed.run = router.run_state()
        fed.sent = self._ports.sent()
        return fed
