"""What a shard knows of the parts of events that it was told: which acts, groups and entities they make."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from actors.keys import entity_key
from actors.messages import PRINCIPAL, SIGNED_IN, VAULT, Told
from ingest.event_columns import PARTS
from ingest.parts import Numbers, Parts, What, packed_details, put_together, taken_apart
from ingest.records import DENIED, FAILURE, STARTED, SUCCESS, Event

Ints = npt.NDArray[Any]
Columns = Mapping[str, Ints] | npt.NDArray[np.void]

# What a shard keeps windows of, by what an event's owners say; and the kind of entity whose they are.
KINDS = {"principal": PRINCIPAL, "vault": VAULT, "sign_in": SIGNED_IN}
ENTITIES = {"principal": "principal", "vault": "vault", "sign_in": "principal"}
_RANK = {STARTED: 0, SUCCESS: 1, FAILURE: 2, DENIED: 3}
_JOINED = ("principal", "name", "kind", "application", "address", "client", "region")
_UNKNOWN = -1  # an entity's number, until somebody asks
_MOST = 1 << 62


def window_key(kind: str, event: Event) -> str:
    """The key of the entity in whose window of a kind an event belongs."""
    entity = ENTITIES[kind]
    return entity_key(entity, getattr(event, entity))


def act_key(event: Event) -> tuple[Any, ...]:
    """What makes two events of one slot the same act."""
    what, who, where = taken_apart(event)
    return (
        what.operation,
        what.outcome,
        *_of_who(who),
        *_of_where(where),
        packed_details(what.details),
    )


def _of_what(what: What) -> tuple[Any, ...]:
    return what.operation, what.outcome, packed_details(what.details)


def _of_who(who: Any) -> tuple[str, ...]:
    return who.principal, who.application, who.address


def _of_where(where: Any) -> tuple[str, ...]:
    return where.resource, where.vault, where.item, where.client


class _Column:
    """A number for each part of a kind: parts that say the same of something have the same."""

    def __init__(self, says: Callable[[Any], Any]) -> None:
        self._says = says
        self._known: dict[Any, int] = {}
        self.numbers = array("i")

    def learn(self, parts: Sequence[Any]) -> None:
        known = self._known
        for part in parts[len(self.numbers) :]:
            self.numbers.append(known.setdefault(self._says(part), len(known)))

    def of(self, codes: Ints) -> Ints:
        return np.frombuffer(self.numbers, np.int32)[codes] if len(codes) else np.empty(0, np.int32)

    def __len__(self) -> int:
        return len(self._known)


class PartTable:
    """Parts by number. Entities keep their numbers; parts get new ones when those not needed are dropped."""

    def __init__(self) -> None:
        self.entities: list[str] = []  # keys
        self._entity: dict[str, int] = {}
        self._start_over()

    def _start_over(self) -> None:
        self.parts = Parts()
        self._acts = _Column(_of_what), _Column(_of_who), _Column(_of_where)
        self._vaults = _Column(lambda where: where.vault)
        self._owners = {entity: array("i") for entity in set(ENTITIES.values())}
        self._joined: dict[tuple[int, int], int] = {}
        self._joined_all: dict[tuple[tuple[int, int, int], ...], tuple[int, int, int]] = {}

    def __len__(self) -> int:
        return len(self.parts)

    # Entities

    def entity_of(self, key: str) -> int:
        """An entity's number, for ever."""
        number = self._entity.setdefault(key, len(self.entities))
        if number == len(self.entities):
            self.entities.append(key)
        return number

    def owners(self, kind: str, rows: Columns) -> Ints:
        """The numbers of the entities of a kind whose records the rows are."""
        kind = ENTITIES[kind]
        codes = rows["who" if kind == "principal" else "where"]
        if not len(codes):
            return np.empty(0, np.int32)
        named: Sequence[Any] = self.parts.whos if kind == "principal" else self.parts.wheres
        known = self._owners[kind]
        known.extend([_UNKNOWN] * (len(named) - len(known)))
        numbers = np.frombuffer(known, np.int32)
        for code in np.unique(codes[numbers[codes] == _UNKNOWN]).tolist():
            known[code] = self.entity_of(entity_key(kind, getattr(named[code], kind)))
        return numbers[codes]

    # Parts

    def take(self, told: Told, numbers: Numbers) -> None:
        """Take in parts that a router tells of; adds ours to the numbers."""
        numbers.whats.extend(map(self.parts.what, told.whats))
        numbers.whos.extend(map(self.parts.who, told.whos))
        numbers.wheres.extend(map(self.parts.where, told.wheres))

    def acts(self, rows: Columns, slots: Ints, most: int) -> Ints:
        """Numbers that are the same for rows of one act; there are so many slots at most."""
        for column, parts in zip(self._acts, self._lists(), strict=True):
            column.learn(parts)
        numbers = [column.of(rows[name]) for column, name in zip(self._acts, PARTS, strict=True)]
        return combined([*numbers, slots], [*map(len, self._acts), most])

    def act_codes(self, rows: Columns) -> list[tuple[int, int, int]]:
        """What makes each row's act, beside its slot: numbers that stay as long as parts keep theirs."""
        for column, parts in zip(self._acts, self._lists(), strict=True):
            column.learn(parts)
        codes = (column.of(rows[name]).tolist() for column, name in zip(self._acts, PARTS, strict=True))
        return list(zip(*codes, strict=True))

    def groups(self, rows: Columns) -> Ints:
        """Numbers that are the same for rows of one group: `detections.view.group_key`."""
        self._vaults.learn(self.parts.wheres)
        what, who = rows["what"], rows["who"]
        sizes = len(self.parts.whats), len(self.parts.whos), len(self._vaults)
        return combined([what, who, self._vaults.of(rows["where"])], sizes)

    def shapes(self, tables: Sequence[Columns]) -> tuple[list[list[int]], Ints]:
        """The different three numbers of parts in some tables, and the place among them of each row."""
        columns = [np.concatenate([rows[name] for rows in tables]) for name in PARTS]
        numbers = combined(columns, [len(parts) for parts in self._lists()])
        _, first, which = np.unique(numbers, return_index=True, return_inverse=True)
        return np.stack(columns, axis=1)[first].tolist(), which

    def starts(self, rows: Columns) -> Any:
        """Which of the rows are the start of an operation."""
        started = np.fromiter((what.outcome == STARTED for what in self.parts.whats), bool)
        return started[rows["what"]]

    def _lists(self) -> tuple[Sequence[Any], ...]:
        return self.parts.whats, self.parts.whos, self.parts.wheres

    # Operations

    def joined_what(self, first: int, second: int) -> int:
        """What was done in an operation with such two records, in the order of time, of one who and where."""
        if (first, second) not in self._joined:
            events = [put_together(self.parts.whats[code], *_NOBODY) for code in (first, second)]
            self._joined[first, second] = self.parts.what(taken_apart(_join(events))[0])
        return self._joined[first, second]

    def joined(self, records: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
        """The numbers of the parts of a control-plane operation with such records, in the order of time.

        It has the worst final outcome. What the final record does not say, the earlier ones do.
        """
        key = tuple(records)
        if key not in self._joined_all:
            self._joined_all[key] = self.parts.of(_join([self.parts.event(codes) for codes in key]))
        return self._joined_all[key]

    # Room

    def keep(self, needed: Iterable[Columns]) -> Numbers:
        """Drop all parts but those needed; gives the new numbers of old ones."""
        old, numbers, needed = self._lists(), Numbers(), list(needed)
        self._start_over()
        adds: Any = self.parts.what, self.parts.who, self.parts.where
        for name, parts, add, new in zip(
            PARTS, old, adds, (numbers.whats, numbers.whos, numbers.wheres), strict=True
        ):
            new.extend([-1] * len(parts))
            for code in np.unique(np.concatenate([rows[name] for rows in needed])).tolist():
                new[code] = add(parts[code])
        return numbers


_NOBODY = taken_apart(Event(at_us=0, layer="", operation="", outcome=""))[1:]


def combined(columns: Sequence[Ints], sizes: Sequence[int]) -> Ints:
    """One number for several of a row, each below its size: the same for rows alike in all, and for no others."""
    numbers, size = columns[0].astype(np.int64), max(1, sizes[0])
    for column, more in zip(columns[1:], sizes[1:], strict=True):
        if size * max(1, more) >= _MOST:
            known, numbers = np.unique(numbers, return_inverse=True)
            size = len(known)
        numbers = numbers * max(1, more) + column
        size *= max(1, more)
    return numbers


def _join(events: list[Event]) -> Event:
    last = max(range(len(events)), key=lambda at: (_RANK.get(events[at].outcome, 0), at))
    told = [events[last], *events]
    filled = {name: next((v for event in told if (v := getattr(event, name))), "") for name in _JOINED}
    details: dict[str, Any] = {}
    for event in events:
        details.update(event.details)
    return msgspec.structs.replace(events[0], outcome=events[last].outcome, details=details, **filled)
