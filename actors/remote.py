"""The same classes as Ray actors: the only module beside `cluster/` that knows Ray.

The router actor calls the shards in order and keeps a bounded number of calls in flight for each; the
shards' reports go to the aggregator without passing through the router or the driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import ray

from actors.aggregator import Aggregator
from actors.clock import Clock
from actors.conductor import Conductor, Progress, Standing, begins, positions_of
from actors.far_calls import FarFeed, RayPorts, ShardCalls
from actors.far_reader import FarReader
from actors.far_reading import FarEnd, FarPartition, SharedParts
from actors.feeder import Fed, Feeder, Order
from actors.marks import Mark
from actors.memory import building, settle
from actors.messages import Close, Rows, pack_found, pack_report, unpack_batch, unpack_found, unpack_report
from actors.outcome import Fresh, Outcome
from actors.router import Router
from actors.routers import Routers
from actors.saving import Store, read_aggregator, read_shard, write_aggregator, write_shard
from actors.settings import Settings
from actors.shard import Shard
from actors.steps import Place, RunState, SourceState
from alerts.alert import Alert
from ingest.blocks import Health, Partition
from ingest.enrich import Enrichment
from ingest.sources import Finder
from ingest.threat_intel import Indicators
from ingest.told_holders import Spans


def _shared(enrichment: list[Any]) -> Enrichment:
    """What the driver built, and what feeds say: in a list references travel as such, and are unpacked here."""
    with building():
        return Enrichment.of(ray.get(enrichment[0]), _told(enrichment[1:]))


def _told(indicators: list[Any]) -> Indicators:
    """What feeds say now: columns that stand once on this machine, for all of its actors."""
    told: Indicators = ray.get(indicators[0])
    return told


class RemoteReader(FarReader):
    """A `FarReader` as an actor."""

    def __init__(self, settings: Settings, enrichment: list[Any]) -> None:
        super().__init__(settings, _shared(enrichment))

    def hear(self, indicators: list[Any]) -> None:
        """See `Enrichment.renew`."""
        self.renew(_told(indicators))


class RemoteShard:
    """A `Shard` as an actor."""

    def __init__(self, index: int, settings: Settings) -> None:
        self._shard = Shard(index, settings)
        settle()

    def apply(self, packed: bytes, events: Rows, rows: Rows, *after: Any) -> bytes:
        """Take a batch in; what is to be told at once, packed. Ray maps arrays read-only; the window copies what it keeps.

        `after`, here and below: nothing of interest, but Ray makes the call once all of it is there.
        """
        found = self._shard.apply(unpack_batch(packed, events, rows))
        return pack_found(found) if found else b""

    def close(self, hour: int, layers_since: dict[str, int], population: Any, *after: Any) -> bytes:
        """Close an hour; the report, packed."""
        return pack_report(self._shard.close(Close(hour, layers_since, population)))

    def teach(self, marks: list[Mark]) -> None:
        """What analysts have marked."""
        self._shard.teach(marks)

    def leftovers(self) -> bytes:
        """What was counted since the last close, packed."""
        return pack_report(self._shard.leftovers())

    def checkpoint(self, store: Store, prefix: str, *after: Any) -> tuple[list[Any], bytes]:
        """Write what changed; the parts, and the report of what was counted since the last close."""
        report = pack_report(self._shard.leftovers())
        return write_shard(store, prefix, self._shard), report

    def load(
        self, store: Store, parts: Sequence[Any], closed_until: int, population: Any, moved: bool
    ) -> None:
        """Begin again from the parts: see `actors.saving.read_shard`."""
        with building():
            read_shard(store, parts, self._shard, closed_until, population, moved)


class RemoteAggregator:
    """An `Aggregator` as an actor."""

    def __init__(self, settings: Settings, enrichment: list[Any]) -> None:
        self._aggregator = Aggregator(settings, _shared(enrichment))

    def report(self, packed: bytes, layers_since: dict[str, int] | None) -> int:
        """Take a report in; how many alerts its hour came to, if it was the last one missing."""
        return len(self._aggregator.report(unpack_report(packed), layers_since))

    def hear(self, packed: bytes) -> None:
        """See `Aggregator.hear`."""
        if packed:
            self._aggregator.hear(unpack_found(packed))

    def snapshot(self) -> Any:
        """The population as of all reports taken in so far."""
        return self._aggregator.snapshot()

    def finish(self) -> Outcome:
        """What the run came to."""
        return self._aggregator.finish()

    def fresh(self, again: bool = True) -> Fresh:
        """See `Aggregator.fresh`."""
        return self._aggregator.fresh(again)

    def taken(self, ids: list[str]) -> None:
        """See `Aggregator.taken`."""
        self._aggregator.taken(ids)

    def remember(self, told: list[Alert]) -> None:
        """See `Aggregator.remember`."""
        self._aggregator.remember(told)

    def know(self, spans: Spans) -> None:
        """See `Aggregator.know`."""
        self._aggregator.know(spans)

    def renew(self, indicators: list[Any]) -> None:
        """See `Enrichment.renew`."""
        self._aggregator.organisation.enrichment.renew(_told(indicators))

    def checkpoint(self, store: Store, prefix: str, lasting: bool, *after: Any) -> list[Any]:
        """Write what changed; the parts."""
        return write_aggregator(store, prefix, self._aggregator, lasting)

    def load(self, store: Store, parts: Sequence[Any]) -> None:
        """Begin again from the parts."""
        read_aggregator(store, parts, self._aggregator)


class Far:
    """Makes what stands for partitions that readers read."""

    def __init__(self, readers: list[Any], clock: Clock) -> None:
        self._ends = [FarEnd(reader, stream) for stream, reader in enumerate(readers, 1)]
        self._clock = clock
        self._parts, self._number = SharedParts(), count()

    def partitions(self, given: list[Partition]) -> list[Partition]:
        """Each is read by one of the readers, once it is begun."""
        about = self._parts, ray.get, self._clock
        return [
            FarPartition(self._ends, number, one, *about)
            for one, number in zip(given, self._number, strict=False)
        ]


class RemoteFeeder:
    """A `Feeder` as an actor, with readers of its own."""

    def __init__(
        self,
        number: int,
        settings: Settings,
        enrichment: list[Any],
        shards: list[Any],
        aggregator: Any,
        readers: list[Any],
    ) -> None:
        self._clock = Clock(not_after_us=settings.not_after_us)
        self._far = Far(readers, self._clock)
        self._calls = ShardCalls(ray, shards, aggregator, settings)
        self._feeder = Feeder(number, _shared(enrichment), settings, self._calls, self._clock)

    def begin(self, partitions: list[Partition], state: dict[str, Any], run: RunState | None) -> None:
        """See `Feeder.begin`."""
        self._feeder.begin(self._far.partitions(partitions), state, run)

    def add(self, partitions: list[Partition], places: list[Place]) -> None:
        """See `Feeder.add`."""
        self._feeder.add(self._far.partitions(partitions), places)

    def release(self, places: list[Place]) -> None:
        """See `Router.release`."""
        self._feeder.release(places)

    def renew(self, indicators: list[Any]) -> None:
        """See `Router.renew`."""
        self._feeder.renew(_told(indicators))

    def states(self, most: int) -> list[SourceState]:
        """See `Router.states`."""
        return self._feeder.states(most)

    def advance(self, order: Order) -> Fed:
        """See `Feeder.advance`."""
        return self._feeder.advance(order)


class RemoteRouter:
    """A `Conductor` with its router as an actor, or with several routers that are actors of their own.

    The driver moves it on, and so can watch and stop it.
    """

    def __init__(
        self,
        finder: Finder,
        settings: Settings,
        enrichment: list[Any],
        shards: list[Any],
        aggregator: Any,
        readers: list[Any],
        feeders: list[Any],
        standing: Standing | None,
        epoch: int,
        store: Store | None,
        tag: str,
    ) -> None:
        self._finder = finder
        clock = Clock(not_after_us=settings.not_after_us)
        self._far = None if feeders else Far(readers, clock)
        found = finder.found(positions_of(standing))
        self._skipped = found.skipped
        self._ports = RayPorts(ray, shards, aggregator, settings, store, tag)
        router: Router | Routers
        if self._far is None:
            feeds = [FarFeed(ray, feeder) for feeder in feeders]
            at = begins(standing)
            router = Routers(feeds, found.partitions, settings, self._ports, **at, clock=clock)
        else:
            found.partitions = self._far.partitions(found.partitions)
            about = _shared(enrichment)
            router = Router(found.partitions, about, settings, **begins(standing), clock=clock)
        self._conductor = Conductor(router, found, settings, self._ports, standing, epoch)

    def look(self) -> list[Health]:
        """Take in sources that have come; how those are doing that could not be looked at."""
        found = self._finder.look(self._conductor.router.resting())
        partitions = self._far.partitions(found.partitions) if self._far else found.partitions
        self._conductor.add(partitions, found.rejected, found.gone, found.unlisted)
        return found.health

    def release(self, standing: Standing) -> None:
        """See `Conductor.release`."""
        self._conductor.release(standing)
        self._finder.know(positions_of(standing))

    def renew(self, indicators: list[Any]) -> None:
        """See `Router.renew`."""
        self._conductor.router.renew(_told(indicators))

    def sources(self, most: int) -> list[SourceState]:
        """See `Router.states`."""
        return self._conductor.router.states(most)

    def queues(self) -> list[int]:
        """Calls in flight, by shard."""
        return self._ports.queues()

    def advance(self, steps: int, mark: bool, now_us: int = 0) -> Progress:
        """Take so many steps of the stream; `mark`: begin a checkpoint on the way."""
        progress = self._conductor.advance(steps, mark, now_us)
        for marked in progress.marked:
            days = marked.standing.days
            days[1:] = [ray.get(view) if isinstance(view, ray.ObjectRef) else view for view in days[1:]]
        return progress

    def skipped(self) -> list[str]:
        """Files that were left out since they are no telemetry."""
        return self._skipped
