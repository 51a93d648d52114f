"""A run with its checkpoints: it marks epochs, makes them hold, and goes back to the last one after a death."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import msgspec

from actors.conductor import Marked, Progress, Standing, untold_hour
from actors.marks import Mark
from actors.outcome import Outcome
from actors.saving import (
    AGGREGATOR,
    FEEDS,
    LASTING,
    SHARD,
    TOLD,
    PartError,
    read_rejected,
    still_needed,
    write_rejected,
)
from cluster.beginning import Beginning, packed_place, place_of
from cluster.checkpoints import Damaged, Manifest, Part, Store, StoreError
from cluster.errors import LostError, UserError
from cluster.merging import Merging
from cluster.runtime import Runtime
from cluster.told import taken_out, told_back
from ingest.records import Rejected

MOST_DEATHS = 20  # one after the other without getting any further: then something is wrong for good
MAX_REJECTED = 1_000_000  # kept in the file; more are only counted
T = TypeVar("T")
_pack = msgspec.msgpack.Encoder().encode


class Every(NamedTuple):
    """How often a checkpoint is taken: whichever comes first."""

    seconds: float = 10.0
    records: int | None = None  # that were read since


class Run:
    """One run over its input.

    `spare` makes a runtime that takes no checkpoints: for a run whose store is its own, which nobody has asked for.
    Where that store fails, the run does without.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store | None,
        begin: Beginning,
        every: Every = Every(),  # noqa: B008 - it can't be changed
        say: Callable[[str], None] = lambda line: None,
        spare: Callable[[], Runtime] | None = None,
    ) -> None:
        self.runtime = runtime
        self.rejected: list[Rejected] = []
        self.about: dict[str, Any] = {}  # what else checkpoints say of the run
        self.deaths = 0
        self._store = store
        self._begin = begin
        self._manifest = begin.manifest
        self._standing = Standing()  # the manifest's
        self._every = every
        self._read, self._read_at_mark = 0, 0  # records
        self._say = say
        self._spare = spare
        self._own = spare is not None
        self._saves = store is not None
        self._begun = False
        self._epoch = begin.last_epoch
        self._tag = ""
        self._marked: list[Marked] = []  # checkpoints whose parts are being written
        self._marked_at = time.monotonic()
        self._deaths_since = 0  # ... the run last got further
        self._feeds: bytes | None = None  # what is to be kept of them with the next checkpoint
        self._told: bytes | None = None  # the checkpoint's, of who holds which address
        self._merging = Merging(say)
        # What analysts have marked, given the first hour that new marks may hold from; None: nothing new.
        self.marked: Callable[[int], list[Mark] | None] = lambda first: None
        self._marks: list[Mark] = []

    def start(self) -> None:
        """Begin where the checkpoint stands, or at the beginning."""
        router = place_of(self._manifest).router if self._manifest is not None else {}
        first = untold_hour(router.get("closed_until"), router.get("open_hours", ()))
        new = self.marked(first)
        self._marks = self._marks if new is None else new
        self._try(self._start, lambda: None)

    def _start(self) -> None:
        self._marked, self.rejected, self._told = [], [], None
        self._merging.drop()
        standing, parts = None, list[Part]()
        self._look_at_own_store()
        if self._manifest is not None:
            assert self._store is not None
            standing, self._standing = place_of(self._manifest), place_of(self._manifest)
            parts = self._manifest.parts
            told_back(standing, self._store, parts)
        # Another tag each time: what died may still be writing parts of the same epoch.
        self._tag = uuid4().hex[:8]
        try:
            self.rejected = self._told_before(parts)
            self.runtime.start(standing, parts, self._epoch + 1, self._tag)
        except PartError as error:
            raise UserError(
                f"{self._where()}/{error}; use the version that wrote it, or another place for the state"
            ) from None
        if self._marks:
            self.runtime.teach(self._marks)
        self._begun = True
        self._marked_at = time.monotonic()
        self._read_at_mark = standing.run.counts.read if standing is not None and standing.run else 0

    def _look_at_own_store(self) -> None:
        """Where nothing can be written any more the last checkpoint may be gone too: then it begins anew."""
        without = self._own and not self._saves
        if without and self._store and self._manifest and not self._store.whole(self._manifest):
            self._manifest, self._standing = None, Standing()

    def _where(self) -> str:
        return str(self._store.spec[0]) if self._store is not None else ""

    # The stream

    def advance(self, steps: int, now_us: int = 0) -> Progress:
        """Take so many steps; what died meanwhile is begun again from the last checkpoint."""
        return self._try(lambda: self._advance(steps, now_us), self._start)

    def _advance(self, steps: int, now_us: int) -> Progress:
        progress = self.runtime.advance(steps, self._is_time(), now_us)
        room = max(0, MAX_REJECTED - len(self.rejected))
        self.rejected += progress.rejected[:room]
        self._read = progress.counts.read
        if progress.marked:
            self._marked += progress.marked
            self._read_at_mark = self._read
            self._marked_at = time.monotonic()
        self._take_written(wait=progress.drained)
        return progress

    def finish(self) -> Outcome:
        """What the run came to."""
        return self._try(lambda: self.runtime.finish(), self._to_the_end)

    def _to_the_end(self) -> None:
        self._start()
        while not self._advance(1_000, 0).done:
            pass

    # Deaths

    def _try(self, do: Callable[[], T], again: Callable[[], None]) -> T:
        """Do something; after a death, `again` comes first."""
        died = False
        while True:
            try:
                if died:
                    again()
                died = False
                return do()
            except LostError as error:
                self._count(error)
            except UserError as error:
                self._do_without(error)
            died = True

    def _count(self, error: LostError) -> None:
        self.deaths += 1
        self._deaths_since += 1
        if (self._store is None and self._begun) or self._deaths_since > MOST_DEATHS:
            again = f", {self._deaths_since} times without getting any further" if self._store else ""
            raise UserError(f"a part of the run died{again} ({error}); start the run again") from None
        self._say(f"a part of the run died ({error}); going on from the last checkpoint")

    def _do_without(self, error: UserError) -> None:
        """Go on without checkpoints, if they are what failed and nobody has asked for them."""
        if self._spare is None or not (isinstance(error, StoreError) or self._where() in str(error)):
            raise error
        self._say(f"no checkpoints from here on, the run goes on without: {error}")
        spare, self._spare, self._saves = self._spare, None, False
        self.runtime.stop()
        self.runtime = spare()

    # Checkpoints

    def keep_feeds(self, body: bytes) -> None:
        """The next checkpoint, and those after it, have this of the feeds."""
        self._feeds = body

    def _is_time(self) -> bool:
        if not self._saves or self._marked:
            return False
        most = self._every.records
        if most is not None and self._read - self._read_at_mark >= most:
            return True
        return time.monotonic() - self._marked_at >= self._every.seconds

    def _take_written(self, wait: bool) -> None:
        """Make the checkpoints hold whose parts are written."""
        while self._marked:
            written = self.runtime.written(self._marked[0], wait)
            if written is None:
                return
            self._marked.pop(0)
            self._commit(written)

    def _commit(self, marked: Marked) -> None:
        further = self._manifest is None or _pack(self._standing.run) != _pack(marked.standing.run)
        parts = [*self._earlier(marked.standing), *self._told_of(marked), *marked.parts]
        parts = self._with_feeds(parts, marked.epoch)
        parts = self._with_told(parts, marked)
        self._hold(marked.epoch, marked.standing, parts)
        self._feeds = None
        if further:  # else a run that always dies at one place would begin again for ever
            self._deaths_since = 0
        assert self._manifest is not None
        closed_until = self._standing.router.get("closed_until") or 0
        self._merging.begin(self.runtime, self._manifest, closed_until, self._tag)

    def _earlier(self, standing: Standing) -> list[Part]:
        """What of the checkpoint before still counts."""
        if self._manifest is None:
            return []
        self._manifest.parts = self._merging.take(self.runtime, self._manifest.parts, self._epoch)
        return still_needed(self._manifest.parts, self._standing.shards, standing.shards)

    def _with_feeds(self, parts: list[Part], epoch: int) -> list[Part]:
        if self._feeds is None:
            return parts
        assert self._store is not None
        name = f"{epoch:012d}-{self._tag}-{FEEDS}"
        return [*(part for part in parts if part.kind != FEEDS), self._store.write(name, self._feeds, FEEDS)]

    def _with_told(self, parts: list[Part], marked: Marked) -> list[Part]:
        """Who holds which address, in a part of its own: it may be large, and changes rarely."""
        body = taken_out(marked.standing)
        if body is not None and body == self._told and any(part.kind == TOLD for part in parts):
            return parts
        self._told = body
        rest = [part for part in parts if part.kind != TOLD]
        if body is None:
            return rest
        assert self._store is not None
        return [*rest, self._store.write(f"{marked.epoch:012d}-{self._tag}-{TOLD}", body, TOLD)]

    def _told_before(self, parts: Sequence[Part]) -> list[Rejected]:
        """The rejected records up to the checkpoint."""
        return read_rejected(self._store, parts)

    def _told_of(self, marked: Marked) -> list[Part]:
        """The rejected records since the checkpoint before, written."""
        assert self._store is not None
        new = self.rejected[self._standing.rejected : marked.standing.rejected]
        return write_rejected(self._store, f"{marked.epoch:012d}-{self._tag}", new)

    def _hold(self, epoch: int, standing: Standing, parts: list[Part], delivered: bool = False) -> None:
        assert self._store is not None
        about = {
            "fingerprint": self._begin.fingerprint,
            "seen": self._begin.seen,
            "delivered": delivered,
            "not_after_us": self._begin.not_after_us,
            **self.about,
        }
        written_us = time.time_ns() // 1_000
        manifest = Manifest(epoch, about, packed_place(standing), parts, written_us)
        try:
            self._store.commit(manifest)
        except Damaged as error:
            raise StoreError(
                f"{error}; somebody else removes or changes files there: keep them away, and start the run again"
            ) from None
        self._manifest, self._standing, self._epoch = manifest, standing, epoch

    def deliver(self) -> None:
        """All that came of the run is in its user's hands: what it has learned holds, the rest is not needed."""
        if self._own or self._manifest is None:
            return
        held = self._merging.take(self.runtime, self._manifest.parts, self._epoch, wait=True)
        standing = msgspec.structs.replace(self._standing, run=None, rejected=0, said=[])
        parts = [part for part in held if part.kind in (SHARD, FEEDS, TOLD)]
        lasting = [part for part in held if part.kind == LASTING]
        parts += [msgspec.structs.replace(part, kind=AGGREGATOR) for part in lasting]
        self._hold(self._epoch + 1, standing, parts, delivered=True)
