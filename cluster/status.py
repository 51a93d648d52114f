"""How the run stands that a store of checkpoints is of: read beside it, without the lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors import aggregator_state, shard_state
from actors.conductor import Standing
from actors.saving import AGGREGATOR, FEEDS, SHARD, TOLD
from actors.spent import Spent
from actors.steps import Place, RunState
from cluster.beginning import SERVE, place_of
from cluster.checkpoints import Store
from cluster.errors import UserError
from cluster.manifest import Manifest, Part
from cluster.snapshot import Fates, fates
from cluster.told import holders_of
from ingest.feed_history import FeedNow, unpacked
from ingest.records import HOUR_US
from ingest.told_holders import HoldersNow

COUNTED_OCTETS = 64 << 20  # entities of larger states are not counted: all of it would have to be read
EPOCH = date(1970, 1, 1)
LOOK_AGAIN_S = 0.3  # a run that writes on may change the folder while it is listed
T = TypeVar("T")


class Stored(msgspec.Struct, kw_only=True):
    """The files of a checkpoint."""

    parts: int
    octets: int
    by_kind: dict[str, int]  # octets


class SourceRead(msgspec.Struct, kw_only=True):
    """How far a source was read that is not at its end."""

    name: str
    frontier_us: int  # 0: nothing was read yet


class BudgetDay(msgspec.Struct, kw_only=True):
    """What became of the findings of a day (UTC) of the detections that share the alert budget."""

    day: str
    told: int
    withheld: int  # by the budget


class BudgetSpent(msgspec.Struct, kw_only=True):
    """An alert budget, and the last days."""

    a_day: float
    days: list[BudgetDay]


class Status(msgspec.Struct, kw_only=True):
    """What `redshank status` tells; `--json` is this."""

    place: str
    epoch: int
    written_us: int
    age_s: float
    in_use: bool  # a run holds the store now
    state: str  # 'delivered': its alerts were handed over; 'read': all input is; 'under way'
    records: Fates | None  # of this run, or of the one that was delivered last; None: not known any more
    sources_finished: int = 0
    sources: list[SourceRead] = []  # begun and not finished, the furthest behind first
    watermark_us: int | None = None
    closed_until_us: int | None = None  # hours before were closed
    open_hours: list[int] = []  # when each begins, microseconds
    layers_since_us: dict[str, int] = {}
    shards: int = 0
    stored: Stored
    holders: HoldersNow | None = None  # where telemetry tells who holds which address
    feeds: list[FeedNow] = []
    entities: dict[str, int] | None = None  # by kind; None: too much to count
    budget: BudgetSpent | None = None  # None: none is set
    complaints: list[str] = []  # about checkpoints that can't be used


def status_of(store: Store, lateness_us: int = 0) -> Status:
    """Read the newest checkpoint. Raises UserError for a place that has none, or none that can be used."""
    kept = _manifests(store)
    newest = kept[0]
    standing = place_of(newest)
    ran, run = _run(kept, standing)
    unfinished = unfinished_of(run)
    hours = standing.router.get("open_hours") or []
    closed = standing.router.get("closed_until")
    frontier = next((place.frontier_us for place in unfinished if place.frontier_us), None)
    return Status(
        place=store.root,
        epoch=newest.epoch,
        written_us=newest.written_us,
        age_s=max(0.0, time.time() - newest.written_us / 1e6),
        in_use=store.in_use(),
        state=_state(newest, run),
        records=_records(store, ran, run),
        sources_finished=sum(place.finished for place in run.places) if run else 0,
        sources=[SourceRead(name=place.name, frontier_us=place.frontier_us) for place in unfinished],
        watermark_us=watermark(frontier, lateness_us, hours, closed or 0),
        closed_until_us=None if closed is None else closed * HOUR_US,
        open_hours=[hour * HOUR_US for hour in sorted(hours)],
        layers_since_us=dict(standing.router.get("layers_since") or {}),
        shards=standing.shards,
        stored=_stored(newest.parts),
        holders=_holders(store, newest.parts),
        feeds=_feeds(store, newest.parts),
        entities=_entities(store, newest.parts),
        budget=_budget(_aggregator(store, newest)),
        complaints=list(store.complaints),
    )


def opened(place: str, options: dict[str, Any] | None = None) -> Store:
    """The store at a place that must be there. Raises UserError."""
    if place.startswith(("http://", "https://")):
        raise UserError(
            f"{place}: is where a server tells of its health; name the folder or URL of its [checkpoints] store"
        )
    if "://" not in place or place.startswith("file://"):
        folder = Path(place.removeprefix("file://"))
        if not folder.exists():
            raise UserError(f"{place}: no such folder; name a folder or URL that a run saves its state to")
        if not folder.is_dir():
            raise UserError(f"{place}: is no folder; name a folder or URL that a run saves its state to")
    return Store(place, options)


def _manifests(store: Store) -> list[Manifest]:
    """Those that can be used, newest first. What a run changes while we look is no ground for complaint."""
    found: list[Manifest] = []
    first: list[str] = []
    for attempt in range(3):
        found, complaints = list(store.manifests()), list(store.complaints)
        if found and not complaints:
            break
        if attempt and complaints == first:
            break
        first = complaints
        if complaints:
            time.sleep(LOOK_AGAIN_S)
    if not found:
        store.latest()  # says so if there are some that can't be used
        raise UserError(f"{store.root}: holds no checkpoints of Redshank")
    return found


def _run(kept: Sequence[Manifest], standing: Standing) -> tuple[Manifest, RunState | None]:
    """The run, and the checkpoint that knows of it: of a delivered run the one before tells."""
    newest = kept[0]
    if standing.run is None and len(kept) > 1:
        before = kept[1]
        if before.epoch == newest.epoch - 1 and before.run.get("fingerprint") == newest.run.get(
            "fingerprint"
        ):
            return before, place_of(before).run
    return newest, standing.run


def unfinished_of(run: RunState | None) -> list[Place]:
    """Sources that were begun, are not at their end and not at rest; the furthest behind first."""
    places = [place for place in run.places if not place.finished and not place.resting] if run else []
    return sorted(places, key=lambda place: (place.frontier_us, place.name))


def _state(newest: Manifest, run: RunState | None) -> str:
    if newest.run.get("delivered"):
        return "delivered"
    goes_on = newest.run.get("fingerprint") == SERVE  # a server hands alerts over as it reads, and has no end
    if goes_on or run is None or unfinished_of(run) or any(one.resting for one in run.places):
        return "under way"
    return "read"


def watermark(
    frontier_us: int | None, lateness_us: int, open_hours: Sequence[int], closed_until: int = 0
) -> int | None:
    """Sources that were not begun are not in a checkpoint; that no open hour is passed tells of them. A server does not
    wait for those that have been silent for long: that hours are closed tells of them."""
    if frontier_us is None:
        return closed_until * HOUR_US or None
    not_passed = [(hour + 1) * HOUR_US - 1 for hour in open_hours]
    return max(min([frontier_us - lateness_us, *not_passed]), closed_until * HOUR_US)


def _stored(parts: Sequence[Part]) -> Stored:
    by_kind: dict[str, int] = {}
    for part in parts:
        by_kind[part.kind or "other"] = by_kind.get(part.kind or "other", 0) + part.size
    return Stored(parts=len(parts), octets=sum(part.size for part in parts), by_kind=by_kind)


def _records(store: Store, manifest: Manifest, run: RunState | None) -> Fates | None:
    if run is None:
        return None
    changes = _aggregator(store, manifest)
    return fates(run.counts, changes.run.filtered if changes and changes.run else {})


def _aggregator(store: Store, manifest: Manifest) -> aggregator_state.Changes | None:
    """What the aggregator wrote last."""
    last = next((part for part in reversed(manifest.parts) if part.kind == AGGREGATOR), None)
    return None if last is None else next(_read(store, [last], aggregator_state.unpack), None)


def _budget(changes: aggregator_state.Changes | None) -> BudgetSpent | None:
    spent = Spent(changes.learned.spent) if changes is not None else Spent()
    if spent.budget is None:
        return None
    days = [
        BudgetDay(day=day_text(day), told=told, withheld=withheld)
        for day, (told, withheld) in sorted(spent.days.items())
    ]
    return BudgetSpent(a_day=spent.budget, days=days)


def day_text(day: int) -> str:
    """A day since 1970 as a date.

    >>> day_text(20_458), day_text(1 << 40)
    ('2026-01-05', 'day 1099511627776')
    """
    try:
        return (EPOCH + timedelta(days=day)).isoformat()
    except OverflowError:
        return f"day {day}"


def _holders(store: Store, parts: Sequence[Part]) -> HoldersNow | None:
    mine = [part for part in parts if part.kind == TOLD]
    return next((holders.spans().now for holders in _read(store, mine, holders_of)), None)


def _feeds(store: Store, parts: Sequence[Part]) -> list[FeedNow]:
    mine = [part for part in parts if part.kind == FEEDS]
    return [one for histories in _read(store, mine, unpacked) for one in histories.now()]


def _entities(store: Store, parts: Sequence[Part]) -> dict[str, int] | None:
    """How many of each kind the state has; those quiet for so long that they will be forgotten are among them."""
    mine = [part for part in parts if part.kind == SHARD]
    if sum(part.size for part in mine) > COUNTED_OCTETS:
        return None
    known: dict[str, bool] = {}
    resources: set[str] = set()
    for changes in _read(store, mine, shard_state.unpack):
        known.update((entity.key, entity.packed is not None) for entity in changes.entities)
        resources.update(id_.lower() for rows in changes.resources for id_ in rows.ids)
    counted: dict[str, int] = {"resource": len(resources)} if resources else {}
    for key, here in known.items():
        if here:
            kind = key.partition(":")[0]
            counted[kind] = counted.get(kind, 0) + 1
    return counted


def _read(store: Store, parts: Sequence[Part], unpack: Callable[[bytes], T]) -> Iterator[T]:
    """What is in the parts; one that a run has just cleaned away, or that is damaged, is left out and said."""
    for part in parts:
        try:
            yield unpack(store.read(part))
        except (UserError, ValueError) as error:
            store.complaints.append(str(error))
