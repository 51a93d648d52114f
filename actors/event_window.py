"""An entity's open hour of events, kept so that the order of arrival leaves no trace.

Equal events of a five-minute slot become one `Act` with a count. The start and end records of one
control-plane operation become one event with the final outcome. A flood is bounded by keeping the acts
with the smallest hashes (a bottom-k sample: Cohen and Kaplan, 2007), which no order of arrival changes.
"""

from __future__ import annotations

from bisect import insort
from hashlib import blake2b
from typing import Any

import msgspec

from detections.view import Act
from ingest.records import DENIED, FAILURE, MANAGEMENT, STARTED, SUCCESS, Event

SLOT_US = 5 * 60 * 1_000_000
MAX_ACTS = 20_000  # different acts kept of one entity's hour
MAX_RECORDS = 8  # of one operation that are looked at; all are counted
MAX_SEEN = 200_000  # deliveries remembered to recognise a second one

_RANK = {STARTED: 0, SUCCESS: 1, FAILURE: 2, DENIED: 3}
_JOINED = ("principal", "name", "kind", "application", "address", "client", "region")
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Operation(msgspec.Struct, array_like=True):
    """The records of one control-plane operation: its earliest ones, and how many there were."""

    events: list[Event]  # by time, at most MAX_RECORDS
    starts: int = 0
    ends: int = 0

    def add(self, event: Event) -> None:
        """Take one more record of the operation in."""
        insort(self.events, event, key=_age)
        del self.events[MAX_RECORDS:]
        self.starts += event.outcome == STARTED
        self.ends += event.outcome != STARTED

    def joined(self) -> Event:
        """All records as one event: the first one's time and position, the worst final outcome.

        What the final record does not say, the earlier ones do.
        """
        early = self.events[0]
        if len(self.events) == 1:
            return early
        final = max(self.events, key=lambda event: (_RANK.get(event.outcome, 0), *_age(event)))
        told = [final, *self.events]
        filled = {name: next((v for event in told if (v := getattr(event, name))), "") for name in _JOINED}
        details: dict[str, Any] = {}
        for event in self.events:
            details.update(event.details)
        return msgspec.structs.replace(early, outcome=final.outcome, details=details, **filled)


def _age(event: Event) -> tuple[int, int]:
    return event.at_us, event.uid


def act_key(event: Event) -> tuple[Any, ...]:
    """What makes two events of one slot the same act."""
    return (
        event.at_us // SLOT_US,
        event.operation,
        event.outcome,
        event.principal,
        event.application,
        event.address,
        event.resource,
        event.vault,
        event.item,
        event.client,
        _encode(event.details) if event.details else b"",
    )


class EventWindow:
    """The acts of one entity's open hour."""

    __slots__ = ("acts", "ceiling", "operations", "seen")

    def __init__(self) -> None:
        self.acts: dict[tuple[Any, ...], Act] = {}
        self.operations: dict[str, Operation] = {}
        self.seen: set[int] = set()
        self.ceiling: int | None = None  # acts whose hash is above are not kept (a flood)

    def add(self, event: Event) -> bool:
        """Take an event in; False if it is a second delivery of one that is in."""
        if event.uid in self.seen:
            return False
        if len(self.seen) < MAX_SEEN:
            self.seen.add(event.uid)
        if event.layer == MANAGEMENT and event.operation_id:
            self.operations.setdefault(event.operation_id, Operation([])).add(event)
        else:
            self._act(event, 1)
        return True

    def _act(self, event: Event, count: int) -> None:
        key = act_key(event)
        act = self.acts.get(key)
        if act is not None:
            act.count += count
            act.last_us = max(act.last_us, event.at_us)
            if (event.at_us, event.uid) < (act.first_us, act.event.uid):
                act.event, act.first_us = event, event.at_us
        elif self.ceiling is None or _hash(key) <= self.ceiling:
            self.acts[key] = Act(event, count, event.at_us, event.at_us)
            if len(self.acts) > 2 * MAX_ACTS:
                self._thin()

    def _thin(self) -> None:
        """Keep the acts with the smallest hashes."""
        if len(self.acts) <= MAX_ACTS:
            return
        self.ceiling = sorted(map(_hash, self.acts))[MAX_ACTS - 1]
        self.acts = {key: act for key, act in self.acts.items() if _hash(key) <= self.ceiling}

    def close(self, unfinished: set[str]) -> tuple[list[Act], set[str]]:
        """The hour's acts in time order, and the operations that have a start and no end yet.

        `unfinished` are those of the hour before: an end of one of them was counted with its start.
        """
        open_now = set()
        for name, operation in sorted(self.operations.items()):
            if not operation.starts and name in unfinished:
                continue
            if not operation.ends:
                open_now.add(name)
            self._act(operation.joined(), max(operation.starts, operation.ends))
        self.operations.clear()
        self._thin()
        return sorted(self.acts.values(), key=lambda act: (act.first_us, act.event.uid)), open_now

    def state(self) -> list[Any]:
        """The window as MessagePack values; it is saved while its hour is open."""
        return [list(self.acts.values()), list(self.operations.items()), sorted(self.seen), self.ceiling]

    @classmethod
    def restore(cls, state: list[Any]) -> EventWindow:
        """The window with that state."""
        acts, operations, seen, ceiling = state
        window = cls()
        window.acts = {act_key(act.event): act for act in msgspec.convert(acts, list[Act])}
        window.operations = {name: msgspec.convert(value, Operation) for name, value in operations}
        window.seen = set(seen)
        window.ceiling = ceiling
        return window


def _hash(key: tuple[Any, ...]) -> int:
    return int.from_bytes(blake2b(_encode(key), digest_size=8).digest(), "big")
