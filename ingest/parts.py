"""An event's parts: what was done, by whom, and where. Each repeats by itself even where the three together do not.

Who works on a hundred resources writes a hundred different records, but of one who, a few whats and a hundred
wheres that others touch as well. So parts are kept once, under numbers, and a record is three of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from ingest.records import Event

MAX_PARTS = 200_000  # that a reader remembers, or a router; then they begin anew

_pack = msgspec.msgpack.Encoder(order="deterministic").encode


class What(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was done, and how it ended. The fields are those of `ingest.records.Event`."""

    layer: str
    operation: str
    outcome: str
    details: dict[str, Any] = {}


class Who(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who did it, and from which address."""

    principal: str = ""
    name: str = ""
    kind: str = ""
    application: str = ""
    address: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    listed: tuple[str, ...] = ()


class Where(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What it was done to, and by what client."""

    resource: str = ""
    vault: str = ""
    item: str = ""
    client: str = ""
    region: str = ""
    subscription: str = ""


class Codes(NamedTuple):
    """The numbers of an event's parts."""

    what: int
    who: int
    where: int


def taken_apart(event: Event) -> tuple[What, Who, Where]:
    """An event's parts."""
    return (
        What(event.layer, event.operation, event.outcome, event.details),
        Who(
            event.principal,
            event.name,
            event.kind,
            event.application,
            event.address,
            event.country,
            event.latitude,
            event.longitude,
            event.listed,
        ),
        Where(event.resource, event.vault, event.item, event.client, event.region, event.subscription),
    )


def put_together(
    what: What,
    who: Who,
    where: Where,
    at_us: int = 0,
    uid: int = 0,
    operation_id: int = 0,
    offset: int = 0,
    source: str = "",
) -> Event:
    """The event of some parts."""
    return Event(
        at_us,
        what.layer,
        what.operation,
        what.outcome,
        who.principal,
        who.name,
        who.kind,
        who.application,
        who.address,
        where.resource,
        where.vault,
        where.item,
        where.client,
        where.region,
        where.subscription,
        operation_id,
        what.details,
        uid,
        source,
        offset,
        who.country,
        who.latitude,
        who.longitude,
        who.listed,
    )


def packed_details(details: dict[str, Any]) -> bytes:
    """Details as what they can be compared by: 1 and True are not the same."""
    return _pack(details) if details else b""


class Parts:
    """Parts by their numbers, which go up from 0; equal ones have one."""

    def __init__(self) -> None:
        self.whats: list[What] = []
        self.whos: list[Who] = []
        self.wheres: list[Where] = []
        self._whats: dict[Any, int] = {}
        self._whos: dict[Who, int] = {}
        self._wheres: dict[Where, int] = {}

    def __len__(self) -> int:
        return len(self.whats) + len(self.whos) + len(self.wheres)

    def what(self, part: What) -> int:
        """A part's number."""
        key = part.layer, part.operation, part.outcome, packed_details(part.details)
        return _number(self._whats, key, self.whats, part)

    def who(self, part: Who) -> int:
        """A part's number."""
        return _number(self._whos, part, self.whos, part)

    def another_who(self, part: Who) -> int:
        """A number of its own, by which alone it is found."""
        self.whos.append(part)
        return len(self.whos) - 1

    def where(self, part: Where) -> int:
        """A part's number."""
        return _number(self._wheres, part, self.wheres, part)

    def extend(self, whats: list[What], whos: list[Who], wheres: list[Where]) -> None:
        """Take parts that another process has numbered so; they are not looked for here."""
        self.whats += whats
        self.whos += whos
        self.wheres += wheres

    def of(self, event: Event) -> Codes:
        """The numbers of an event's parts."""
        what, who, where = taken_apart(event)
        return Codes(self.what(what), self.who(who), self.where(where))

    def event(self, codes: Iterable[int], *rest: Any) -> Event:
        """The event of some parts' numbers; the rest is `put_together`'s."""
        what, who, where = codes
        return put_together(self.whats[what], self.whos[who], self.wheres[where], *rest)


def _number(known: dict[Any, int], key: Any, parts: list[Any], part: Any) -> int:
    number = known.setdefault(key, len(parts))
    if number == len(parts):
        parts.append(part)
    return number


class Numbers:
    """Other numbers for those of three lists of parts, in growing arrays: NumPy's take fifty times as long to write
    one value to.
    """

    def __init__(self) -> None:
        self.whats, self.whos, self.wheres = array("i"), array("i"), array("i")

    def learn(self, parts: Parts, other: Parts) -> None:
        """What the parts are in another table, from the first one on that is not known yet."""
        self.whats.extend(map(other.what, parts.whats[len(self.whats) :]))
        self.whos.extend(map(other.who, parts.whos[len(self.whos) :]))
        self.wheres.extend(map(other.where, parts.wheres[len(self.wheres) :]))

    def of(self, what: Any, who: Any, where: Any) -> tuple[npt.NDArray[np.int32], ...]:
        """The other numbers."""
        both = (self.whats, what), (self.whos, who), (self.wheres, where)
        return tuple(np.frombuffer(known, np.int32)[codes] if len(known) else codes for known, codes in both)

    def columns(self) -> dict[str, npt.NDArray[np.int32]]:
        """All of the other numbers."""
        both = {"what": self.whats, "who": self.whos, "where": self.wheres}
        return {name: np.array(numbers, np.int32) for name, numbers in both.items()}

    def renumbered(self, new: Numbers) -> Numbers:
        """Where the other table has new numbers."""
        out = Numbers()
        for column, codes in zip(
            (out.whats, out.whos, out.wheres), new.of(*self.columns().values()), strict=True
        ):
            column.extend(codes.tolist())
        return out
