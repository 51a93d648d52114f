"""The plain loop: router, shards and aggregator in this process."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.aggregator import Aggregator, Outcome
from actors.conductor import Conductor, Days, Progress
from actors.keys import shard_of
from actors.memory import building
from actors.messages import Batch, Close
from actors.router import Router
from actors.settings import Settings
from actors.shard import Shard
from cluster.errors import UserError
from cluster.state import Saved
from ingest.enrich import Enrichment, EnrichmentSettings
from ingest.sources import discover


class LoopPorts:
    """Calls that are made at once."""

    def __init__(self, shards: list[Shard], aggregator: Aggregator) -> None:
        self._shards = shards
        self._aggregator = aggregator

    def apply(self, shard: int, batch: Batch) -> None:
        """Have the shard take the batch."""
        self._shards[shard].apply(batch)

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> None:
        """Have the shards close the hour, and the aggregator take their reports."""
        for shard in self._shards:
            report = shard.close(Close(hour, layers_since, population))
            self._aggregator.report(report, layers_since)

    def snapshot(self) -> Any:
        """The population now."""
        return self._aggregator.snapshot()

    def settle(self) -> None:
        """Nothing is ever under way."""


class LocalRuntime:
    """One run over files in this process."""

    def __init__(
        self, paths: list[str], settings: Settings, enrichment: EnrichmentSettings, saved: Saved | None
    ) -> None:
        with building():
            self._enrichment, rejected = Enrichment.build(enrichment)
        resumed = unpack_router(saved)
        self._shards = [Shard(index, settings) for index in range(settings.shards)]
        self._aggregator = Aggregator(settings, self._enrichment)
        if saved is not None:
            self._aggregator.restore(msgspec.msgpack.decode(saved.aggregator))
            for group, packed in sorted(saved.groups.items()):
                self._shards[shard_of(group, settings.shards)].load([msgspec.msgpack.decode(packed)])
        found = discover(paths, settings.lateness_us)
        self.skipped = found.skipped
        router = Router(found.partitions, self._enrichment, settings, **resumed["router"])
        ports = LoopPorts(self._shards, self._aggregator)
        self._conductor = Conductor(router, ports, Days(*resumed["days"]))
        self._conductor.rejected += [*rejected, *found.rejected]

    def advance(self, steps: int) -> Progress:
        """Take so many steps of the stream."""
        return self._conductor.advance(steps)

    def save(self) -> Saved:
        """The whole state."""
        days = self._conductor.days
        router = {"router": self._conductor.router.state(), "days": [days.day, days.current, days.pending]}
        groups = {
            group: msgspec.msgpack.encode(value)
            for shard in self._shards
            for group, value in shard.save().items()
        }
        aggregator = msgspec.msgpack.encode(self._aggregator.state())
        return Saved(msgspec.msgpack.encode(router), aggregator, groups)

    def finish(self) -> Outcome:
        """What the run came to."""
        for shard in self._shards:
            self._aggregator.report(shard.leftovers())
        return self._aggregator.finish()

    def stop(self) -> None:
        """Nothing to end."""


class _Resumed(msgspec.Struct):
    router: dict[str, Any]
    days: list[Any]


def unpack_router(saved: Saved | None) -> dict[str, Any]:
    """The router's part of a saved state, or that of a first run."""
    if saved is None:
        return {"router": {}, "days": []}
    try:
        return msgspec.structs.asdict(msgspec.msgpack.decode(saved.router, type=_Resumed))
    except msgspec.MsgspecError as error:
        raise UserError(f"--state: what it holds is no state of a router ({error})") from None
