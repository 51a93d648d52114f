"""Events as columns: the numbers of what each says, by whom and where (`ingest.parts`), its time and its own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.parts import Numbers, Parts
from ingest.records import Event

PARTS = ("what", "who", "where")
COLUMNS: dict[str, Any] = {
    "what": np.int32,  # numbers of the parts
    "who": np.int32,
    "where": np.int32,
    "at_us": np.int64,
    "uid": np.uint64,
    "operation_id": np.uint64,  # 0: the record is whole by itself
    "offset": np.int64,  # record number in its source
}
OWN = tuple(name for name in COLUMNS if name not in PARTS)


@dataclass(slots=True)
class EventColumns:
    """Records of one source."""

    parts: Parts = field(default_factory=Parts)
    columns: dict[str, npt.NDArray[Any]] = field(
        default_factory=lambda: {name: np.empty(0, kind) for name, kind in COLUMNS.items()}
    )

    def __len__(self) -> int:
        return len(self.columns["at_us"])

    @classmethod
    def of(cls, events: Sequence[Event]) -> EventColumns:
        """From whole events."""
        parts = Parts()
        codes = np.array([parts.of(event) for event in events], np.int32).reshape(len(events), 3)
        columns: dict[str, Any] = {name: codes[:, place].copy() for place, name in enumerate(PARTS)}
        for name in OWN:
            columns[name] = np.fromiter(
                (getattr(event, name) for event in events), COLUMNS[name], len(events)
            )
        return cls(parts, columns)

    def take(self, index: Any) -> EventColumns:
        """Some of the records; the parts stay."""
        return EventColumns(self.parts, {name: column[index] for name, column in self.columns.items()})

    def events(self, source: str) -> Iterator[Event]:
        """The records as whole events."""
        rows = zip(*(self.columns[name].tolist() for name in COLUMNS), strict=True)
        for what, who, where, *own in rows:
            yield self.parts.event((what, who, where), *own, source)


def joined(parts: Sequence[EventColumns]) -> EventColumns:
    """Several pieces as one."""
    some = [part for part in parts if len(part)]
    if not some:
        return EventColumns()
    if any(part.parts is not some[0].parts for part in some):
        some = _under_one(some)
    return EventColumns(
        some[0].parts, {name: np.concatenate([part.columns[name] for part in some]) for name in COLUMNS}
    )


def _under_one(pieces: Sequence[EventColumns]) -> list[EventColumns]:
    """Pieces that number their parts differently, with the numbers of one table."""
    table, numbers, out = Parts(), dict[int, Numbers](), []
    for piece in pieces:
        new = numbers.setdefault(id(piece.parts), Numbers())
        new.learn(piece.parts, table)
        codes = new.of(*(piece.columns[name] for name in PARTS))
        out.append(EventColumns(table, {**piece.columns, **dict(zip(PARTS, codes, strict=True))}))
    return out
