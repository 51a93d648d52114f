"""A run on Ray: a local one that is started for it, or a cluster that is named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from actors.conductor import Marked, Progress, Standing
from actors.marks import Mark
from actors.memory import building
from actors.outcome import Fresh, Outcome
from actors.saving import Store, compact
from actors.settings import Settings
from actors.steps import SourceState
from alerts.alert import Alert
from cluster.checkpoints import StoreError
from cluster.deadline import Deadline
from cluster.errors import LostError, UserError
from cluster.ray_start import in_a_line, start, started_again
from ingest.blocks import Health
from ingest.enrich import Enrichment, EnrichmentSettings
from ingest.folders import files_under
from ingest.sources import Finder
from ingest.threat_intel import Indicators

PATIENCE_S = 5.0  # with readers of ports, to write what the socket holds to the journal
LOOK_S = 0.5  # while a call is waited for, until it is looked whether that is to go on
MERGES = 50  # by one worker process, which then makes room for another: it would grow


class RayRuntime:
    """One run over files as Ray actors. Ray restarts none of them: they begin again together, from a checkpoint."""

    def __init__(
        self,
        finder: Finder,
        settings: Settings,
        enrichment: EnrichmentSettings,
        store: Store | None = None,
        address: str | None = None,
    ) -> None:
        # Built here first: what is wrong with a feed or an inventory is best said before Ray starts.
        with building():
            self._built, self.rejected = Enrichment.build(enrichment, settings.from_telemetry)
        self._finder = finder
        self._settings = settings
        self._store = store
        self.deadline = Deadline()
        self._address = address or os.environ.get("RAY_ADDRESS")
        self._actors: list[Any] = []
        self._turns: dict[type, int] = {}  # by kind of actor, the node that was chosen last
        self._readers: list[Any] = []
        self._feeders: list[Any] = []
        self.skipped: list[str] = []
        self._ray = start(address)
        self._share()

    def _share(self) -> None:
        """Once for all actors: a large feed takes seconds to read. What feeds say stands by itself, since it changes:
        each version once, and as long as an actor reads in it."""
        self._shared = [self._ray.put(one) for one in (self._built.lasting, self._built.indicators)]

    def start(
        self, standing: Standing | None = None, parts: Sequence[Any] = (), epoch: int = 1, tag: str = ""
    ) -> None:
        """Begin, or begin again where a checkpoint stands.

        The next one has the number `epoch`; the tag is in the names of all parts that are written.
        """
        from actors.remote import RemoteAggregator, RemoteRouter, RemoteShard

        self._end_actors()
        if not self._ray.is_initialized():
            self._ray = started_again(self._address)
            self._share()
        settings, shared = self._settings, self._shared
        self._shards = [self._actor(RemoteShard, index, settings) for index in range(settings.shards)]
        several = settings.routers if settings.routers > 1 else 0
        self._readers = self._begun_readers(several)
        self._aggregator = self._actor(RemoteAggregator, settings, shared)
        if standing is not None:
            self._load(standing, list(parts))
        self._feeders = self._begun_feeders(several)
        to = (self._shards, self._aggregator, self._readers, self._feeders)
        going_on = (standing, epoch, self._store, tag)
        self._router = self._actor(RemoteRouter, self._finder, settings, shared, *to, *going_on)
        self.skipped = self._get(self._router.skipped.remote())

    def _begun_readers(self, several: int) -> list[Any]:
        """One for each shard of a server, and at least one for each of `several` routers."""
        from actors.remote import RemoteReader

        settings = self._settings
        wanted = settings.shards if settings.streaming else _files(self._finder, settings.shards)
        about: dict[str, Any] = self._here() if getattr(self._finder, "ports", 0) else {}
        count = max(wanted, several)
        return [self._actor(RemoteReader, settings, self._shared, **about) for _ in range(count)]

    def _begun_feeders(self, several: int) -> list[Any]:
        """The routers where there are several, each with its share of the readers."""
        from actors.remote import RemoteFeeder

        about, to = (self._settings, self._shared), (self._shards, self._aggregator)
        return [
            self._actor(RemoteFeeder, number, *about, *to, self._readers[number::several])
            for number in range(several)
        ]

    def _here(self) -> dict[str, Any]:
        """For readers of ports: exporters send to the driver's machine, and its journal is there."""
        if not self._address:
            return {}
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        node = self._ray.get_runtime_context().get_node_id()
        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}

    def _actor(self, kind: type, *given: Any, **about: Any) -> Any:
        options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
        if self._address:  # over all nodes: by default they would fill the first one
            options["scheduling_strategy"] = self._in_turn(kind)
        made = self._ray.remote(**options | about)(kind).remote(*given)
        self._actors.append(made)
        return made

    def _in_turn(self, kind: type) -> Any:
        """The next node for an actor of a kind. Ray's own 'SPREAD' may put all of a kind on one; a node without
        processors, as a head often is, has none of them. Ray heeds only a hard wish of an actor that asks
        for no processor. Where the node dies, so does the actor, and all begin again on those that are left."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [one for one in self._ray.nodes() if one["Alive"]]
        workers = sorted(one["NodeID"] for one in nodes if one["Resources"].get("CPU"))
        if not workers:
            return "SPREAD"
        # Each kind begins one further on: else the first node had one of each, before another had any.
        turn = self._turns[kind] = self._turns.get(kind, len(self._turns) - 1) + 1
        return NodeAffinitySchedulingStrategy(workers[turn % len(workers)], soft=False)

    def _load(self, standing: Standing, parts: list[Any]) -> None:
        closed, moved = standing.router.get("closed_until") or 0, standing.shards != self._settings.shards
        population = standing.days[1] if standing.days else None
        told = (self._store, parts, closed, population, moved)
        calls = [shard.load.remote(*told) for shard in self._shards]
        self._get([self._aggregator.load.remote(self._store, parts), *calls])

    def advance(self, steps: int, mark: bool = False, now_us: int = 0) -> Progress:
        """Take so many steps of the stream; `mark`: begin a checkpoint on the way; `now_us`: for live sources."""
        progress: Progress = self._get(self._router.advance.remote(steps, mark, now_us))
        return progress

    def teach(self, marks: Sequence[Mark]) -> None:
        """What analysts have marked, all of it, before an hour is closed that it holds for."""
        self._get([shard.teach.remote(list(marks)) for shard in self._shards])

    def look(self) -> list[Health]:
        """Take in sources that have come; how those are doing that could not be looked at."""
        health: list[Health] = self._get(self._router.look.remote())
        return health

    def scale(self, shards: int) -> None:
        """Have so many shards from the next start on."""
        self._settings = replace(self._settings, shards=shards)

    def renew(self, indicators: Indicators) -> None:
        """See `Enrichment.renew`: of all actors, and of those that are begun after a death."""
        self._built.renew(indicators)
        told = [self._ray.put(indicators)]
        self._shared = [self._shared[0], *told]
        readers = [reader.hear.remote(told) for reader in self._readers]
        others = [one.renew.remote(told) for one in (self._aggregator, self._router, *self._feeders)]
        self._get([*readers, *others])

    def release(self, standing: Standing) -> None:
        """A checkpoint holds: live sources need not keep what stands before it."""
        self._get(self._router.release.remote(standing))

    def fresh(self, again: bool = True) -> Fresh:
        """What is to be told now: see `Aggregator.fresh`."""
        fresh: Fresh = self._get(self._aggregator.fresh.remote(again))
        return fresh

    def taken(self, ids: list[str]) -> None:
        """These alerts are in somebody's hands."""
        self._get(self._aggregator.taken.remote(ids))

    def remember(self, told: list[Alert]) -> None:
        """What was told at once, of hours that may be open again."""
        self._get(self._aggregator.remember.remote(told))

    def sources(self, most: int) -> list[SourceState]:
        """How so many sources are doing."""
        states: list[SourceState] = self._get(self._router.sources.remote(most))
        return states

    def queues(self) -> list[int]:
        """Calls in flight, by shard."""
        queues: list[int] = self._get(self._router.queues.remote())
        return queues

    def stats(self) -> list[Any]:
        """What live sources say of themselves."""
        return [one for some in self._get([r.stats.remote() for r in self._readers]) for one in some]

    def written(self, marked: Marked, wait: bool = False) -> Marked | None:
        """The checkpoint with its parts once they are written; None as long as they are not."""
        if not wait and not self._are_here(marked.parts):
            return None
        lists = self._get(marked.parts)
        return msgspec.structs.replace(marked, parts=[part for some in lists for part in some])

    def _are_here(self, promises: list[Any]) -> bool:
        ready, _ = self._ray.wait(promises, num_returns=len(promises), timeout=0)
        return len(ready) == len(promises)

    def compact(self, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any:
        """Make several parts one, beside everything else; gives what `compacted` is asked with."""
        task = self._ray.remote(num_cpus=0, max_retries=0, max_calls=MERGES)(compact)
        return task.remote(self._store, name, list(parts), closed_until, whole)

    def compacted(self, promise: Any) -> Any:
        """The one part, or None as long as it is not written."""
        return self._get(promise) if self._are_here([promise]) else None

    def finish(self) -> Outcome:
        """What the run came to."""
        for shard in self._shards:
            self._get(self._aggregator.report.remote(shard.leftovers.remote(), None))
        outcome: Outcome = self._get(self._aggregator.finish.remote())
        return outcome

    def _end_actors(self) -> None:
        for handle in self._actors:
            with suppress(Exception):  # it may be dead, or Ray itself
                self._ray.kill(handle)
        self._actors = []

    def stop(self) -> None:
        """End the actors, and the local Ray if we started one. Live sources keep what they hold in their journals."""
        if self._settings.streaming:
            # Readers of anything else have nothing to save.
            patience_s = PATIENCE_S if getattr(self._finder, "ports", 0) else LOOK_S
            with suppress(Exception):
                self._ray.get([reader.stop.remote() for reader in self._readers], timeout=patience_s)
        self._end_actors()
        self._ray.shutdown()

    def _got(self, refs: Any) -> Any:
        from ray.exceptions import GetTimeoutError

        while True:  # a deadline may be set meanwhile
            try:
                return self._ray.get(refs, timeout=self.deadline.left_s(LOOK_S))
            except GetTimeoutError:
                self.deadline.check()

    def _get(self, refs: Any) -> Any:
        """Wait for calls; an actor's error is told as what it is, in one line. Raises LostError for a death, OverdueError
        where nothing is to be waited for any more."""
        from ray.exceptions import RayError, RayTaskError

        try:
            return self._got(refs)
        except RayTaskError as error:
            cause: Exception = error
            while isinstance(cause, RayTaskError) and isinstance(cause.cause, Exception):
                cause = cause.cause  # a call that waited for another has its error, wrapped once more
            if isinstance(cause, StoreError):
                raise StoreError(str(cause)) from None
            if isinstance(cause, UserError):
                raise UserError(str(cause)) from None
            if isinstance(cause, RayError) and not isinstance(cause, RayTaskError):
                raise LostError(in_a_line(cause)) from None  # of an actor that the one called had called
            raise cause from None
        except RayError as error:
            raise LostError(in_a_line(error)) from None


def _files(finder: Finder, most: int) -> int:
    """How many files there are to read, up to so many and at least one: more readers would have nothing to do."""
    if getattr(finder, "buckets", ()):
        return most  # what is under a URL is not counted
    paths = getattr(finder, "paths", ())
    found = chain.from_iterable(files_under(Path(path)) for path in paths)
    return max(1, sum(1 for _ in islice(found, most)))
