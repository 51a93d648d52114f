"""Carries a router's steps out on whatever runs the shards and the aggregator: a plain loop, or Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Protocol

import msgspec

from actors.messages import Batch
from actors.router import Router
from actors.routers import Routers
from actors.settings import Settings
from actors.steps import CloseHour, Counts, Drained, Mark, Place, Reject, RunState, Send, Step, Waiting
from ingest.blocks import Partition
from ingest.live_files import is_at_rest
from ingest.records import Rejected
from ingest.sources import Found
from ingest.told_holders import HoldersNow, Spans


class Ports(Protocol):
    """Where a router's steps go. Calls to one shard are carried out in the order in which they are made."""

    def apply(self, shard: int, batch: Batch) -> None:
        """Hand a batch to a shard; wait while the shard is too far behind."""

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> None:
        """Have all shards close the hour and report to the aggregator."""

    def know(self, spans: Spans) -> None:
        """Have the aggregator know who holds which address, before any hour is closed that is asked for from now on."""

    def snapshot(self) -> Any:
        """The aggregator's population after all hours closed so far (or a promise of it)."""

    def settle(self) -> None:
        """Wait until everything asked for is done."""

    def checkpoint(self, epoch: int, lasting: bool) -> list[Any]:
        """Have shards and aggregator write what changed; the parts written (or promises of them).

        `lasting`: all sources are drained, and the aggregator writes what later runs need as well.
        """


class Days:
    """Which view of the population an hour is judged by.

    From the first hour of an active day on it is the population as it was when the active day before that
    began: a view that is known early enough that nobody waits for it, and that only depends on event time.
    """

    def __init__(self, day: int | None = None, current: Any = None, pending: Any = None) -> None:
        self.day = day
        self.current = current
        self.pending = pending
        self._tell = current is not None  # shards that were started anew do not have it yet

    def turn(self, hour: int, snapshot: Callable[[], Any]) -> Any:
        """The view, if it is another than for the hour before; else None."""
        if hour // 24 != self.day:
            self.day = hour // 24
            self.current, self.pending = self.pending, snapshot()
            self._tell = True
        told, self._tell = self._tell, False
        return self.current if told else None

    def state(self) -> list[Any]:
        """Give it to the constructor, once what was promised is there."""
        return [self.day, self.current, self.pending]


class Standing(msgspec.Struct):
    """Where a run stands at a checkpoint, beside what shards and aggregator know."""

    router: dict[str, Any] = {}  # `Router.state`
    days: list[Any] = []  # `Days.state`
    run: RunState | None = None  # None: a new run begins on what earlier ones have learned
    rejected: int = 0  # how many the run has told of
    said: list[str] = []  # files among them that could not be read at all
    shards: int = 0  # how many wrote the parts


class Marked(msgspec.Struct):
    """A checkpoint that is being taken."""

    epoch: int
    standing: Standing  # the views of its days may be promises
    parts: list[Any]  # or promises of them
    drained: bool


class Progress(msgspec.Struct):
    """How far a run is."""

    counts: Counts
    finished: int  # sources at their end
    sources: int
    rejected: list[Rejected]  # since the last time
    drained: bool = False
    done: bool = False
    marked: list[Marked] = []
    waiting: bool = False  # no source has anything for now
    watermark_us: int = 0
    open_hours: int = 0
    untold_hour: int = 0  # of this hour and later ones nothing was told yet
    holders: HoldersNow | None = None  # where telemetry tells who holds which address


class Conductor:
    """Takes the steps of a router, or of several that are one stream, one after the other.

    The router was made with `begins(standing)`; `found` is what it was given to read.
    """

    def __init__(
        self,
        router: Router | Routers,
        found: Found,
        settings: Settings,
        ports: Ports,
        standing: Standing | None = None,
        epoch: int = 1,
    ) -> None:
        at = standing or Standing()
        self.router = router
        self.ports = ports
        self.days = Days(*at.days)
        self.rejected = [one for one in found.rejected if one.source not in at.said]
        self._said = [*at.said, *(one.source for one in self.rejected)]
        self.rejected += _gone(found, at.run)
        self.router.forget(found.gone)
        self.router.unlisted.set(found.unlisted)
        self._told = at.rejected  # of the rejected ones, those that are not in the list any more
        self._shards = settings.shards
        self._saves = settings.checkpoints
        self._lasts = settings.lasts
        self._epoch = epoch  # of the next checkpoint
        self._marked: list[Marked] = []
        self._steps = self.router.steps()
        self._drained = False
        self._known = -1  # the version of who holds which address that the aggregator knows

    def advance(self, steps: int, mark: bool = False, now_us: int = 0) -> Progress:
        """Take so many steps; stop where no source has anything, where all are drained, and where all is done.

        `mark`: begin a checkpoint on the way. Where the sources are drained one is begun for the runs that come after.
        `now_us`: what time it is, for live sources.
        """
        self.router.mark_wanted = mark
        if now_us:
            self.router.clock.set(now_us)
            self.router.send_wanted = True
        self.router.wake()
        done, waiting = True, False
        for step in islice(self._steps, steps):
            done, waiting = False, isinstance(step, Waiting)
            self._carry_out(step)
            if isinstance(step, Drained | Waiting):
                break
        if done:
            self.ports.settle()
        rejected, self.rejected = self.rejected, []
        self._told += len(rejected)
        marked, self._marked = self._marked, []
        router = self.router
        return Progress(
            router.counts,
            router.finished,
            router.sources,
            rejected,
            self._drained,
            done,
            marked,
            waiting,
            router.watermark_us(),
            len(router.open_hours),
            untold_hour(router.closed_until, router.open_hours),
            spans.now if (spans := router.spans()) is not None else None,
        )

    def add(
        self,
        partitions: Iterable[Partition],
        rejected: Iterable[Rejected],
        gone: Iterable[str] = (),
        unlisted: bool = False,
    ) -> None:
        """Take in sources that have come, and what was found in their place; `gone`: those at rest that are not there.

        `unlisted`: there may be others that nobody knows of, for they could not be listed.
        """
        self.router.unlisted.set(unlisted)
        self.router.add(partitions)
        self.router.forget(gone)
        self.rejected += rejected

    def release(self, standing: Standing) -> None:
        """A checkpoint holds: live sources need not keep what stands before it."""
        self.router.release(standing.run.places if standing.run is not None else [])

    def _carry_out(self, step: Step) -> None:
        match step:
            case Send(shard, batch):
                self.ports.apply(shard, batch)
            case CloseHour(hour):
                self._know()
                population = self.days.turn(hour, self.ports.snapshot)
                self.ports.close(hour, dict(self.router.layers_since), population)
            case Reject(rejected):
                self.rejected += rejected
            case Mark():
                self._mark()
            case Drained():
                self._drained = True
                if self._lasts:
                    self._mark()
                self.ports.settle()

    def _know(self) -> None:
        spans = self.router.spans()
        if spans is not None and spans.version != self._known:
            self._known = spans.version
            self.ports.know(spans)

    def _mark(self) -> None:
        if not self._saves:
            return
        parts = self.ports.checkpoint(self._epoch, self._drained)
        run = msgspec.msgpack.decode(msgspec.msgpack.encode(self.router.run_state()), type=RunState)
        told = self._told + len(self.rejected)
        state = self.router.state(), self.days.state(), run, told, list(self._said), self._shards
        self._marked.append(Marked(self._epoch, Standing(*state), parts, self._drained))
        self._epoch += 1


def untold_hour(closed_until: int | None, open_hours: Iterable[int]) -> int:
    """The first hour of which nothing was told yet: neither closed nor open."""
    return max([closed_until or 0, *(hour + 1 for hour in open_hours)])


def begins(standing: Standing | None) -> dict[str, Any]:
    """Where a router begins: keyword arguments of its constructor."""
    if standing is None:
        return {}
    run = standing.run
    if run is not None:
        run = msgspec.structs.replace(run, places=[_at_rest(place) for place in run.places])
    return {**standing.router, "run": run}


def _at_rest(place: Place) -> Place:
    """A file that was renamed by rotation is at rest till its name is given anew, though nobody has said so yet."""
    resting = place.resting or is_at_rest(place.position)
    return place if resting == place.resting else msgspec.structs.replace(place, resting=True)


def positions_of(standing: Standing | None) -> dict[str, Any]:
    """How far sources were read before, by name."""
    run = standing.run if standing is not None else None
    return {place.name: place.position for place in run.places if place.position is not None} if run else {}


def _gone(found: Found, run: RunState | None) -> list[Rejected]:
    """Files that an interrupted run was reading and that are not there any more."""
    here = {partition.name for partition in found.partitions}
    places = run.places if run is not None else []
    begun = [place.name for place in places if not place.finished and not _at_rest(place).resting]
    reason = "it was read in part before the run was interrupted, and is not to be found now"
    return [Rejected(reason=reason, source=name, kind="file") for name in begun if name not in here]
