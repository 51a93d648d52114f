"""Events as columns: what a record says beside its time is an `Event` that many records share.

An application that polls a secret writes the same record a thousand times, but for its time and its numbers. So
a batch of records is a list of shapes, which are events without time, position and numbers, and a few columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ingest.records import Event

COLUMNS: dict[str, Any] = {
    "shape": np.int32,  # place in the list of shapes
    "at_us": np.int64,
    "uid": np.uint64,
    "operation_id": np.uint64,  # 0: the record is whole by itself
    "offset": np.int64,  # record number in its source
}
_BARE = {"at_us": 0, "uid": 0, "operation_id": 0, "offset": 0, "source": ""}
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
MAX_KEPT = 100_000


@dataclass(slots=True)
class EventColumns:
    """Records of one source."""

    shapes: list[Event] = field(default_factory=list)
    columns: dict[str, npt.NDArray[Any]] = field(
        default_factory=lambda: {name: np.empty(0, kind) for name, kind in COLUMNS.items()}
    )

    def __len__(self) -> int:
        return len(self.columns["at_us"])

    @classmethod
    def of(cls, events: Sequence[Event]) -> EventColumns:
        """From whole events."""
        made = Shaped()
        shapes = [made.shape(event) for event in events]
        return cls.packed(
            shapes,
            [
                np.fromiter((getattr(event, name) for event in events), COLUMNS[name], len(events))
                for name in ("at_us", "uid", "operation_id", "offset")
            ],
        )

    @classmethod
    def packed(cls, shapes: Sequence[Event], rest: Sequence[npt.NDArray[Any]]) -> EventColumns:
        """From the shape of each record, and the other columns: shapes that are one object become one."""
        place: dict[int, int] = {}
        codes = [place.setdefault(id(shape), len(place)) for shape in shapes]
        distinct = list({id(shape): shape for shape in shapes}.values())
        return cls(distinct, dict(zip(COLUMNS, [np.array(codes, np.int32), *rest], strict=True)))

    def take(self, index: Any) -> EventColumns:
        """Some of the records; the shapes stay."""
        return EventColumns(self.shapes, {name: column[index] for name, column in self.columns.items()})

    def events(self, source: str) -> Iterator[Event]:
        """The records as whole events."""
        rows = zip(*(self.columns[name].tolist() for name in COLUMNS), strict=True)
        for shape, at_us, uid, operation_id, offset in rows:
            yield whole(self.shapes[shape], at_us, uid, offset, source, operation_id)


def whole(shape: Event, at_us: int, uid: int, offset: int, source: str, operation_id: int = 0) -> Event:
    """A shape as the event of one record."""
    return msgspec.structs.replace(
        shape, at_us=at_us, uid=uid, offset=offset, source=source, operation_id=operation_id
    )


def joined(parts: Sequence[EventColumns]) -> EventColumns:
    """Several parts as one."""
    if len(parts) == 1:
        return parts[0]
    shapes: list[Event] = []
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for part in parts:
        for name, column in part.columns.items():
            columns[name].append(column + np.int32(len(shapes)) if name == "shape" else column)
        shapes += part.shapes
    if not parts:
        return EventColumns()
    return EventColumns(shapes, {name: np.concatenate(some) for name, some in columns.items()})


class Shaped:
    """Finds the shape of whole events, so that equal ones have the same object; it keeps so many."""

    def __init__(self) -> None:
        self._known: dict[bytes, Event] = {}

    def shape(self, event: Event) -> Event:
        """The event without what is one record's own."""
        bare = msgspec.structs.replace(event, **_BARE)
        if len(self._known) > MAX_KEPT:
            self._known.clear()
        return self._known.setdefault(_pack(bare), bare)
