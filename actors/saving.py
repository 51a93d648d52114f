"""The shards' and the aggregator's side of a checkpoint: what they write, and how they begin again from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from actors import aggregator_state, shard_state
from actors.aggregator import Aggregator
from actors.keys import GROUPS, groups_of
from actors.shard import Shard

SHARD, AGGREGATOR, LASTING = "shard", "aggregator", "lasting"  # kinds of parts


class Part(Protocol):
    """A file of a checkpoint; it has something of the key groups low <= group < high."""

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
            shard.load(shard_state.unpack(store.read(part)), owned, closed_until)
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
            aggregator.load(store.read(part))


def still_needed(parts: Sequence[Any], before: int, now: int) -> list[Any]:
    """What of the checkpoint before counts beside what was written now, by numbers of shards.

    Shards that were moved have written all that they have.
    """
    return [part for part in parts if part.kind != LASTING and (part.kind != SHARD or before == now)]


def compact(store: Store, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any:
    """Several parts, one after the other in time and of the same key groups, as one. `whole`: the first ones of all."""
    first = parts[0]
    body = _MERGED[first.kind](map(store.read, parts), closed_until, whole)
    return store.write(name, body, first.kind, first.low, first.high)


def _merged_shard(bodies: Any, closed_until: int, whole: bool) -> bytes:
    return shard_state.pack(shard_state.merged(map(shard_state.unpack, bodies), closed_until, whole))


def _merged_aggregator(bodies: Any, closed_until: int, whole: bool) -> bytes:
    return aggregator_state.pack(aggregator_state.merged(map(aggregator_state.unpack, bodies), whole))


_MERGED: dict[str, Callable[[Any, int, bool], bytes]] = {
    SHARD: _merged_shard,
    AGGREGATOR: _merged_aggregator,
}
