"""Calls between actors on Ray: to the shards and the aggregator in order, and to several routers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from actors.feeder import Fed, Order
from actors.messages import Batch, pack_batch
from actors.saving import Store
from actors.settings import Settings
from actors.steps import Place, RunState, SourceState
from ingest.blocks import Partition
from ingest.threat_intel import Indicators
from ingest.told_holders import Spans

REPORTS_IN_FLIGHT = 64  # hours whose reports the aggregator may be behind


class ShardCalls:
    """Calls to the shards; so many are in flight to each at most, which holds the sources back."""

    def __init__(self, ray: Any, shards: list[Any], aggregator: Any, settings: Settings) -> None:
        self.ray = ray  # handed in: only `actors.remote` knows it
        self.shards, self.aggregator = shards, aggregator
        self.reports: deque[Any] = deque()  # what the aggregator hears of
        self._tells = settings.streaming  # what shards say of a batch is for the aggregator
        self._limit = settings.in_flight
        self._flights: list[deque[Any]] = [deque() for _ in shards]
        # By shard, and of the aggregator: by router the last promise that the next call comes after.
        self._after: list[dict[int, Any]] = [{} for _ in (*shards, aggregator)]

    def apply(self, shard: int, batch: Batch) -> None:
        """Send a batch; wait while the shard has too many before it."""
        found = self.shards[shard].apply.remote(*pack_batch(batch), *self.take_after(shard))
        if self._tells:
            self.reports.append(self.aggregator.hear.remote(found))
        self.track(shard, found)
        self.hold_back()

    def hold_back(self) -> None:
        """Wait while the aggregator is too far behind."""
        while len(self.reports) > REPORTS_IN_FLIGHT * len(self.shards):
            self.ray.get(self.reports.popleft())

    def take_after(self, shard: int) -> list[Any]:
        """What the next call to the shard (-1: the aggregator) comes after. Further ones do too: Ray keeps their order."""
        after, self._after[shard] = self._after[shard], {}
        return list(after.values())

    def hold(self, after: list[Any], router: int = 0) -> None:
        """See `FeedPorts.hold`. Of one router the last promise is enough: an hour may be open for long."""
        for held, promise in zip(self._after, after, strict=True):
            if promise is not None:
                held[router] = promise

    def sent(self) -> list[Any]:
        """See `FeedPorts.sent`: Ray makes one actor's calls to another in order, so the last is enough."""
        return [calls[-1] if calls else None for calls in (*self._flights, self.reports)]

    def track(self, shard: int, ref: Any) -> None:
        """Count a call as in flight."""
        flight = self._flights[shard]
        flight.append(ref)
        while len(flight) > self._limit:
            self.ray.get(flight.popleft())

    def queues(self) -> list[int]:
        """Calls in flight, by shard: those that are done are only put away when others come."""
        return [len(self._undone(list(flight))) for flight in self._flights]

    def _undone(self, flight: list[Any]) -> list[Any]:
        return self.ray.wait(flight, num_returns=len(flight), timeout=0)[1] if flight else []

    def settle(self) -> None:
        """Wait for every call in flight, and for what was to come before others."""
        self.ray.get([ref for flight in self._flights for ref in flight])
        self.ray.get([ref for held in self._after for ref in held.values()])
        self.ray.get(list(self.reports))
        for calls in (*self._flights, self.reports):
            calls.clear()
        for held in self._after:
            held.clear()


class RayPorts(ShardCalls):
    """Actor handles in place of objects."""

    def __init__(
        self, ray: Any, shards: list[Any], aggregator: Any, settings: Settings, store: Store | None, tag: str
    ) -> None:
        super().__init__(ray, shards, aggregator, settings)
        self._store = store
        self._tag = tag
        self._marks: list[Any] = []  # of the last checkpoint, by shard

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> None:
        """Have the shards close the hour; their reports go straight to the aggregator."""
        for shard, actor in enumerate(self.shards):
            report = actor.close.remote(hour, layers_since, population, *self.take_after(shard))
            self.track(shard, report)
            self.reports.append(self.aggregator.report.remote(report, layers_since))
        self.hold_back()

    def know(self, spans: Spans) -> None:
        """Have the aggregator know who holds which address: Ray makes this call before those that come after it."""
        self.reports.append(self.aggregator.know.remote(spans))

    def snapshot(self) -> Any:
        """A promise of the population after all reports asked for so far."""
        return self.aggregator.snapshot.remote()

    def checkpoint(self, epoch: int, lasting: bool) -> list[Any]:
        """Have what changed be written, in line with the calls before and after; promises of lists of parts."""
        prefix = f"{epoch:012d}-{self._tag}"
        self._marks = []
        for shard, actor in enumerate(self.shards):
            call = actor.checkpoint.options(num_returns=2)
            parts, report = call.remote(self._store, prefix, *self.take_after(shard))
            self.track(shard, parts)
            self.reports.append(self.aggregator.report.remote(report, None))
            self._marks.append(parts)
        self.hold_back()  # where no hour closes, checkpoints go on
        last = self.aggregator.checkpoint.remote(self._store, prefix, lasting, *self.take_after(-1))
        return [*self._marks, last]

    # Of several routers: `actors.routers.Lines`

    def first(self, promises: Sequence[Any]) -> int:
        """Which is kept first. Waits for it."""
        ready, _ = self.ray.wait(list(promises))
        return promises.index(ready[0])

    def get(self, promise: Any) -> Fed:
        """What was promised."""
        fed: Fed = self.ray.get(promise)
        return fed

    def after(self, router: int, sent: list[Any]) -> None:
        """Calls from here come after what this router has sent."""
        self.hold(sent, router)

    def barrier(self) -> list[Any]:
        """The calls that take the last checkpoint."""
        return [*self._marks, None]


class FarFeed:
    """What stands here for a `RemoteFeeder`."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor

    def begin(self, partitions: list[Partition], state: dict[str, Any], run: RunState | None) -> None:
        """See `Feeder.begin`."""
        self._ray.get(self._actor.begin.remote(partitions, state, run))

    def add(self, partitions: list[Partition], places: list[Place]) -> None:
        """See `Feeder.add`."""
        self._ray.get(self._actor.add.remote(partitions, places))

    def release(self, places: list[Place]) -> None:
        """See `Router.release`; nobody waits for it."""
        self._actor.release.remote(places)

    def renew(self, indicators: Indicators) -> None:
        """The driver tells it."""

    def states(self, most: int) -> list[SourceState]:
        """See `Router.states`."""
        states: list[SourceState] = self._ray.get(self._actor.states.remote(most))
        return states

    def stats(self) -> list[Any]:
        """The readers are asked themselves."""
        return []

    def close(self) -> None:
        """The readers close what they have open."""

    def advance(self, order: Order) -> Any:
        """A promise of what it says."""
        return self._actor.advance.remote(order)
