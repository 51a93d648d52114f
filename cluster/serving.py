"""`redshank serve`: live sources in, alerts out, until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from actors.aggregator import Fresh
from actors.conductor import Progress, Standing
from alerts.log import AlertLog
from cluster.errors import LostError
from cluster.run import Run, Runtime

FINGERPRINT = "redshank serve"  # it goes on from what it left, whatever has changed in its configuration
STEPS = 50
PAUSE_S = 0.02  # while no source has anything
LOOK_S = 5.0  # for sources that have come
TELL_S = 0.2
LONGEST_S = 60.0  # between two tries to begin again


class ServeRun(Run):
    """A run that has no end: after any number of deaths it tries again, and live sources hear of checkpoints."""

    runtime: LiveRuntime

    def _hold(self, epoch: int, standing: Standing, parts: list[Any], delivered: bool = False) -> None:
        super()._hold(epoch, standing, parts, delivered)
        self.runtime.release(standing)

    def _recover(self, error: LostError) -> None:
        time.sleep(min(LONGEST_S, 0.5 * 2.0 ** min(self._deaths_since, 10)) if self._deaths_since else 0.0)
        self._deaths_since = min(self._deaths_since, 10)
        super()._recover(error)

    def checkpoint(self, now_us: int) -> None:
        """Take one now, and wait until it holds."""
        self._marked_at = float("-inf")
        before = self._epoch
        while self._epoch == before or self._marked:
            self.advance(STEPS, now_us)
            self._take_written(wait=True)

    def scale(self, shards: int, now_us: int) -> None:
        """Go on with so many shards: key groups move with their state."""
        self.checkpoint(now_us)
        self.runtime.scale(shards)
        self.start()


class LiveRuntime(Runtime, Protocol):
    """What serving needs of a runtime beside that."""

    def look(self) -> None: ...
    def scale(self, shards: int) -> None: ...
    def release(self, standing: Standing) -> None: ...
    def fresh(self) -> Fresh: ...
    def taken(self, ids: list[str]) -> None: ...
    def end(self) -> None: ...


class Server:
    """Moves a run on, and hands over what comes out of it."""

    def __init__(self, run: ServeRun, log: AlertLog, withheld: Path, tell: Callable[..., Any]) -> None:
        self.run = run
        self._log = log
        self._withheld = withheld
        self._tell = tell
        self._looked = self._told = time.monotonic()
        self._stopping = False
        self.progress: Progress | None = None

    def stop(self, *_: Any) -> None:
        """Come to an end after a last checkpoint."""
        self._stopping = True

    def serve(self) -> None:
        """Until `stop`."""
        self.run.start()
        while not self._stopping:
            try:
                self._once()
            except LostError as error:
                self.run._recover(error)
        self.run.checkpoint(_now_us())
        self._hand_over()
        self._tell("stopped")

    def _once(self) -> None:
        progress = self.progress = self.run.advance(STEPS, _now_us())
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self.run.runtime.look()
        if now - self._told >= TELL_S:
            self._told = now
            self._hand_over()
        if progress.waiting:
            time.sleep(PAUSE_S)

    def _hand_over(self) -> None:
        fresh = self.run.runtime.fresh()
        if fresh.alerts:
            self._log.write(fresh.alerts)
            self.run.runtime.taken([alert.id for alert in fresh.alerts])
            self._tell("alerts", number=len(fresh.alerts), first=fresh.alerts[0].title)
        for fault in fresh.faults:
            self._tell("our fault: please report it", name=fault.name, entity=fault.entity, error=fault.error)


def _now_us() -> int:
    return time.time_ns() // 1_000
