"""The plain loop: router, shards and aggregator in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from actors.aggregator import Aggregator
from actors.conductor import Conductor, Marked, Progress, Standing, begins, positions_of
from actors.feeder import Feeder
from actors.marks import Mark
from actors.memory import building
from actors.messages import Batch, Close
from actors.outcome import Fresh, Outcome
from actors.router import Router
from actors.routers import Routers
from actors.saving import Store, compact, read_aggregator, read_shard, write_aggregator, write_shard
from actors.settings import Settings
from actors.shard import Shard
from actors.steps import SourceState
from alerts.alert import Alert
from cluster.deadline import Deadline
from ingest.blocks import Health
from ingest.enrich import Enrichment, EnrichmentSettings
from ingest.sources import Finder, Found
from ingest.threat_intel import Indicators
from ingest.told_holders import Spans


class LoopPorts:
    """Calls that are made at once."""

    def __init__(
        self, shards: list[Shard], aggregator: Aggregator, store: Store | None, tag: str, deadline: Deadline
    ) -> None:
        self._deadline = deadline
        self._shards = shards
        self._aggregator = aggregator
        self._store = store
        self._tag = tag

    def apply(self, shard: int, batch: Batch) -> None:
        """Have the shard take the batch."""
        self._deadline.check()
        self._aggregator.hear(self._shards[shard].apply(batch))

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> None:
        """Have the shards close the hour, and the aggregator take their reports."""
        for shard in self._shards:
            self._deadline.check()
            report = shard.close(Close(hour, layers_since, population))
            self._aggregator.report(report, layers_since)

    def know(self, spans: Spans) -> None:
        """Have the aggregator know who holds which address."""
        self._aggregator.know(spans)

    def snapshot(self) -> Any:
        """The population now."""
        return self._aggregator.snapshot()

    def settle(self) -> None:
        """Nothing is ever under way."""

    def first(self, promises: Sequence[Any]) -> int:
        """All are kept: what several routers say is taken in turn."""
        return 0

    def get(self, promise: Any) -> Any:
        """It is what was promised."""
        return promise

    def after(self, router: int, sent: list[Any]) -> None:
        """Nothing is under way."""

    def barrier(self) -> list[Any]:
        """Nothing to wait for."""
        return []

    def sent(self) -> list[Any]:
        """Nothing to wait for."""
        return []

    def hold(self, after: list[Any]) -> None:
        """Nothing to wait for."""

    def checkpoint(self, epoch: int, lasting: bool) -> list[Any]:
        """Write what changed."""
        assert self._store is not None
        prefix = f"{epoch:012d}-{self._tag}"
        parts = []
        for shard in self._shards:
            self._deadline.check()
            self._aggregator.report(shard.leftovers())
            self._deadline.check()
            parts += write_shard(self._store, prefix, shard)
        return [*parts, *write_aggregator(self._store, prefix, self._aggregator, lasting)]


class LocalRuntime:
    """One run over files in this process."""

    _conductor: Conductor

    def __init__(
        self,
        finder: Finder,
        settings: Settings,
        enrichment: EnrichmentSettings,
        store: Store | None = None,
    ) -> None:
        with building():
            self._enrichment, self.rejected = Enrichment.build(enrichment, settings.from_telemetry)
        self._finder = finder
        self._settings = settings
        self._store = store
        self.deadline = Deadline()
        self.skipped: list[str] = []

    def start(
        self, standing: Standing | None = None, parts: Sequence[Any] = (), epoch: int = 1, tag: str = ""
    ) -> None:
        """Begin, or begin again where a checkpoint stands.

        The next one has the number `epoch`; the tag is in the names of all parts that are written.
        """
        self.stop()  # of an earlier beginning: nobody else could open what it has open
        found = self._finder.found(positions_of(standing))
        self.skipped = found.skipped
        self._begin(found, standing, parts, epoch, tag)

    def _begin(
        self,
        found: Found,
        standing: Standing | None,
        parts: Sequence[Any] = (),
        epoch: int = 1,
        tag: str = "",
    ) -> None:
        settings = self._settings
        self._shards = [Shard(index, settings) for index in range(settings.shards)]
        self._aggregator = Aggregator(settings, self._enrichment)
        if standing is not None and self._store is not None:
            closed, moved = standing.router.get("closed_until") or 0, standing.shards != settings.shards
            population = standing.days[1] if standing.days else None
            for shard in self._shards:
                self.deadline.check()
                read_shard(self._store, parts, shard, closed, population, moved)
            read_aggregator(self._store, parts, self._aggregator)
        ports = LoopPorts(self._shards, self._aggregator, self._store, tag, self.deadline)
        self._conductor = Conductor(
            self._router(found, ports, standing), found, settings, ports, standing, epoch
        )

    def _router(self, found: Found, ports: LoopPorts, standing: Standing | None) -> Router | Routers:
        about, settings, at = self._enrichment, self._settings, begins(standing)
        if settings.routers == 1:
            return Router(found.partitions, about, settings, **at)
        feeders = [Feeder(number, about, settings, ports) for number in range(settings.routers)]
        return Routers(feeders, found.partitions, settings, ports, **at)

    def advance(self, steps: int, mark: bool = False, now_us: int = 0) -> Progress:
        """Take so many steps of the stream; `mark`: take a checkpoint on the way; `now_us`: for live sources."""
        return self._conductor.advance(steps, mark, now_us)

    def teach(self, marks: Sequence[Mark]) -> None:
        """What analysts have marked, all of it, before an hour is closed that it holds for."""
        for shard in self._shards:
            shard.teach(marks)

    def look(self) -> list[Health]:
        """Take in sources that have come; how those are doing that could not be looked at."""
        found = self._finder.look(self._conductor.router.resting())
        self._conductor.add(found.partitions, found.rejected, found.gone, found.unlisted)
        return found.health

    def scale(self, shards: int) -> None:
        """Have so many shards from the next start on."""
        self._settings = replace(self._settings, shards=shards)

    def renew(self, indicators: Indicators) -> None:
        """See `Enrichment.renew`."""
        self._conductor.router.renew(indicators)

    def release(self, standing: Standing) -> None:
        """A checkpoint holds: live sources need not keep what stands before it."""
        self._conductor.release(standing)
        self._finder.know(positions_of(standing))

    def fresh(self, again: bool = True) -> Fresh:
        """What is to be told now: see `Aggregator.fresh`."""
        return self._aggregator.fresh(again)

    def taken(self, ids: list[str]) -> None:
        """These alerts are in somebody's hands."""
        self._aggregator.taken(ids)

    def remember(self, told: list[Alert]) -> None:
        """What was told at once, of hours that may be open again."""
        self._aggregator.remember(told)

    def sources(self, most: int) -> list[SourceState]:
        """How so many sources are doing."""
        return self._conductor.router.states(most)

    def queues(self) -> list[int]:
        """Nothing waits."""
        return [0] * self._settings.shards

    def stats(self) -> list[Any]:
        """What live sources say of themselves."""
        return self._conductor.router.stats()

    def written(self, marked: Marked, wait: bool = False) -> Marked | None:
        """The checkpoint with its parts once they are written; None as long as they are not."""
        return marked

    def compact(self, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any:
        """Make several parts one; gives what `compacted` is asked with."""
        assert self._store is not None
        return compact(self._store, name, parts, closed_until, whole)

    def compacted(self, promise: Any) -> Any:
        """The one part, or None as long as it is not written."""
        return promise

    def finish(self) -> Outcome:
        """What the run came to."""
        for shard in self._shards:
            self._aggregator.report(shard.leftovers())
        return self._aggregator.finish()

    def stop(self) -> None:
        """Close what live sources have open."""
        if hasattr(self, "_conductor"):  # it was begun
            self._conductor.router.close()
