"""The same classes as Ray actors: the only module beside `cluster/` that knows Ray.

The router actor calls the shards in order and keeps a bounded number of calls in flight for each; the
shards' reports go to the aggregator without passing through the router or the driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

import ray

from actors.aggregator import Aggregator, Fresh, Outcome
from actors.clock import Clock
from actors.conductor import Conductor, Progress, Standing, positions_of
from actors.far_reading import FarPartition, FarReader, SharedParts
from actors.memory import building, settle
from actors.messages import Batch, Close, Rows, pack_batch, pack_report, unpack_batch, unpack_report
from actors.saving import Store, read_aggregator, read_shard, write_aggregator, write_shard
from actors.settings import Settings
from actors.shard import Shard
from actors.steps import SourceState
from ingest.blocks import Partition
from ingest.enrich import Enrichment
from ingest.sources import Finder, Found

REPORTS_IN_FLIGHT = 64  # hours whose reports the aggregator may be behind


def _shared(enrichment: list[Any]) -> Enrichment:
    """What the driver built: in a list the reference travels as such, and is unpacked here."""
    with building():
        built: Enrichment = ray.get(enrichment[0])
    return built


class RemoteReader(FarReader):
    """A `FarReader` as an actor."""

    def __init__(self, settings: Settings, enrichment: list[Any]) -> None:
        super().__init__(settings, _shared(enrichment))


class RemoteShard:
    """A `Shard` as an actor."""

    def __init__(self, index: int, settings: Settings) -> None:
        self._shard = Shard(index, settings)
        settle()

    def apply(self, packed: bytes, events: Rows, rows: Rows) -> None:
        """Take a batch in. Ray maps arrays read-only; the window copies what it keeps."""
        self._shard.apply(unpack_batch(packed, events, rows))

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> bytes:
        """Close an hour; the report, packed."""
        return pack_report(self._shard.close(Close(hour, layers_since, population)))

    def leftovers(self) -> bytes:
        """What was counted since the last close, packed."""
        return pack_report(self._shard.leftovers())

    def checkpoint(self, store: Store, prefix: str) -> tuple[list[Any], bytes]:
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

    def snapshot(self) -> Any:
        """The population as of all reports taken in so far."""
        return self._aggregator.snapshot()

    def finish(self) -> Outcome:
        """What the run came to."""
        return self._aggregator.finish()

    def fresh(self) -> Fresh:
        """See `Aggregator.fresh`."""
        return self._aggregator.fresh()

    def taken(self, ids: list[str]) -> None:
        """See `Aggregator.taken`."""
        self._aggregator.taken(ids)

    def checkpoint(self, store: Store, prefix: str, lasting: bool) -> list[Any]:
        """Write what changed; the parts."""
        return write_aggregator(store, prefix, self._aggregator, lasting)

    def load(self, store: Store, parts: Sequence[Any]) -> None:
        """Begin again from the parts."""
        read_aggregator(store, parts, self._aggregator)


class RayPorts:
    """Actor handles in place of objects; calls in flight are bounded, which holds the sources back."""

    def __init__(
        self, shards: list[Any], aggregator: Any, in_flight: int, store: Store | None, tag: str
    ) -> None:
        self._shards = shards
        self._aggregator = aggregator
        self._limit = in_flight
        self._store = store
        self._tag = tag
        self._flights: list[deque[Any]] = [deque() for _ in shards]
        self._reports: deque[Any] = deque()

    def apply(self, shard: int, batch: Batch) -> None:
        """Send a batch; wait while the shard has too many before it."""
        self._track(shard, self._shards[shard].apply.remote(*pack_batch(batch)))

    def _track(self, shard: int, ref: Any) -> None:
        flight = self._flights[shard]
        flight.append(ref)
        while len(flight) > self._limit:
            ray.get(flight.popleft())

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> None:
        """Have the shards close the hour; their reports go straight to the aggregator."""
        for shard, actor in enumerate(self._shards):
            report = actor.close.remote(hour, layers_since, population)
            self._track(shard, report)
            self._reports.append(self._aggregator.report.remote(report, layers_since))
        while len(self._reports) > REPORTS_IN_FLIGHT * len(self._shards):
            ray.get(self._reports.popleft())

    def snapshot(self) -> Any:
        """A promise of the population after all reports asked for so far."""
        return self._aggregator.snapshot.remote()

    def checkpoint(self, epoch: int, lasting: bool) -> list[Any]:
        """Have what changed be written, in line with the calls before and after; promises of lists of parts."""
        prefix = f"{epoch:012d}-{self._tag}"
        promises = []
        for shard, actor in enumerate(self._shards):
            parts, report = actor.checkpoint.options(num_returns=2).remote(self._store, prefix)
            self._track(shard, parts)
            self._reports.append(self._aggregator.report.remote(report, None))
            promises.append(parts)
        return [*promises, self._aggregator.checkpoint.remote(self._store, prefix, lasting)]

    def queues(self) -> list[int]:
        """Calls in flight, by shard."""
        return [len(flight) for flight in self._flights]

    def settle(self) -> None:
        """Wait for every call in flight."""
        for flight in self._flights:
            ray.get(list(flight))
            flight.clear()
        ray.get(list(self._reports))
        self._reports.clear()


class RemoteRouter:
    """A `Conductor` with its router as an actor; the driver moves it on, and so can watch and stop it."""

    def __init__(
        self,
        finder: Finder,
        settings: Settings,
        enrichment: list[Any],
        shards: list[Any],
        aggregator: Any,
        readers: list[Any],
        standing: Standing | None,
        epoch: int,
        store: Store | None,
        tag: str,
    ) -> None:
        self._finder, self._readers = finder, readers
        self._parts, self._number = SharedParts(), count()
        self._clock = Clock(not_after_us=settings.not_after_us)
        found = finder.found(positions_of(standing))
        self._skipped = found.skipped
        found.partitions = self._far(found)
        self._ports = RayPorts(shards, aggregator, settings.in_flight, store, tag)
        self._conductor = Conductor(
            found, _shared(enrichment), settings, self._ports, standing, epoch, self._clock
        )

    def _far(self, found: Found) -> list[Partition]:
        """What stands here for partitions that the readers read."""
        far: list[Partition] = []
        for partition, number in zip(found.partitions, self._number, strict=False):
            reader = self._readers[number % len(self._readers)]
            far.append(FarPartition(reader, number, partition, self._parts, ray.get, self._clock))
        return far

    def look(self) -> None:
        """Take in sources that have come."""
        found = self._finder.look()
        self._conductor.add(self._far(found), found.rejected)

    def release(self, standing: Standing) -> None:
        """See `Conductor.release`."""
        self._conductor.release(standing)

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
