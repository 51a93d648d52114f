"""What must hold of a shard's part beside its types: lengths, numbers that point somewhere, values in range.

A part that was written whole always passes. What does not is refused here with a reason, and not by an error deep
in NumPy, or by wrong alerts, hours later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from actors.entity import check_packed
from actors.keys import GROUPS
from actors.messages import COUNTED, PRINCIPAL, SIGNED_IN, VAULT
from actors.part_table import ENTITIES, KINDS
from actors.traffic_window import COLUMNS
from baselines.seasonal_table import DAYS, DAYS_ROW, ROW
from baselines.seasonal_table import VERSION as TABLE_VERSION

if TYPE_CHECKING:
    from actors.shard_state import Changes, EntityChange, EventRows, Packed, ResourceRows, TrafficRows

ABOUT = np.dtype([("since_us", "<i8"), ("last_hour", "<i8"), ("events", "<i8")])  # of a resource
EVENT_COLUMNS: dict[str, Any] = {  # of an open hour's records
    "shape": np.int32,  # a place in the list of events without time, place and numbers
    "first_us": np.int64,
    "last_us": np.int64,
    "count": np.int64,
    "uid": np.uint64,
    "operation_id": np.uint64,
    "offset": np.int64,
    "source": np.uint64,  # hash of its name
}
MOST_HOURS = 1 << 31  # an hour in microseconds must fit into 63 bits
MOST_US = (1 << 63) - 1
Numbers = npt.NDArray[Any]


def check(changes: Changes) -> None:
    """Raises ValueError, with a reason, for what no shard can have written."""
    for entity in changes.entities:
        _check_entity(entity)
    for resources in changes.resources:
        _check_resources(resources)
    for traffic in changes.traffic:
        _check_traffic(traffic)
    for events in changes.events:
        _check_events(events)


def _check_entity(entity: EntityChange) -> None:
    _that(0 <= entity.group < GROUPS, "a key group is out of range")
    _that(
        entity.key.split(":", 1)[0] in ENTITIES.values() and ":" in entity.key,
        f"{entity.key!r} is no key of an entity",
    )
    _that(min(entity.unfinished, default=0) >= 0, "an operation's number is negative")
    _that(0 <= entity.recent_hour < MOST_HOURS, "an hour is out of range")
    if entity.packed is not None:
        check_packed(entity.packed)


# Resources


def _check_resources(rows: ResourceRows) -> None:
    number = len(rows.ids)
    _that(number > 0, "there is a table of no resources")
    _check_groups(rows.groups, number)
    about = octets(rows.about, ABOUT)
    _that(len(about) == number, "resources and what is known of them differ in number")
    _that(
        bool((about["last_hour"] < MOST_HOURS).all() and (about["events"] >= 0).all()),
        "a number is out of range",
    )
    for name, version, has, table in rows.tables:
        if version != TABLE_VERSION:
            raise ValueError(f"{name}: counts of version {version}; this reads {TABLE_VERSION}")
        mask = flags(has)
        _that(len(mask) == number, f"{name}: not every resource is told of")
        of_days = name.endswith(DAYS)
        counts = octets(table, DAYS_ROW if of_days else ROW)
        _that(len(counts) == int(mask.sum()), f"{name}: resources and their counts differ in number")
        (_check_days if of_days else _check_counts)(name, counts)
    for place, _, _ in rows.others:
        _that(0 <= place < number, "a model is of no resource")
    for place, _ in rows.words:
        _that(0 <= place < number, "a finding is of no resource")


def _check_counts(name: str, counts: Numbers) -> None:
    flags(np.ascontiguousarray(counts["seasoned"]).tobytes())
    floats = [field for field in ROW.names or () if ROW[field].kind == "f"]
    for field in floats:
        _that(bool(np.isfinite(counts[field]).all()), f"{name}: a count is no number")
    for field in ("counts", "exposure", "squares"):
        _that(bool((counts[field] >= 0.0).all()), f"{name}: a count is negative")
    _that(bool((counts["last"] < MOST_HOURS).all()), f"{name}: an hour is out of range")


def _check_days(name: str, days: Numbers) -> None:
    real = days["hours"] >= 0
    _that(bool((days["active"] > 0).all()), f"{name}: there are days of no active hour")
    _that(bool((days["since"] >= 0).all()), f"{name}: an hour is out of range")
    for field in ("counts", "profiles"):
        _that(bool((days[field][real] > 0).all()), f"{name}: a day has no {field}")


# Open hours


def _check_traffic(rows: TrafficRows) -> None:
    _check_hour(rows.hour)
    _check_groups(rows.groups, len(rows.names))
    _that(all(-MOST_US <= since <= MOST_US for _, since in rows.names), "a time is out of range")
    columns = _columns(rows.columns, COLUMNS)
    _within(columns["entity"], len(rows.names), "a connection is of no resource")
    _within(columns["service"], 3, "a service is not known")
    for name in ("outgoing", "denied", "malicious"):
        flags(columns[name].view(np.uint8).tobytes())
    for name in ("forward", "back", "octets", "first_us", "last_us"):
        _that(bool((columns[name] >= 0).all()), f"{name} is negative")
    _check_sources(columns["source"], rows.sources)


def _check_events(rows: EventRows) -> None:
    _check_hour(rows.hour)
    _that(rows.kind in KINDS, f"{rows.kind!r} is no kind of entity")
    mine = KINDS[rows.kind]
    for shape, owners in rows.told:
        _that(
            0 < owners <= PRINCIPAL | VAULT | COUNTED | SIGNED_IN and bool(owners & mine),
            "a record is of no entity here",
        )
        _that(abs(shape.at_us) <= MOST_US, "a time is out of range")
    for packed in (rows.acts, rows.records, rows.again):
        columns = _columns(packed, EVENT_COLUMNS)
        _within(columns["shape"], len(rows.told), "a record is of no shape")
        _that(
            bool((columns["count"] > 0).all() and (columns["first_us"] >= 0).all()),
            "a count or a time is negative",
        )
        _check_sources(columns["source"], rows.sources)
    whose = octets(rows.whose, np.dtype(np.int32))
    _that(
        len(octets(rows.seen, np.dtype(np.uint64))) == len(whose),
        "deliveries and their entities differ in number",
    )
    _within(whose, len(rows.keys), "a delivery is of no entity")
    _that(all(key.startswith(f"{ENTITIES[rows.kind]}:") for key in rows.keys), "an entity is of another kind")


def _check_hour(hour: int) -> None:
    _that(0 <= hour < MOST_HOURS, "an hour is out of range")


def _check_groups(packed: bytes, number: int) -> None:
    groups = octets(packed, np.dtype("<i2"))
    _that(len(groups) == number, "key groups and those who are in them differ in number")
    _within(groups, GROUPS, "a key group is out of range")


def _check_sources(hashes: Numbers, sources: Iterable[tuple[int, str]]) -> None:
    known = {one for one, _ in sources}
    _that(known.issuperset(np.unique(hashes).tolist()), "a source has no name")


# Octets


def _columns(packed: Packed, kinds: Mapping[str, Any]) -> dict[str, Numbers]:
    _that([name for name, _ in packed] == list(kinds), "these are other columns")
    columns = {name: octets(body, np.dtype(kinds[name])) for name, body in packed}
    _that(len({len(column) for column in columns.values()}) == 1, "columns differ in length")
    return columns


def octets(packed: bytes, kind: np.dtype[Any]) -> Numbers:
    """Octets as a column. Raises ValueError where they end within a value."""
    _that(len(packed) % kind.itemsize == 0, "a column ends within a value")
    return np.frombuffer(packed, kind)


def flags(packed: bytes) -> npt.NDArray[np.bool_]:
    """Octets as yes and no: NumPy would take others for both."""
    _within(np.frombuffer(packed, np.uint8), 2, "a flag is neither yes nor no")
    return np.frombuffer(packed, np.bool_)


def _within(column: Numbers, end: int, wrong: str) -> None:
    _that(not len(column) or (int(column.min()) >= 0 and int(column.max()) < end), wrong)


def _that(holds: bool, wrong: str) -> None:
    if not holds:
        raise ValueError(wrong)
