"""What router, shards and aggregator say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from detections.declare import Finding
from ingest.parts import What, Where, Who
from ingest.records import TRAFFIC, Event

# Which of an event's entities a shard must apply it to; the counted one accounts for the record's fate.
PRINCIPAL = 1
VAULT = 2
COUNTED = 4
SIGNED_IN = 8  # the principal's, by whom it only was a sign-in

Rows = npt.NDArray[np.void]


class Routed(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An event on its way to a shard: `owners` is a sum of PRINCIPAL, VAULT, SIGNED_IN and COUNTED."""

    event: Event
    owners: int


# A record of an open hour: `what`, `who` and `where` are the router's numbers of its parts for this shard, in the
# order in which they were told; `source` indexes the batch's sources; `owners`: see `Routed`. The others:
# `ingest.event_columns`.
EVENT_ROW = np.dtype(
    [
        ("at_us", "<i8"),
        ("uid", "<u8"),
        ("operation_id", "<u8"),
        ("offset", "<i8"),
        ("what", "<i4"),
        ("who", "<i4"),
        ("where", "<i4"),
        ("source", "<i4"),
        ("owners", "u1"),
    ]
)


class Told(msgspec.Struct, array_like=True):
    """Parts of events that are told for the first time."""

    whats: list[What] = []
    whos: list[Who] = []
    wheres: list[Where] = []

    def __len__(self) -> int:
        return len(self.whats) + len(self.whos) + len(self.wheres)


@dataclass(slots=True)
class Batch:
    """Records for one shard. `late` ones belong to a closed hour: only windowless detections see them."""

    events: Rows = field(default_factory=lambda: np.empty(0, EVENT_ROW))
    told: Told = field(default_factory=Told)
    forget: bool = False  # what was told before this batch is not meant any more: numbers begin at 0 again
    late: list[Routed] = field(default_factory=list)
    # `entity` is the router's number of the resource for this shard: 0 is the first that it named to it.
    rows: Rows = field(default_factory=lambda: np.empty(0, TRAFFIC))
    ids: list[str] = field(default_factory=list)  # resources named here for the first time
    since: list[int] = field(default_factory=list)  # each one's start in the inventory, 0 = open
    sources: list[str] = field(default_factory=list)  # `source` of the rows indexes this
    router: int = 0  # whose numbers these are
    passed: int = 0  # no record of an hour before this one comes any more, unless it is late

    def __len__(self) -> int:
        return len(self.events) + len(self.late) + len(self.rows)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Told, bool, list[Routed], list[str], list[int], list[str], int, int])


def pack_batch(batch: Batch) -> tuple[bytes, Rows, Rows]:
    """A batch for the wire: MessagePack for what is rich, the arrays as they are for what is many."""
    rich = (
        batch.told,
        batch.forget,
        batch.late,
        batch.ids,
        batch.since,
        batch.sources,
        batch.router,
        batch.passed,
    )
    return _encoder.encode(rich), batch.events, batch.rows


def unpack_batch(packed: bytes, events: Rows, rows: Rows) -> Batch:
    """The batch that `pack_batch` was given."""
    told, forget, late, ids, since, sources, router, passed = _decoder.decode(packed)
    return Batch(events, told, forget, late, rows, ids, since, sources, router, passed)


class Close(msgspec.Struct, frozen=True):
    """Order to close an hour: no record that is not late can still come for it."""

    hour: int  # hours since 1970
    layers_since: dict[str, int]  # layer -> event time of its first record, microseconds
    population: Any = None  # `Population.snapshot()` to judge by from now on; None: as before


class Found(msgspec.Struct, array_like=True):
    """A finding and where it belongs."""

    type: str
    kind: str
    entity: str
    hour: int
    finding: Finding
    learning: bool = False  # the entity's history is too short: kept as 'would have alerted'
    late: bool = False  # from a record that came after the hour was closed
    own_addresses: tuple[str, ...] = ()  # of the resource, that the traffic used: for the address rule
    region: str = ""
    brief: bool = False  # one of many while learning: it is only counted
    early: bool = False  # its hour is open: what is known by now
    excused: str = ""  # it is what was marked benign: no alert


class Fault(msgspec.Struct, array_like=True):
    """A detection or baseline that raised: our error, never 'no match'."""

    name: str
    entity: str
    hour: int
    error: str


class Report(msgspec.Struct, array_like=True):
    """What a shard says of a closed hour (or of late records: `hour` is then None)."""

    shard: int
    hour: int | None
    found: list[Found] = []
    facts: list[tuple[str, str, str, int, dict[str, Any] | None]] = []
    tally: Any = None  # baselines.tally.Tally.state()
    faults: list[Fault] = []
    applied: int = 0  # records counted by this shard since its last report
    late: int = 0
    filtered: dict[str, int] = {}
    entities: int = 0
    learning: dict[str, int] = {}  # by type: findings of entities still learning that are not among `found`
    entity_days: int = 0  # entities that were active for the first time on this day
    judged: dict[str, int] = {}  # by type: entities judged in the hour, where an alert budget is set


pack_report = msgspec.msgpack.Encoder().encode
unpack_report = msgspec.msgpack.Decoder(Report).decode
pack_found = msgspec.msgpack.Encoder().encode
unpack_found = msgspec.msgpack.Decoder(list[Found]).decode
