"""Makes one of several parts beside the run. Whatever comes of it, no part is lost: the old ones hold until then."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from actors.saving import MERGED
from cluster.checkpoints import Manifest, Part
from cluster.compaction import chains, replaced, worth_merging
from cluster.errors import LostError, UserError

# A merged part is named for an epoch to come: what is not named by a manifest is cleaned away once its epoch is past,
# and several pass while it is being made.
AHEAD = 1_000
PAUSE = 64  # epochs until the next attempt after one that failed
LAST_S = 60.0  # for so long a run waits at its end: else short runs would never get a merged part


class Maker(Protocol):
    """What makes them: a runtime."""

    def compact(self, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any: ...
    def compacted(self, promise: Any) -> Any: ...


class Merging:
    """At most one merge at a time."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._old: Sequence[Part] = ()  # what is being merged
        self._promise: Any = None
        self._not_before = 0  # epoch
        self._told = False

    def drop(self) -> None:
        """Think no more of one under way: who was making it may be dead."""
        self._old, self._promise = (), None

    def begin(self, maker: Maker, manifest: Manifest, closed_until: int, tag: str) -> None:
        """Have parts merged, if there is a chain that is worth it."""
        if self._old or manifest.epoch < self._not_before:
            return
        for chain in chains(manifest.parts):
            old = worth_merging(chain)
            if old and old[0].kind in MERGED:
                kind, low = old[0].kind, old[0].low
                name = f"{manifest.epoch + AHEAD:012d}-{tag}-merged-{kind}-{low:04d}"
                try:
                    self._promise = maker.compact(name, old, closed_until, len(old) == len(chain))
                    self._old = old
                except (LostError, UserError, ValueError) as error:
                    self._failed(error, manifest.epoch)
                return

    def take(self, maker: Maker, parts: list[Part], epoch: int, wait: bool = False) -> list[Part]:
        """The parts, with the merged one in place of those that it was made of if it is there."""
        if not self._old:
            return parts
        try:
            new = self._made(maker, wait)
        except (LostError, UserError, ValueError) as error:
            self._failed(error, epoch)
            return parts
        if new is None:
            return parts
        old = self._old
        self.drop()
        return replaced(parts, old, new)

    def _made(self, maker: Maker, wait: bool) -> Any:
        end = time.monotonic() + LAST_S
        new = maker.compacted(self._promise)
        while wait and new is None and time.monotonic() < end:
            time.sleep(0.05)
            new = maker.compacted(self._promise)
        return new

    def _failed(self, error: Exception, epoch: int) -> None:
        self.drop()
        self._not_before = epoch + PAUSE
        if not self._told:
            self._told = True
            self._say(f"parts of a checkpoint could not be merged ({error}); they stay as they are")
