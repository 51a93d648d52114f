"""Carries a router's steps out on whatever runs the shards and the aggregator: a plain loop, or Ray."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

import msgspec

from actors.messages import Batch
from actors.router import CloseHour, Counts, Drained, Reject, Router, Send, Step
from ingest.records import Rejected


class Ports(Protocol):
    """Where a router's steps go. Calls to one shard are carried out in the order in which they are made."""

    def apply(self, shard: int, batch: Batch) -> None:
        """Hand a batch to a shard; wait while the shard is too far behind."""

    def close(self, hour: int, layers_since: dict[str, int], population: Any) -> None:
        """Have all shards close the hour and report to the aggregator."""

    def snapshot(self) -> Any:
        """The aggregator's population after all hours closed so far (or a promise of it)."""

    def settle(self) -> None:
        """Wait until everything asked for is done."""


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


class Progress(msgspec.Struct):
    """How far a run is."""

    counts: Counts
    finished: int  # sources at their end
    sources: int
    rejected: list[Rejected]  # since the last time
    drained: bool = False
    done: bool = False


class Conductor:
    """Takes the router's steps one after the other."""

    def __init__(self, router: Router, ports: Ports, days: Days) -> None:
        self.router = router
        self.ports = ports
        self.days = days
        self.rejected: list[Rejected] = []
        self._steps = router.steps()
        self._drained = False

    def advance(self, steps: int) -> Progress:
        """Take so many steps; stop where all sources are drained, and where all is done."""
        done = True
        for step in islice(self._steps, steps):
            done = False
            self._carry_out(step)
            if isinstance(step, Drained):
                break
        if done:
            self.ports.settle()
        rejected, self.rejected = self.rejected, []
        router = self.router
        return Progress(router.counts, router.finished, router.sources, rejected, self._drained, done)

    def _carry_out(self, step: Step) -> None:
        match step:
            case Send(shard, batch):
                self.ports.apply(shard, batch)
            case CloseHour(hour):
                population = self.days.turn(hour, self.ports.snapshot)
                self.ports.close(hour, dict(self.router.layers_since), population)
            case Reject(rejected):
                self.rejected += rejected
            case Drained():
                self.ports.settle()
                self._drained = True
