"""The same classes as Ray actors: the only module beside `cluster/` that knows Ray.

The router actor calls the shards in order and keeps a bounded number of calls in flight for each; the
shards' reports go to the aggregator without passing through the router or the driver.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
import ray

from actors.aggregator import Aggregator, Outcome
from actors.conductor import Conductor, Days, Progress
from actors.far_reading import FarPartition, FarReader, SharedShapes
from actors.memory import building, settle
from actors.messages import Batch, Close, Rows, pack_batch, pack_report, unpack_batch, unpack_report
from actors.router import Router
from actors.settings import Settings
from actors.shard import Shard
from ingest.enrich import Enrichment
from ingest.sources import discover

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

    def save(self) -> dict[int, bytes]:
        """All key groups, each packed."""
        return {group: msgspec.msgpack.encode(value) for group, value in self._shard.save().items()}

    def load(self, groups: list[bytes]) -> None:
        """Take key groups in."""
        self._shard.load(msgspec.msgpack.decode(group) for group in groups)


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

    def state(self) -> bytes:
        """The state, packed."""
        return msgspec.msgpack.encode(self._aggregator.state())

    def restore(self, packed: bytes) -> None:
        """Take a saved state in."""
        self._aggregator.restore(msgspec.msgpack.decode(packed))


class RayPorts:
    """Actor handles in place of objects; calls in flight are bounded, which holds the sources back."""

    def __init__(self, shards: list[Any], aggregator: Any, in_flight: int) -> None:
        self._shards = shards
        self._aggregator = aggregator
        self._limit = in_flight
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
        paths: list[str],
        settings: Settings,
        enrichment: list[Any],
        shards: list[Any],
        aggregator: Any,
        readers: list[Any],
        resumed: dict[str, Any],
    ) -> None:
        found = discover(paths, settings.lateness_us)
        self.skipped = found.skipped
        shapes = SharedShapes()
        partitions = [
            FarPartition(readers[number % len(readers)], number, partition, shapes, ray.get)
            for number, partition in enumerate(found.partitions)
        ]
        router = Router(partitions, _shared(enrichment), settings, **resumed["router"])
        ports = RayPorts(shards, aggregator, settings.in_flight)
        self._conductor = Conductor(router, ports, Days(*resumed["days"]))
        self._conductor.rejected += found.rejected

    def advance(self, steps: int) -> Progress:
        """Take so many steps of the stream."""
        return self._conductor.advance(steps)

    def about(self) -> tuple[int, list[str]]:
        """How many sources there are, and files that were left out since they are no telemetry."""
        return self._conductor.router.sources, self.skipped

    def state(self) -> dict[str, Any]:
        """What a later run's router must know."""
        days = self._conductor.days
        views = [ray.get(v) if isinstance(v, ray.ObjectRef) else v for v in (days.current, days.pending)]
        return {"router": self._conductor.router.state(), "days": [days.day, *views]}
