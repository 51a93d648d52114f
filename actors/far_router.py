"""One of several routers, as far as it is known where the hours are closed for all of them (`actors.routers`)."""

from __future__ import annotations

from typing import Any, Protocol

from actors.feeder import Fed, Order
from actors.steps import Place, RunState, SourceState
from ingest.blocks import Partition
from ingest.threat_intel import Indicators


class Feed(Protocol):
    """A `Feeder`, here or elsewhere."""

    def begin(self, partitions: list[Partition], state: dict[str, Any], run: RunState | None) -> None: ...
    def advance(self, order: Order) -> Any: ...  # gives a `Fed`, or a promise of one
    def add(self, partitions: list[Partition], places: list[Place]) -> None: ...
    def release(self, places: list[Place]) -> None: ...
    def renew(self, indicators: Indicators) -> None: ...
    def states(self, most: int) -> list[SourceState]: ...
    def stats(self) -> list[Any]: ...
    def close(self) -> None: ...


class FarRouter:
    """What it said last, and what it was told."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.said = Fed()
        self.promise: Any = None  # of what it says next
        self.added_us: int | None = None  # watermark of sources that it was given and has not spoken of yet
        self.speaks_of_added = False  # the promise does
        self.resting = False
        self.until_us = 0  # as its last order had it
        self.held = False  # at a mark
        self.after: list[Any] = []  # to be told with the next order

    @property
    def watermark_us(self) -> int | None:
        """Before it nothing more that is not late comes from this one; None: nothing comes at all."""
        known = [one for one in (self.said.watermark_us, self.added_us) if one is not None]
        return min(known, default=None)

    @property
    def reads_us(self) -> int | None:
        """Event time of what it reads next, as far as is known; None: nothing."""
        known = [one for one in (self.said.reading_us, self.added_us) if one is not None]
        return min(known, default=None)
