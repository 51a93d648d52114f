"""A run with its checkpoints: it marks epochs, makes them hold, and goes back to the last one after a death."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from actors.aggregator import Outcome
from actors.conductor import Marked, Progress, Standing
from actors.saving import AGGREGATOR, LASTING, SHARD, still_needed
from cluster.checkpoints import Manifest, Part, Store
from cluster.compaction import chains, replaced, worth_merging
from cluster.errors import LostError, UserError
from ingest.records import Rejected

EVERY_S = 10.0
MOST_DEATHS = 20  # one after the other without a checkpoint in between: then something is wrong for good
MAX_REJECTED = 1_000_000  # kept in the file; more are only counted
REJECTED = "rejected"  # kind of part
# A merged part is named for an epoch to come: what is not named by a manifest is cleaned away once its epoch is past,
# and several pass while it is being made.
MERGED_AHEAD = 1_000


class Runtime(Protocol):
    """What a run drives: `cluster.local.LocalRuntime`, `cluster.ray_runtime.RayRuntime`."""

    skipped: list[str]
    rejected: list[Rejected]  # of the enrichment's files

    def start(
        self, standing: Standing | None = None, parts: Sequence[Any] = (), epoch: int = 1, tag: str = ""
    ) -> None: ...
    def advance(self, steps: int, mark: bool = False, now_us: int = 0) -> Progress: ...
    def written(self, marked: Marked, wait: bool = False) -> Marked | None: ...
    def compact(self, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any: ...
    def compacted(self, promise: Any) -> Any: ...
    def finish(self) -> Outcome: ...
    def stop(self) -> None: ...


@dataclass(slots=True)
class Beginning:
    """From where a run begins, and who it is."""

    fingerprint: str | None = None  # of inputs and settings; None: such a run can't be gone on with
    manifest: Manifest | None = None
    resumed: bool = False  # in the midst of an interrupted run over the same input
    last_epoch: int = 0
    notes: list[str] = field(default_factory=list)
    not_after_us: int | None = None  # the resumed run's


def beginning(store: Store, fingerprint: str | None) -> Beginning:
    """Look for an interrupted run with that fingerprint, or else for what the last whole run has left."""
    newest = store.latest(store.whole)
    begin = Beginning(fingerprint, newest)
    begin.notes += [f"{complaint}; the checkpoint before it is taken" for complaint in store.complaints]
    if newest is not None:
        begin.last_epoch = newest.epoch
        if not newest.run["delivered"]:
            _choose(store, newest, begin)
    return begin


def _choose(store: Store, newest: Manifest, begin: Beginning) -> None:
    if begin.fingerprint is not None and newest.run["fingerprint"] == begin.fingerprint:
        begin.resumed, begin.not_after_us = True, newest.run["not_after_us"]
        begin.notes.append("going on where an interrupted run over the same input stood")
        return
    begin.manifest = store.latest(lambda one: bool(one.run["delivered"]) and store.whole(one))
    store.drop_after(begin.manifest.epoch if begin.manifest is not None else 0)
    begin.notes.append(
        "an interrupted run over other input, or with other settings, is given up: what it had read counts as not read"
    )


class _Place(msgspec.Struct):
    """`Manifest.router`, packed."""

    standing: Standing


_pack = msgspec.msgpack.Encoder().encode


class Run:
    """One run over its input."""

    def __init__(
        self,
        runtime: Runtime,
        store: Store | None,
        begin: Beginning,
        every_s: float = EVERY_S,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.runtime = runtime
        self.rejected: list[Rejected] = []
        self.deaths = 0
        self._store = store
        self._begin = begin
        self._manifest = begin.manifest
        self._every_s = every_s
        self._say = say
        self._epoch = begin.last_epoch
        self._tag = ""
        self._marked: list[Marked] = []  # checkpoints whose parts are being written
        self._marked_at = time.monotonic()
        self._deaths_since = 0  # ... the last checkpoint
        self._merging: tuple[Any, Sequence[Part]] | None = None  # a promise, and what it makes one of

    def start(self) -> None:
        """Begin where the checkpoint stands, or at the beginning."""
        self._marked, self._merging, self.rejected = [], None, []
        standing, parts = None, list[Part]()
        if self._manifest is not None:
            standing, parts = place_of(self._manifest), self._manifest.parts
            self.rejected = self._rejected_of(self._manifest)
        # Another tag each time: what died may still be writing parts of the same epoch.
        self._tag = uuid4().hex[:8]
        self.runtime.start(standing, parts, self._epoch + 1, self._tag)
        self._marked_at = time.monotonic()

    def _rejected_of(self, manifest: Manifest) -> list[Rejected]:
        assert self._store is not None
        bodies = [self._store.read(part) for part in manifest.parts if part.kind == REJECTED]
        return [one for body in bodies for one in msgspec.msgpack.decode(body, type=list[Rejected])]

    # The stream

    def advance(self, steps: int, now_us: int = 0) -> Progress:
        """Take so many steps; what died meanwhile is begun again from the last checkpoint."""
        try:
            progress = self.runtime.advance(steps, self._is_time(), now_us)
            room = max(0, MAX_REJECTED - len(self.rejected))
            self.rejected += progress.rejected[:room]
            if progress.marked:
                self._marked += progress.marked
                self._marked_at = time.monotonic()
            self._take_written(wait=progress.drained)
            return progress
        except LostError as error:
            self._recover(error)
            return self.advance(steps, now_us)

    def finish(self) -> Outcome:
        """What the run came to."""
        while True:
            try:
                return self.runtime.finish()
            except LostError as error:
                self._recover(error)
                while not self.advance(1_000).done:
                    pass

    def _recover(self, error: LostError) -> None:
        while True:
            self.deaths += 1
            self._deaths_since += 1
            if self._store is None or self._deaths_since > MOST_DEATHS:
                again = f", {self._deaths_since} times since the last checkpoint" if self._store else ""
                raise UserError(f"a part of the run died{again} ({error}); start the run again") from None
            self._say(f"a part of the run died ({error}); going on from the last checkpoint")
            try:
                self.start()
                return
            except LostError as another:
                error = another

    # Checkpoints

    def _is_time(self) -> bool:
        if self._store is None or self._marked:
            return False
        return time.monotonic() - self._marked_at >= self._every_s

    def _take_written(self, wait: bool) -> None:
        """Make the checkpoints hold whose parts are written."""
        while self._marked:
            written = self.runtime.written(self._marked[0], wait)
            if written is None:
                return
            self._marked.pop(0)
            self._commit(written)
            self._deaths_since = 0

    def _commit(self, marked: Marked) -> None:
        self._take_merged()
        earlier = self._earlier(marked.standing)
        self._hold(marked.epoch, marked.standing, [*earlier, *self._told_of(marked), *marked.parts])
        self._merge_some()

    def _earlier(self, standing: Standing) -> list[Part]:
        """What of the checkpoint before still counts."""
        if self._manifest is None:
            return []
        return still_needed(self._manifest.parts, place_of(self._manifest).shards, standing.shards)

    def _told_of(self, marked: Marked) -> list[Part]:
        """The rejected records since the checkpoint before, written."""
        assert self._store is not None
        before = 0 if self._manifest is None else place_of(self._manifest).rejected
        new = self.rejected[before : marked.standing.rejected]
        if not new:
            return []
        return [
            self._store.write(
                f"{marked.epoch:012d}-{self._tag}-{REJECTED}", msgspec.msgpack.encode(new), REJECTED
            )
        ]

    def _hold(self, epoch: int, standing: Standing, parts: list[Part], delivered: bool = False) -> None:
        assert self._store is not None
        about = {
            "fingerprint": self._begin.fingerprint,
            "delivered": delivered,
            "not_after_us": self._begin.not_after_us,
        }
        manifest = Manifest(epoch, about, _pack(_Place(standing)), parts)
        self._store.commit(manifest)
        self._manifest, self._epoch = manifest, epoch

    def deliver(self) -> None:
        """All that came of the run is in its user's hands: what it has learned holds, the rest is not needed."""
        if self._store is None or self._manifest is None:
            return
        standing = msgspec.structs.replace(place_of(self._manifest), run=None, rejected=0, said=[])
        parts = [part for part in self._manifest.parts if part.kind == SHARD]
        lasting = [part for part in self._manifest.parts if part.kind == LASTING]
        parts += [msgspec.structs.replace(part, kind=AGGREGATOR) for part in lasting]
        self._hold(self._epoch + 1, standing, parts, delivered=True)

    # Fewer parts

    def _merge_some(self) -> None:
        assert self._manifest is not None
        if self._merging is not None:
            return
        closed_until = place_of(self._manifest).router.get("closed_until") or 0
        for chain in chains(self._manifest.parts):
            old = worth_merging(chain)
            if old and old[0].kind in (SHARD, AGGREGATOR):
                name = f"{self._epoch + MERGED_AHEAD:012d}-{self._tag}-merged-{old[0].kind}-{old[0].low:04d}"
                promise = self.runtime.compact(name, old, closed_until, len(old) == len(chain))
                self._merging = promise, old
                return

    def _take_merged(self) -> None:
        if self._merging is None or self._manifest is None:
            return
        promise, old = self._merging
        new = self.runtime.compacted(promise)
        if new is not None:
            self._merging = None
            self._manifest.parts = replaced(self._manifest.parts, old, new)


def place_of(manifest: Manifest) -> Standing:
    """Where the run stood. Raises UserError for what is no such manifest."""
    try:
        return msgspec.msgpack.decode(manifest.router, type=_Place).standing
    except msgspec.MsgspecError as error:
        raise UserError(f"the checkpoint of epoch {manifest.epoch} can't be read ({error})") from None
