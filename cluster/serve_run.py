"""A run that has no end, on any runtime."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from actors.conductor import Marked, Standing
from actors.keys import GROUPS
from actors.outcome import Fresh
from actors.saving import REJECTED
from actors.steps import SourceState
from alerts.alert import Alert
from cluster.beginning import Beginning
from cluster.checkpoints import Manifest, Part, Store, StoreError
from cluster.deadline import Deadline
from cluster.errors import LostError, UserError
from cluster.observed import checkpoint_now
from cluster.run import Every, Run
from cluster.runtime import Runtime
from cluster.snapshot import CheckpointNow
from ingest.blocks import Health
from ingest.records import Rejected
from ingest.threat_intel import Indicators

T = TypeVar("T")
STEPS = 20  # of the stream, until what was gathered is sent and alerts are told
NOTHING_LOST = "nothing is lost, the next start goes on from the last checkpoint"
LONGEST_S = 60.0  # between two tries to begin again
SCALED = "scaled"  # in a manifest's `run`: shards that the configuration asked for, and those asked for since


class LiveRuntime(Runtime, Protocol):
    """What serving needs of a runtime beside that."""

    deadline: Deadline  # from when on its calls raise OverdueError

    def look(self) -> list[Health]: ...
    def scale(self, shards: int) -> None: ...
    def renew(self, indicators: Indicators) -> None: ...
    def release(self, standing: Standing) -> None: ...
    def fresh(self, again: bool = True) -> Fresh: ...
    def taken(self, ids: list[str]) -> None: ...
    def remember(self, told: list[Alert]) -> None: ...
    def sources(self, most: int) -> list[SourceState]: ...
    def queues(self) -> list[int]: ...
    def stats(self) -> list[Any]: ...


class ServeRun(Run):
    """A run that has no end: after any number of deaths it tries again, and live sources hear of checkpoints."""

    runtime: LiveRuntime

    def __init__(
        self,
        runtime: LiveRuntime,
        store: Store,
        begin: Beginning,
        every: Every,
        say: Callable[[str], None],
        journal_bound: int,
    ) -> None:
        super().__init__(runtime, store, begin, every, say)
        self.runtime = runtime
        self.journal_bound = journal_bound
        self.store_fault = ""  # why the store can't be used now
        self.stop_wanted = threading.Event()
        self._tried_last = False  # since it was told to stop
        self.configured = 0  # how many shards the configuration asks for
        # Whoever serves puts here what is to be done with what can't be read, and when it begins again.
        self.keep: Callable[[list[Rejected]], None] = lambda rejected: None
        self.begins_again: Callable[[str], None] = lambda store_fault: None
        # What was told of hours before their close, by whoever has told it: a checkpoint may be older.
        self.told_early: Callable[[], list[Alert]] = list

    def _start(self) -> None:
        super()._start()
        if told := self.told_early():
            self.runtime.remember(told)

    @property
    def epoch(self) -> int:
        """Of the checkpoint that holds."""
        return self._epoch

    def _hold(self, epoch: int, standing: Standing, parts: list[Any], delivered: bool = False) -> None:
        super()._hold(epoch, standing, parts, delivered)
        self.store_fault = ""
        self.runtime.release(standing)

    # What can't be read is handed over as it comes, and before a checkpoint holds that has passed it: so it needs to
    # stand neither in memory nor in the checkpoints. After a death some of it is told once more.

    def hand_rejected(self) -> None:
        """Hand over what has come since the last time."""
        rejected, self.rejected = self.rejected, []
        if rejected:
            self.keep(rejected)

    def _told_of(self, marked: Marked) -> list[Part]:
        self.hand_rejected()
        return []

    def _told_before(self, parts: Sequence[Part]) -> list[Rejected]:
        return []

    def _earlier(self, standing: Standing) -> list[Part]:
        return [part for part in super()._earlier(standing) if part.kind != REJECTED]

    def do(self, what: Callable[[], T]) -> T:
        """Something of the runtime's, after a new beginning if something dies."""
        return self._try(what, self._start)

    def _count(self, error: LostError) -> None:
        """It never gives up: it tries again, the later the more often it was in vain, until it is told to stop."""
        self.deaths += 1
        self._wait_to_begin(error)
        self._say(f"a part of the run died ({error}); going on from the last checkpoint")

    def _wait_to_begin(self, error: Exception) -> None:
        self.begins_again(self.store_fault)
        if self._deaths_since:
            pause_s = min(LONGEST_S, 0.5 * 2.0 ** min(self._deaths_since, 10))
            if self.stop_wanted.wait(pause_s):
                if self._tried_last:
                    raise UserError(f"stopped while it could not go on ({error}); {NOTHING_LOST}")
                self._tried_last = True  # whoever stops it while it recovers has all that was read saved
        self._deaths_since += 1

    def _do_without(self, error: UserError) -> None:
        """A store that can't be used now may be there again later: until then nothing is read."""
        if not isinstance(error, StoreError):
            raise error
        self.store_fault = str(error)
        self._say(f"the store can't be used: {error}; trying again")
        self._wait_to_begin(error)

    def rest(self) -> None:
        """In place of `advance`, where nothing is to be read for now: checkpoints that were begun come to hold."""
        self.do(lambda: self._take_written(wait=False))

    def teach(self, first: int) -> None:
        """Have the shards know what was marked since; of hours from `first` on nothing was told yet."""
        new = self.marked(first)
        if new is not None:
            self._marks = new  # whatever dies now: they are told at the next beginning
            self.do(lambda: self.runtime.teach(new))

    def hurry(self) -> None:
        """Take the next checkpoint at once."""
        self._marked_at = float("-inf")

    def checkpoint(self) -> None:
        """Take one of what there is now, after those that were begun before, and wait until it holds."""
        self.hurry()
        wanted = self._epoch + len(self._marked) + 1
        while self._epoch < wanted or self._marked:
            self.advance(STEPS, now_us())
            self._take_written(wait=True)

    def checkpoint_now(self) -> CheckpointNow | None:
        """The one that holds, for people."""
        return None if self._manifest is None else checkpoint_now(self._manifest)

    def scale(self, shards: int) -> None:
        """Go on with so many shards: key groups move with their state."""
        self.checkpoint()
        self.about[SCALED] = [self.configured, shards]
        self.begins_again("")
        self.runtime.scale(shards)
        self.start()


def scaled(manifest: Manifest | None, configured: int) -> int | None:
    """How many shards a server before was told to go on with; None: none, or the configuration has changed since."""
    said = manifest.run.get(SCALED) if manifest is not None else None
    if not isinstance(said, list) or len(said) != 2 or said[0] != configured:
        return None
    return said[1] if type(said[1]) is int and 0 < said[1] <= GROUPS else None


def now_us() -> int:
    """The time of day."""
    return time.time_ns() // 1_000
