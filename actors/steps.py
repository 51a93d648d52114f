"""What a router has done with its sources, step by step, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from actors.messages import Batch
from actors.waiting_flows import Waiting as WaitingFlows
from ingest.records import Rejected

MOST_LATE = 1_000  # sources of which late records are counted one by one


@dataclass(frozen=True, slots=True)
class Send:
    """A batch for a shard."""

    shard: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class CloseHour:
    """No record that is not late can come for this hour any more."""

    hour: int


@dataclass(frozen=True, slots=True)
class Reject:
    """Records that could not be read, to be kept where a person can look at them."""

    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything read so far was sent: a checkpoint may be taken here."""


@dataclass(frozen=True, slots=True)
class Took:
    """A source was read."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """No source has anything for now."""


@dataclass(frozen=True, slots=True)
class Drained:
    """All sources are at their end; what follows closes hours whose watermark has not passed."""


Step = Send | CloseHour | Reject | Mark | Took | Waiting | Drained


class Counts(msgspec.Struct):
    """What became of the records: read = applied + late + rejected + filtered."""

    read: int = 0
    flows_applied: int = 0
    events_sent: int = 0  # applied, unless a shard finds them delivered twice
    late: int = 0
    rejected: int = 0  # records among `read`
    lost: int = (
        0  # records that exporters' sequence numbers say were sent and that never came: not among `read`
    )
    filtered: dict[str, int] = {}
    late_by_source: dict[str, int] = {}  # of so many sources, the rest under ''
    closed_before: int = 0  # late ones of hours that an earlier run had closed
    unsettled: int = 0  # flows that could not wait until it was settled who held their addresses

    def drop_late(self, source: str, number: int) -> None:
        """Count a source's late records: a server's sources come and go, and the counts are in each checkpoint."""
        if source not in self.late_by_source and len(self.late_by_source) >= MOST_LATE:
            source = ""
        self.late_by_source[source] = self.late_by_source.get(source, 0) + number

    def add(self, other: Counts) -> None:
        """Count what another has counted."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, number in other.filtered.items():
            self.drop(reason, number)
        for source, number in other.late_by_source.items():
            self.drop_late(source, number)

    def drop(self, reason: str, number: int = 1) -> None:
        """Count records that bear on no detection."""
        if number:
            self.filtered[reason] = self.filtered.get(reason, 0) + number


_NUMBERS = tuple(name for name, kind in Counts.__annotations__.items() if kind == "int")


class Place(msgspec.Struct, array_like=True):
    """How far a source was read."""

    name: str
    frontier_us: int = 0
    position: Any = None  # see `Block.position`
    finished: bool = False
    resting: bool = False  # nothing came for long: it is not asked until it stirs


class SourceState(msgspec.Struct):
    """How a source is doing."""

    name: str
    frontier_us: int  # greatest event time read; 0: none
    heard_us: int  # when it last had something


class RunState(msgspec.Struct):
    """What a run needs to go on from a checkpoint of its own, beside `Router.state`."""

    closed_at_start: int
    counts: Counts
    places: list[Place]  # of all sources that were begun
    waiting: list[WaitingFlows] = []  # flows whose holders are not settled yet
