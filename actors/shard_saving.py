"""The open hours' records of a shard, to be saved and taken in again, by key group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.act_columns import chosen
from actors.event_window import EventWindow, Fresh
from actors.keys import group_of
from actors.part_table import KINDS, PartTable, window_key
from actors.resources import Resources
from actors.shard_state import EVENT_COLUMNS, EventRows, TrafficRows, packed, unpacked, within
from actors.traffic_window import COLUMNS, TrafficWindow
from actors.traffic_window import chosen as chosen_connections
from ingest.event_columns import PARTS

Numbers = npt.NDArray[Any]


def traffic_rows(windows: Mapping[int, TrafficWindow], resources: Resources) -> Iterator[TrafficRows]:
    """What came into each window since the last time."""
    for hour, window in sorted(windows.items()):
        fresh = window.changes()
        if not len(fresh["entity"]):
            continue
        owners, places = np.unique(fresh["entity"], return_inverse=True)
        names = [resources.named_as(owner) for owner in owners.tolist()]
        columns = packed({**fresh, "entity": places.astype(np.int32)})
        groups = resources.names.groups(owners.astype(np.int64)).tobytes()
        yield TrafficRows(hour, names, groups, sorted(window.sources.items()), columns)


def load_traffic(
    saved: Iterable[TrafficRows],
    windows: dict[int, TrafficWindow],
    resources: Resources,
    owned: range,
    closed_until: int,
) -> None:
    """Take in what belongs to the key groups owned and to hours that are open."""
    for rows in saved:
        mine = within(np.frombuffer(rows.groups, "<i2"), owned)
        if rows.hour < closed_until or not mine.any():
            continue
        columns = unpacked(rows.columns, COLUMNS)
        if not mine.all():
            columns = chosen_connections(columns, mine[columns["entity"]])
        numbers = np.full(len(mine), -1, np.int32)
        named = [rows.names[place] for place in np.flatnonzero(mine).tolist()]
        numbers[mine] = resources.numbers([id_ for id_, _ in named], [since_us for _, since_us in named])
        columns["entity"] = numbers[columns["entity"]]
        windows.setdefault(rows.hour, TrafficWindow()).restore(columns, rows.sources)


def event_rows(windows: Mapping[tuple[int, str], EventWindow], table: PartTable) -> Iterator[EventRows]:
    """What came into each window since the last time."""
    for (hour, kind), window in sorted(windows.items()):
        fresh = window.changes()
        if fresh is not None:
            yield _told(hour, kind, fresh, window.sources, table)


def _told(hour: int, kind: str, fresh: Fresh, sources: Mapping[int, str], table: PartTable) -> EventRows:
    tables = (fresh.acts, fresh.records, fresh.again)
    shapes, which = table.shapes(tables)
    numbers = np.split(which.astype(np.int32), np.cumsum([len(rows["uid"]) for rows in tables])[:-1])
    acts, records, again = (
        packed({name: rows.get(name, shape) for name in EVENT_COLUMNS})
        for rows, shape in zip(tables, numbers, strict=True)
    )
    hashes = np.unique(np.concatenate([rows["source"] for rows in tables])).tolist()
    owners, whose = np.unique(fresh.whose, return_inverse=True)
    return EventRows(
        hour,
        kind,
        [(table.parts.event(codes), KINDS[kind]) for codes in shapes],
        [(one, sources[one]) for one in hashes],
        acts,
        records,
        again,
        [table.entities[owner] for owner in owners.tolist()],
        fresh.seen.tobytes(),
        whose.astype(np.int32).tobytes(),
    )


def load_events(
    saved: Iterable[EventRows],
    window: Callable[[int, str], EventWindow],
    table: PartTable,
    owned: range,
    closed_until: int,
) -> None:
    """Take in what belongs to the key groups owned and to hours that are open."""
    for rows in saved:
        if rows.hour < closed_until:
            continue
        codes = np.full((len(rows.told), len(PARTS)), -1, np.int32)
        for place, (shape, _) in enumerate(rows.told):
            if group_of(window_key(rows.kind, shape)) in owned:
                codes[place] = table.parts.of(shape)
        mine = np.array([group_of(key) in owned for key in rows.keys], bool)
        if not mine.any() and not (codes >= 0).any():
            continue
        seen, whose = np.frombuffer(rows.seen, np.uint64), np.frombuffer(rows.whose, np.int32)
        of_mine = mine[whose] if len(whose) else np.empty(0, bool)
        entities = np.array(
            [
                table.entity_of(key) if ours else -1
                for key, ours in zip(rows.keys, mine.tolist(), strict=True)
            ],
            np.int32,
        )
        acts, records, again = (_coded(some, codes) for some in (rows.acts, rows.records, rows.again))
        window(rows.hour, rows.kind).restore(
            Fresh(acts, records, again, seen[of_mine], entities[whose[of_mine]]), rows.sources
        )


def _coded(columns: Any, codes: Numbers) -> dict[str, Numbers]:
    """Saved rows with the numbers of their shapes' parts; without those of others."""
    rows = unpacked(columns, EVENT_COLUMNS)
    shapes = rows.pop("shape")
    rows = {name: codes[shapes, place] for place, name in enumerate(PARTS)} | rows
    known = rows["what"] >= 0
    return rows if known.all() else chosen(rows, known)
