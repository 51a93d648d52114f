"""The open hours' records of a shard, to be saved and taken in again, by key group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.event_window import KINDS_OF_COLUMNS, EventWindow, Fresh, chosen
from actors.keys import entity_key, group_of
from actors.resources import Resources
from actors.shape_table import ShapeTable
from actors.shard_state import EventRows, TrafficRows, packed, unpacked, within
from actors.traffic_window import COLUMNS, TrafficWindow
from actors.traffic_window import chosen as chosen_connections

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
        groups = resources.groups(owners.astype(np.int64)).tobytes()
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
        numbers[mine] = [resources.number(*rows.names[place]) for place in np.flatnonzero(mine).tolist()]
        columns["entity"] = numbers[columns["entity"]]
        windows.setdefault(rows.hour, TrafficWindow()).restore(columns, rows.sources)


def event_rows(windows: Mapping[tuple[int, str], EventWindow], table: ShapeTable) -> Iterator[EventRows]:
    """What came into each window since the last time."""
    for (hour, kind), window in sorted(windows.items()):
        fresh = window.changes()
        if fresh is not None:
            yield _told(hour, kind, fresh, window.sources, table)


def _told(hour: int, kind: str, fresh: Fresh, sources: Mapping[int, str], table: ShapeTable) -> EventRows:
    tables = (fresh.acts, fresh.records, fresh.again)
    shapes = np.unique(np.concatenate([rows["shape"] for rows in tables]))
    acts, records, again = (
        packed({**rows, "shape": np.searchsorted(shapes, rows["shape"]).astype(np.int32)}) for rows in tables
    )
    hashes = np.unique(np.concatenate([rows["source"] for rows in tables])).tolist()
    owners, whose = np.unique(fresh.whose, return_inverse=True)
    return EventRows(
        hour,
        kind,
        [(table.shapes[shape], table.owners[shape]) for shape in shapes.tolist()],
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
    table: ShapeTable,
    owned: range,
    closed_until: int,
) -> None:
    """Take in what belongs to the key groups owned and to hours that are open."""
    for rows in saved:
        if rows.hour < closed_until:
            continue
        numbers = np.full(len(rows.told), -1, np.int32)
        for place, (shape, owners) in enumerate(rows.told):
            if group_of(entity_key(rows.kind, getattr(shape, rows.kind))) in owned:
                numbers[place] = table.add(shape, owners)
        mine = np.array([group_of(key) in owned for key in rows.keys], bool)
        if not mine.any() and not (numbers >= 0).any():
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
        acts, records, again = (_numbered(some, numbers) for some in (rows.acts, rows.records, rows.again))
        window(rows.hour, rows.kind).restore(
            Fresh(acts, records, again, seen[of_mine], entities[whose[of_mine]]), rows.sources
        )


def _numbered(columns: Any, numbers: Numbers) -> dict[str, Numbers]:
    """Saved rows whose shapes are known here."""
    rows = unpacked(columns, KINDS_OF_COLUMNS)
    rows["shape"] = numbers[rows["shape"]] if len(numbers) else rows["shape"]
    known = rows["shape"] >= 0
    return rows if known.all() else chosen(rows, known)
