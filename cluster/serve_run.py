"""A run that has no end, on any runtime."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from actors.aggregator import Fresh
from actors.conductor import Standing
from actors.router import SourceState
from cluster.checkpoints import Store
from cluster.errors import LostError
from cluster.observed import checkpoint_now
from cluster.run import Beginning, Run, Runtime
from cluster.snapshot import CheckpointNow

STEPS = 50
LONGEST_S = 60.0  # between two tries to begin again


class LiveRuntime(Runtime, Protocol):
    """What serving needs of a runtime beside that."""

    def look(self) -> None: ...
    def scale(self, shards: int) -> None: ...
    def release(self, standing: Standing) -> None: ...
    def fresh(self) -> Fresh: ...
    def taken(self, ids: list[str]) -> None: ...
    def sources(self, most: int) -> list[SourceState]: ...
    def queues(self) -> list[int]: ...
    def udp(self) -> list[Any]: ...


class ServeRun(Run):
    """A run that has no end: after any number of deaths it tries again, and live sources hear of checkpoints."""

    runtime: LiveRuntime

    def __init__(
        self,
        runtime: LiveRuntime,
        store: Store,
        begin: Beginning,
        every_s: float,
        say: Callable[[str], None],
        journal_bound: int,
    ) -> None:
        super().__init__(runtime, store, begin, every_s, say)
        self.runtime = runtime
        self.journal_bound = journal_bound

    @property
    def epoch(self) -> int:
        """Of the checkpoint that holds."""
        return self._epoch

    def _hold(self, epoch: int, standing: Standing, parts: list[Any], delivered: bool = False) -> None:
        super()._hold(epoch, standing, parts, delivered)
        self.runtime.release(standing)

    def recover(self, error: LostError) -> None:
        """Go back to the last checkpoint, the later the more often it was in vain."""
        if self._deaths_since:
            time.sleep(min(LONGEST_S, 0.5 * 2.0 ** min(self._deaths_since, 10)))
        self._deaths_since = min(self._deaths_since, 10)
        self._recover(error)

    def hurry(self) -> None:
        """Take the next checkpoint at once."""
        self._marked_at = float("-inf")

    def checkpoint(self) -> None:
        """Take one now, and wait until it holds."""
        self.hurry()
        before = self._epoch
        while self._epoch == before or self._marked:
            self.advance(STEPS, now_us())
            self._take_written(wait=True)

    def checkpoint_now(self) -> CheckpointNow | None:
        """The one that holds, for people."""
        return None if self._manifest is None else checkpoint_now(self._manifest)

    def scale(self, shards: int) -> None:
        """Go on with so many shards: key groups move with their state."""
        self.checkpoint()
        self.runtime.scale(shards)
        self.start()


def now_us() -> int:
    """The time of day."""
    return time.time_ns() // 1_000
