"""What a shard knows of the shapes that it was told: which act, group and entity each one's records belong to."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from actors.keys import entity_key
from actors.messages import COUNTED, PRINCIPAL, VAULT
from detections.view import group_key
from ingest.records import DENIED, FAILURE, STARTED, SUCCESS, Event

Ints = npt.NDArray[np.int64]

KINDS = {"principal": PRINCIPAL, "vault": VAULT}
_RANK = {STARTED: 0, SUCCESS: 1, FAILURE: 2, DENIED: 3}
_JOINED = ("principal", "name", "kind", "application", "address", "client", "region")
_pack = msgspec.msgpack.Encoder(order="deterministic").encode
# What is known of each shape, in growing arrays: NumPy's take fifty times as long to write one value to. `principal`
# and `vault` are numbers of entities, -1 where this shard does not own them; `counted` is the kind in whose window
# the record is counted, 0 = elsewhere.
_ABOUT = {"act": "i", "group": "i", "principal": "i", "vault": "i", "counted": "b", "starts": "b"}


def act_key(event: Event) -> tuple[Any, ...]:
    """What makes two events of one slot the same act."""
    return (
        event.operation,
        event.outcome,
        event.principal,
        event.application,
        event.address,
        event.resource,
        event.vault,
        event.item,
        event.client,
        _pack(event.details) if event.details else b"",
    )


class ShapeTable:
    """Shapes by number. Entities keep their numbers; shapes get new ones when those not needed are dropped."""

    def __init__(self) -> None:
        self.entities: list[str] = []  # keys
        self._entity: dict[str, int] = {}
        self.clear()

    def clear(self) -> None:
        """Forget all shapes."""
        self.shapes: list[Event] = []
        self.owners: list[int] = []
        self._about = {field: array(kind) for field, kind in _ABOUT.items()}
        self._acts: dict[tuple[Any, ...], int] = {}
        self._groups: dict[tuple[Any, ...], int] = {}
        self._joined: dict[tuple[int, ...], int] = {}

    def __len__(self) -> int:
        return len(self.shapes)

    def entity(self, kind: str, id_: str) -> int:
        """An entity's number, for ever."""
        return self.entity_of(entity_key(kind, id_))

    def entity_of(self, key: str) -> int:
        """The same by its key."""
        number = self._entity.setdefault(key, len(self.entities))
        if number == len(self.entities):
            self.entities.append(key)
        return number

    def add(self, shape: Event, owners: int) -> int:
        """A shape's number."""
        number = len(self.shapes)
        self.shapes.append(shape)
        self.owners.append(owners)
        counted = (PRINCIPAL if owners & PRINCIPAL else VAULT) if owners & COUNTED else 0
        values = (
            self._acts.setdefault(act_key(shape), len(self._acts)),
            self._groups.setdefault(group_key(shape), len(self._groups)),
            self.entity("principal", shape.principal) if owners & PRINCIPAL else -1,
            self.entity("vault", shape.vault) if owners & VAULT else -1,
            counted,
            shape.outcome == STARTED,
        )
        for column, value in zip(self._about.values(), values, strict=True):
            column.append(value)
        return number

    def about(self, field: str, shapes: npt.NDArray[Any]) -> Any:
        """A field of `_ABOUT` for each shape."""
        return np.frombuffer(self._about[field], self._about[field].typecode)[shapes]

    # Operations

    def joined(self, shapes: Sequence[int]) -> int:
        """The shape of a control-plane operation with such records, in the order of time.

        It has the worst final outcome. What the final record does not say, the earlier ones do.
        """
        key = tuple(shapes)
        if key not in self._joined:
            events = [self.shapes[number] for number in key]
            joined = _join(events)
            self._joined[key] = key[0] if joined == events[0] else self.add(joined, self.owners[key[0]])
        return self._joined[key]

    # Room

    def keep(self, needed: Iterable[npt.NDArray[Any]]) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
        """Drop all shapes but those needed; gives what makes new numbers of old ones."""
        numbers = np.unique(np.concatenate([np.empty(0, np.int64), *needed])).tolist()
        shapes, owners = self.shapes, self.owners
        self.clear()
        new = np.full(len(shapes), -1, np.int32)
        for number in numbers:
            new[number] = self.add(shapes[number], owners[number])
        return lambda column: new[column]


def _join(events: list[Event]) -> Event:
    last = max(range(len(events)), key=lambda at: (_RANK.get(events[at].outcome, 0), at))
    told = [events[last], *events]
    filled = {name: next((v for event in told if (v := getattr(event, name))), "") for name in _JOINED}
    details: dict[str, Any] = {}
    for event in events:
        details.update(event.details)
    return msgspec.structs.replace(events[0], outcome=events[last].outcome, details=details, **filled)
