"""The shards' and the aggregator's side of a checkpoint: what they write, and how they begin again from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from actors import aggregator_state, shard_state
from actors.aggregator import Aggregator
from actors.keys import GROUPS, groups_of
from actors.shard import Shard
from ingest.records import Rejected

SHARD, AGGREGATOR, LASTING, REJECTED = "shard", "aggregator", "lasting", "rejected"  # kinds of parts
TOLD = "told"  # what telemetry told of who holds which address, and what waits for it: replaced as a whole
FEEDS = "feeds"  # what the driver keeps of threat intelligence: one part, replaced as a whole
T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode
_rejected = msgspec.msgpack.Decoder(list[Rejected])


class PartError(ValueError):
    """A part that is whole and still can't be used; the text begins with its name."""


class Part(Protocol):
    """A file of a checkpoint; it has something of the key groups low <= group < high."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...


class Store(Protocol):
    """Where parts are written to."""

    def write(self, name: str, body: bytes, kind: str = "", low: int = 0, high: int = GROUPS) -> Any:
        """The part that was written."""

    def read(self, part: Any) -> bytes:
        """Its body."""


def write_shard(store: Store, prefix: str, shard: Shard) -> list[Any]:
    """Write what changed in a shard; the part, if anything did."""
    changes = shard.changes()
    if not len(changes):
        return []
    owned = groups_of(shard.index, shard.settings.shards)
    name = f"{prefix}-shard-{shard.index:04d}"
    return [store.write(name, shard_state.pack(changes), SHARD, owned.start, owned.stop)]


def read_shard(
    store: Store, parts: Sequence[Any], shard: Shard, closed_until: int, population: Any, moved: bool
) -> None:
    """Begin again from the parts. `moved`: they were written by another number of shards."""
    owned = groups_of(shard.index, shard.settings.shards)
    for part in parts:
        if part.kind == SHARD and part.low < owned.stop and owned.start < part.high:
            _use(store, part, lambda body: shard.load(shard_state.unpack(body), owned, closed_until))
    shard.begin(population)
    if moved:
        shard.mark()


def write_aggregator(store: Store, prefix: str, aggregator: Aggregator, lasting: bool) -> list[Any]:
    """Write what changed in the aggregator, and what later runs need if this one is at its end."""
    written = [store.write(f"{prefix}-aggregator", aggregator.changes(), AGGREGATOR)]
    if lasting:
        written.append(store.write(f"{prefix}-lasting", aggregator.lasting(), LASTING))
    return written


def read_aggregator(store: Store, parts: Sequence[Any], aggregator: Aggregator) -> None:
    """Begin again from the parts."""
    for part in parts:
        if part.kind == AGGREGATOR:
            _use(store, part, aggregator.load)


def write_rejected(store: Store, prefix: str, rejected: Sequence[Rejected]) -> list[Any]:
    """Write what a run has newly told of; the part, if there is anything."""
    return [store.write(f"{prefix}-{REJECTED}", _encode(list(rejected)), REJECTED)] if rejected else []


def read_rejected(store: Store | None, parts: Sequence[Any]) -> list[Rejected]:
    """All that the run has told of."""
    told = []
    for part in parts if store is not None else ():
        if part.kind == REJECTED:
            told += _use(store, part, _unpack_rejected)
    return told


def _unpack_rejected(body: bytes) -> list[Rejected]:
    try:
        return _rejected.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"no list of rejected records ({error})") from None


def _use(store: Any, part: Any, use: Callable[[bytes], T]) -> T:
    """Do something with a part's body. Raises PartError for one that can't be used."""
    body = store.read(part)
    try:
        return use(body)
    except ValueError as error:
        raise PartError(f"{part.name}: {error}") from None


def still_needed(parts: Sequence[Any], before: int, now: int) -> list[Any]:
    """What of the checkpoint before counts beside what was written now, by numbers of shards.

    Shards that were moved have written all that they have.
    """
    return [part for part in parts if part.kind != LASTING and (part.kind != SHARD or before == now)]


def compact(store: Store, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any:
    """Several parts, one after the other in time and of the same key groups, as one. `whole`: the first ones of all."""
    first = parts[0]
    unpack, merged = MERGED[first.kind]
    body = merged((_use(store, part, unpack) for part in parts), closed_until, whole)
    return store.write(name, body, first.kind, first.low, first.high)


def _merged_shard(parts: Any, closed_until: int, whole: bool) -> bytes:
    return shard_state.pack(shard_state.merged(parts, closed_until, whole))


def _merged_aggregator(parts: Any, closed_until: int, whole: bool) -> bytes:
    return aggregator_state.pack(aggregator_state.merged(parts, whole))


def _merged_rejected(parts: Any, closed_until: int, whole: bool) -> bytes:
    return _encode([one for part in parts for one in part])


# Kinds of which several may become one: how a body is read, and how what was read is made one body.
MERGED: dict[str, tuple[Callable[[bytes], Any], Callable[[Any, int, bool], bytes]]] = {
    SHARD: (shard_state.unpack, _merged_shard),
    AGGREGATOR: (aggregator_state.unpack, _merged_aggregator),
    REJECTED: (_unpack_rejected, _merged_rejected),
}
