"""What a shard's state looks like in a checkpoint: only what changed since the one before, by key group.

Parts are applied in the order in which they were written. Of entities and resources the last word holds; of the
open hours' records each part has some, and taking them in twice over several windows gives the same hour. A part
tells for everything in it which key group it belongs to, so that any number of shards can share it out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from actors.keys import GROUPS
from actors.marks import Word
from actors.shard_checks import EVENT_COLUMNS as EVENT_COLUMNS
from actors.shard_checks import check
from ingest.records import Event

VERSION = 3
ALL = range(GROUPS)
Columns = dict[str, npt.NDArray[Any]]
Packed = list[tuple[str, bytes]]  # name and octets of each column
SavedTable = tuple[str, int, bytes, bytes]  # name, version, which of the resources, their rows


class EntityChange(msgspec.Struct, array_like=True):
    """A principal's or vault's state, as `EntityState.pack` writes it; None: it was forgotten."""

    group: int
    key: str
    packed: bytes | None
    unfinished: list[int] = []
    recent_hour: int = 0
    recent: bytes = b""  # acts and operations of that hour, packed: of use to the hour after it alone


class ResourceRows(msgspec.Struct, array_like=True):
    """Resources as columns; what is not met any more was forgotten."""

    ids: list[str] = []
    groups: bytes = b""  # <i2
    about: bytes = b""
    tables: list[SavedTable] = []
    others: list[tuple[int, str, Any]] = []  # models that are no columns: resource, name, model
    words: list[tuple[int, list[Word]]] = []  # what the latest findings of a resource held back


class TrafficRows(msgspec.Struct, array_like=True):
    """Connections of an open hour."""

    hour: int
    names: list[tuple[str, int]]  # resources: id, and start in the inventory
    groups: bytes
    sources: list[tuple[int, str]]
    columns: Packed


class EventRows(msgspec.Struct, array_like=True):
    """Records of an open hour for one kind of entity. `shape` is a place in `told`, `whose` one in `keys`."""

    hour: int
    kind: str
    told: list[tuple[Event, int]]
    sources: list[tuple[int, str]]
    acts: Packed
    records: Packed
    again: Packed  # second deliveries, which may lie further ahead in a source
    keys: list[str]
    seen: bytes  # <u8, uids
    whose: bytes  # <i4


class Changes(msgspec.Struct, array_like=True):
    """All of it."""

    version: int = VERSION
    entities: list[EntityChange] = []
    resources: list[ResourceRows] = []
    traffic: list[TrafficRows] = []
    events: list[EventRows] = []

    def __len__(self) -> int:
        return len(self.entities) + len(self.resources) + len(self.traffic) + len(self.events)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Changes)


def pack(changes: Changes) -> bytes:
    """A part's body."""
    return _encode(changes)


def unpack(body: bytes) -> Changes:
    """The changes again. Raises ValueError, with a reason, for what is no part of this version."""
    try:
        changes = _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        _check_version(body)
        raise ValueError(f"no state of a shard ({error})") from None
    if changes.version != VERSION:
        raise ValueError(f"shard state of version {changes.version}; this Redshank reads {VERSION}")
    try:
        check(changes)
    except ValueError as error:
        raise ValueError(f"no state of a shard: {error}") from None
    return changes


class _Versioned(msgspec.Struct, array_like=True):
    version: int


_versioned = msgspec.msgpack.Decoder(_Versioned)


def _check_version(body: bytes) -> None:
    """A later version's part need not have the fields of this one's; it is still to be called what it is."""
    try:
        version = _versioned.decode(body).version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if version > VERSION:
        raise ValueError(f"shard state of version {version}; this Redshank reads {VERSION}")


def packed(columns: Columns) -> Packed:
    """Columns as octets."""
    return [(name, np.ascontiguousarray(column).tobytes()) for name, column in columns.items()]


def unpacked(columns: Packed, kinds: dict[str, Any]) -> Columns:
    """The columns again, which may be written to."""
    return {name: np.frombuffer(octets, kinds[name]).copy() for name, octets in columns}


def merged(parts: Iterable[Changes], closed_until: int, whole: bool) -> Changes:
    """Several parts as one. Hours before `closed_until` are closed: their records are not needed any more.

    `whole`: nothing stands before these parts, so that what was forgotten need not be remembered as such.
    """
    entities: dict[str, EntityChange] = {}
    out = Changes()
    for part in parts:
        for entity in part.entities:
            entities.pop(entity.key, None)
            entities[entity.key] = entity
        out.resources += part.resources
        out.traffic += [rows for rows in part.traffic if rows.hour >= closed_until]
        out.events += [rows for rows in part.events if rows.hour >= closed_until]
    for entity in entities.values():
        if entity.recent_hour < closed_until - 1:
            entity.recent_hour, entity.recent = 0, b""
    out.entities = [one for one in entities.values() if not whole or one.packed is not None]
    out.resources = _latest(out.resources)
    return out


def _latest(blocks: list[ResourceRows]) -> list[ResourceRows]:
    """One block with the last word on each resource."""
    if len(blocks) < 2:
        return blocks
    last: dict[str, tuple[int, int]] = {}
    for at, block in enumerate(blocks):
        for place, id_ in enumerate(block.ids):
            last[id_.lower()] = at, place
    chosen: list[list[int]] = [[] for _ in blocks]
    for at, place in last.values():
        chosen[at].append(place)
    return [
        _joined(
            [
                _some(block, np.array(sorted(rows), np.int64))
                for block, rows in zip(blocks, chosen, strict=True)
            ]
        )
    ]


def _some(block: ResourceRows, places: npt.NDArray[np.int64]) -> ResourceRows:
    number = len(block.ids)
    if len(places) == number:
        return block
    new = np.full(number, -1, np.int64)
    new[places] = np.arange(len(places))
    tables = []
    for name, version, has, rows in block.tables:
        mask = np.frombuffer(has, bool)
        kept = np.zeros(number, bool)
        kept[places] = True
        width = len(rows) // max(1, int(mask.sum()))
        table = np.frombuffer(rows, f"V{width}") if width else np.empty(0, "V1")
        tables.append((name, version, mask[places].tobytes(), table[kept[mask]].tobytes()))
    about = np.frombuffer(block.about, f"V{len(block.about) // number}")
    return ResourceRows(
        [block.ids[place] for place in places.tolist()],
        np.frombuffer(block.groups, "<i2")[places].tobytes(),
        about[places].tobytes(),
        tables,
        [(int(new[at]), name, model) for at, name, model in block.others if new[at] >= 0],
        [(int(new[at]), words) for at, words in block.words if new[at] >= 0],
    )


def _joined(blocks: list[ResourceRows]) -> ResourceRows:
    out = ResourceRows(
        [id_ for block in blocks for id_ in block.ids],
        b"".join(block.groups for block in blocks),
        b"".join(block.about for block in blocks),
    )
    first = 0
    has: dict[tuple[str, int], list[bytes]] = {}
    rows: dict[tuple[str, int], list[bytes]] = {}
    kinds = sorted({(name, version) for block in blocks for name, version, _, _ in block.tables})
    for block in blocks:
        tables = {(name, version): (mask, some) for name, version, mask, some in block.tables}
        for kind in kinds:
            mask, some = tables.get(kind, (bytes(len(block.ids)), b""))
            has.setdefault(kind, []).append(mask)
            rows.setdefault(kind, []).append(some)
        out.others += [(first + at, name, model) for at, name, model in block.others]
        out.words += [(first + at, words) for at, words in block.words]
        first += len(block.ids)
    out.tables = [(*kind, b"".join(has[kind]), b"".join(rows[kind])) for kind in kinds]
    return out


def within(groups: npt.NDArray[Any], owned: range) -> npt.NDArray[np.bool_]:
    """Which of the key groups are among those owned."""
    result: npt.NDArray[np.bool_] = (groups >= owned.start) & (groups < owned.stop)
    return result
