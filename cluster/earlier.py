"""Takes over the state of an earlier version: shards' version 2, entities' version 2, the aggregator's version 1.

What that version knew is written as a checkpoint of this one. Its files stay as they are until that holds, and are
then put aside into DIR/earlier/.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from actors import aggregator_state, shard_state
from actors.aggregator_state import LearnedChanges
from actors.conductor import Standing
from actors.entity import EntityState
from actors.judging import Judge
from actors.keys import entity_key
from actors.saving import AGGREGATOR, SHARD
from actors.settings import Settings
from actors.shard_checks import ABOUT
from actors.shard_state import (
    EVENT_COLUMNS,
    Changes,
    EntityChange,
    EventRows,
    Packed,
    ResourceRows,
    TrafficRows,
    packed,
)
from baselines import codec
from baselines.seasonal_table import VERSION as TABLE_VERSION
from baselines.seasonal_table import SeasonalTable
from cluster.beginning import packed_place, place_of
from cluster.checkpoints import Manifest, Store, part_name
from cluster.errors import UserError
from cluster.manifest import manifest_epoch
from cluster.state import Saved, is_earlier, load
from detections.view import Act
from ingest.records import Event

ASIDE = "earlier"
SHARDS, ENTITIES, AGGREGATORS = 2, 2, 1  # the versions that are read
WRONG = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    msgspec.MsgspecError,
)


class _Router(msgspec.Struct):
    router: dict[str, Any]
    days: list[Any]


# The last two: an entity's acts of its last hour, and operations that it has not finished.
_Entity = tuple[int, tuple[str, str, int, int, int, str], list[tuple[str, Any]], list[Act], list[int]]
_Rows = tuple[list[tuple[Event, int]], Packed]
_Window = tuple[
    int, str, tuple[_Rows, _Rows, list[tuple[int, str]], bytes]
]  # hour, kind: acts, records, sources, seen
_Traffic = tuple[
    int, tuple[list[tuple[str, int]], list[tuple[int, str]], Packed]
]  # hour: names, sources, columns
_group = msgspec.msgpack.Decoder(tuple[int, list[_Entity], list[_Window], list[_Traffic]]).decode
_version = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw, msgspec.Raw, msgspec.Raw]).decode
_pack = msgspec.msgpack.Encoder().encode


def take_over(store: Store) -> str:
    """If an earlier version's state is what is there, make a checkpoint of it; what to say of that, or ''."""
    folder = Path(str(store.spec[0]).removeprefix("file://"))
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    old = sorted(name for name in names if is_earlier(name))
    if not old:
        return ""
    if not any(manifest_epoch(name) for name in names):
        saved = load(folder)
        assert saved is not None  # else there would be no name of it
        _commit(store, saved, folder)
    _put_aside(folder, old)
    return (
        f"the state of an earlier version is taken over; its files are in {folder / ASIDE} and may be deleted"
    )


def _commit(store: Store, saved: Saved, folder: Path) -> None:
    try:
        standing, shard, aggregator = converted(saved)
        shard_state.unpack(shard)
        aggregator_state.unpack(aggregator)
        parts = [
            store.write(part_name(1, "earlier-shard"), shard, SHARD),
            store.write(part_name(1, "earlier-aggregator"), aggregator, AGGREGATOR),
        ]
        run = {"fingerprint": None, "delivered": True, "not_after_us": None}
        manifest = Manifest(1, run, packed_place(standing), parts)
        place_of(manifest)
    except WRONG as error:
        raise UserError(
            f"{folder}: holds the state of an earlier version that can't be read ({error}); put a back-up in its "
            "place, or use another place for the state"
        ) from None
    store.commit(manifest)


def _put_aside(folder: Path, names: Iterable[str]) -> None:
    aside = folder / ASIDE
    try:
        aside.mkdir(exist_ok=True)
        for name in names:
            (folder / name).replace(aside / name)
    except OSError as error:
        raise UserError(
            f"{aside}: can't be written: {error.strerror}; move {', '.join(names)} away"
        ) from None


def converted(saved: Saved) -> tuple[Standing, bytes, bytes]:
    """Where a run begins on it, and the bodies of a shard's and the aggregator's part. Raises one of `WRONG`."""
    place = msgspec.msgpack.decode(saved.router, type=_Router)
    return Standing(place.router, place.days, shards=1), _shard(saved.groups), _aggregator(saved.aggregator)


def _aggregator(body: bytes) -> bytes:
    version, organisation, incidents = msgspec.msgpack.decode(body)
    _check("aggregator state", version, AGGREGATORS)
    hour, layers_since, uses, roles, population = organisation
    changed = [(kind, key, users) for kind, table in uses.items() for key, users in table.items()]
    learned = LearnedChanges(hour, layers_since, changed, list(roles.items()), population, incidents)
    return aggregator_state.pack(aggregator_state.Changes(aggregator_state.VERSION, learned))


def _check(what: str, version: int, known: int) -> None:
    if version != known:
        raise ValueError(f"{what} of version {version}; this Redshank reads {known}")


# Shards


def _shard(groups: dict[int, bytes]) -> bytes:
    out, resources = Changes(), list[tuple[int, EntityState]]()
    for group, body in sorted(groups.items()):
        _check("shard state", _version(body)[0], SHARDS)
        _, entities, windows, traffic = _group(body)
        for entity in entities:
            _check("entity state", entity[0], ENTITIES)
            state = _state(entity)
            if state.kind == "resource":
                resources.append((group, state))
            else:
                out.entities.append(_entity(group, state, entity[3], entity[4]))
        out.events += [_events(*window) for window in windows]
        out.traffic += [_traffic(group, hour, *flows) for hour, flows in traffic]
    out.resources = [_resources(resources)] if resources else []
    return shard_state.pack(out)


def _state(saved: _Entity) -> EntityState:
    kind, entity, since_us, last_hour, events, region = saved[1]
    models = {name: codec.unpack(model) for name, model in saved[2]}
    return EntityState(kind, entity, since_us, last_hour, events, models, region)


def _entity(group: int, state: EntityState, acts: list[Act], unfinished: list[int]) -> EntityChange:
    operations = sorted({act.event.operation for act in acts})
    recent = (state.last_hour, _pack((acts, operations))) if acts else (0, b"")
    return EntityChange(group, entity_key(state.kind, state.entity), state.pack(), unfinished, *recent)


def _resources(states: list[tuple[int, EntityState]]) -> ResourceRows:
    columns = {
        name for name, one in Judge("resource", Settings()).baselines.items() if one.column is not None
    }
    tables = {name: SeasonalTable() for name in sorted(columns)}
    others = []
    for place, (_, state) in enumerate(states):
        for name, model in sorted(state.models.items()):
            if name in tables:
                tables[name].put(place, model)
            else:
                others.append((place, name, codec.pack(model)))
    everyone = np.arange(len(states))
    rows = [(name, *table.rows(everyone)) for name, table in tables.items()]
    return ResourceRows(
        [state.entity for _, state in states],
        np.array([group for group, _ in states], "<i2").tobytes(),
        np.array([(s.since_us, s.last_hour, s.events) for _, s in states], ABOUT).tobytes(),
        [(name, TABLE_VERSION, has.tobytes(), some.tobytes()) for name, has, some in rows],
        others,
    )


def _traffic(
    group: int, hour: int, names: list[tuple[str, int]], sources: list[tuple[int, str]], columns: Packed
) -> TrafficRows:
    return TrafficRows(hour, names, np.full(len(names), group, "<i2").tobytes(), sources, columns)


def _events(hour: int, kind: str, window: tuple[_Rows, _Rows, list[tuple[int, str]], bytes]) -> EventRows:
    """One entity's window: shapes were told of acts and of records apart."""
    (shapes, acts), (more, records), sources, seen = window
    told = [*shapes, *more]
    owner = [entity_key(kind, getattr(told[0][0], kind))] if told else []
    none = packed({name: np.empty(0, column) for name, column in EVENT_COLUMNS.items()})
    whose = np.zeros(len(seen) // 8, np.int32).tobytes()
    return EventRows(hour, kind, told, sources, acts, _later(records, len(shapes)), none, owner, seen, whose)


def _later(columns: Packed, first: int) -> Packed:
    """Rows whose shapes have other shapes before them now."""
    return [
        (name, (np.frombuffer(octets, np.int32) + np.int32(first)).tobytes() if name == "shape" else octets)
        for name, octets in columns
    ]
