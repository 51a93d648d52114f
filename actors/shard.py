"""A shard owns the state of its entities: windows of the open hours, and what was learned of each.

State changes at an hour's close alone, in the order of hours; what a shard says of an hour does not depend
on the order or the batches in which its records came, nor on which other entities share the shard.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from actors.entity import EntityState
from actors.event_window import EventWindow
from actors.judging import Judge
from actors.keys import entity_key, group_of
from actors.messages import COUNTED, PRINCIPAL, VAULT, Batch, Close, Fault, Found, Report, Rows
from actors.resources import Resources
from actors.settings import Settings
from actors.traffic_window import TrafficWindow
from baselines.population import Seasons, Tally
from detections.catalogue import catalogue_hash
from detections.facts import facts_of
from detections.view import Act, Flat, Hour
from ingest.records import HOUR_US, Event

FORGET_HOURS = 400 * 24  # an entity that was quiet for so long is forgotten
NEVER = -24  # the last hour of an entity that was not active yet
STATE_VERSION = 2


class Shard:
    """One shard. Plain and single-threaded; the runtime calls it in order."""

    def __init__(self, index: int, settings: Settings) -> None:
        if settings.catalogue != catalogue_hash():
            raise RuntimeError("this shard's catalogue of detections differs from the router's: update both")
        self.index = index
        self.settings = settings
        self.entities: dict[str, EntityState] = {}
        self.events: dict[int, dict[str, EventWindow]] = {}  # hour -> entity key -> window
        self.traffic: dict[int, TrafficWindow] = {}
        self._named: list[int] = []  # a router's number of a resource -> ours
        self.resources = Resources(settings)
        self.judges = {kind: Judge(kind, settings) for kind in ("principal", "vault")}
        self.seasons: Any = Flat()
        self.layers_since: dict[str, int] = {}
        self._applied = 0
        self._filtered: dict[str, int] = {}
        self._late: list[Found] = []
        self._faults: list[Fault] = []

    # Records in

    def apply(self, batch: Batch) -> None:
        """Take a batch into the open hours' windows."""
        for routed in batch.events:
            self._apply(routed.event, routed.owners)
        for routed in batch.late:
            self._check_late(routed.event, routed.owners)
        for id_, since_us in zip(batch.ids, batch.since, strict=True):
            self._named.append(self.resources.number(id_, since_us))
        if len(batch.rows):
            self._apply_flows(batch.rows, batch.sources)

    def _apply_flows(self, rows: Rows, sources: list[str]) -> None:
        """A flow belongs to the hour of its end, as for the router: that is when exporters tell of it."""
        rows = rows.copy()
        rows["entity"] = np.array(self._named, np.int32)[rows["entity"]]
        hours = rows["end_us"] // HOUR_US
        for hour in sorted(set(hours.tolist())) if hours.min() != hours.max() else [int(hours[0])]:
            self.traffic.setdefault(hour, TrafficWindow()).add(rows[hours == hour], sources)

    def _apply(self, event: Event, owners: int) -> None:
        windows = self.events.setdefault(event.at_us // HOUR_US, {})
        fresh = []
        for key in owner_keys(event, owners):
            window = windows.get(key)
            if window is None:
                window = windows[key] = EventWindow()
            fresh.append(window.add(event))
        if owners & COUNTED:
            # Its first owner says whether it was there before.
            if fresh[0]:
                self._applied += 1
            else:
                self._filtered["delivered twice"] = self._filtered.get("delivered twice", 0) + 1

    def _check_late(self, event: Event, owners: int) -> None:
        """A record of a closed hour is still shown to the detections that need no window."""
        act = Act(event, 1, event.at_us, event.at_us)
        for key in owner_keys(event, owners):
            state = self.entities.get(key)
            kind = key.split(":", 1)[0]
            view = self._hour(state or new_state(kind, key, [act]), event.at_us // HOUR_US, [act])
            found, faults = self.judges[kind].windowless(view)
            self._late += found
            self._faults += faults

    # The hour's close

    def close(self, order: Close) -> Report:
        """Judge every entity that was active in the hour, learn from it, and say what was seen."""
        if order.population is not None:
            self.seasons = Seasons.from_snapshot(order.population)
        self.layers_since = order.layers_since
        report = Report(self.index, order.hour)
        tally = Tally()
        for key, window in sorted(self.events.pop(order.hour, {}).items()):
            self._close_events(key, window, order.hour, report, tally)
        traffic = self.traffic.pop(order.hour, None)
        if traffic is not None:
            since = self.layers_since.get("network", order.hour * HOUR_US)
            said = self.resources.close(traffic, order.hour, since, self.seasons, tally)
            report.found += said.found
            report.faults += said.faults
            report.entity_days += said.entity_days
            report.learning = said.learning
        if order.hour % 24 == 0:
            self._forget(order.hour)
        report.tally = tally.state()
        self._account(report)
        return report

    def _close_events(self, key: str, window: EventWindow, hour: int, report: Report, tally: Tally) -> None:
        state = self.entities.get(key)
        acts, unfinished = window.close(state.unfinished if state else set())
        if not acts:
            return
        if state is None:
            state = self.entities[key] = new_state(key.split(":", 1)[0], key, acts)
        view = self._hour(state, hour, acts)
        self._judge_and_learn(state, view, report, tally)
        if state.kind == "principal":
            report.facts += [(f.kind, f.key, f.principal, f.at_us, f.data) for f in facts_of(view)]
        state.remember(acts, unfinished, hour)

    def _judge_and_learn(self, state: EntityState, view: Hour, report: Report, tally: Tally) -> None:
        report.entity_days += state.last_hour // 24 != view.hour // 24
        judge = self.judges[state.kind]
        judge.prepare(state.models)
        found, faults = judge.judge(view)
        for one in found:
            one.region = state.region
        report.found += found
        report.faults += faults + judge.learn(view, found, tally)

    def _hour(self, state: EntityState, hour: int, acts: list[Act]) -> Hour:
        start = hour * HOUR_US
        recent = tuple(act for act in state.recent if start - HOUR_US <= act.last_us < start)
        return Hour(
            state.kind,
            state.entity,
            start,
            state.since_us,
            state.events,
            state.models,
            self.seasons,
            {},
            tuple(acts),
            recent,
        )

    def _forget(self, hour: int) -> None:
        quiet = [key for key, state in self.entities.items() if hour - state.last_hour > FORGET_HOURS]
        for key in quiet:
            del self.entities[key]
        self.resources.forget(hour - FORGET_HOURS)

    def _account(self, report: Report) -> None:
        """Hand over what was counted since the last report."""
        report.found += self._late
        report.faults += self._faults
        report.applied, report.filtered = self._applied, self._filtered
        report.entities = len(self.entities) + len(self.resources)
        self._applied, self._filtered, self._late, self._faults = 0, {}, [], []

    def leftovers(self) -> Report:
        """What was counted since the last hour's close."""
        report = Report(self.index, None)
        self._account(report)
        return report

    # State out and in

    def save(self) -> dict[int, list[Any]]:
        """Everything kept, by key group: entities and the windows of open hours, as MessagePack values."""
        groups: dict[int, list[Any]] = {}

        def slot(key: str) -> list[Any]:
            return groups.setdefault(group_of(key), [STATE_VERSION, [], [], []])

        for key, state in sorted(self.entities.items()):
            slot(key)[1].append(state.state())
        for state in self.resources.states():
            slot(entity_key(state.kind, state.entity))[1].append(state.state())
        for hour, windows in sorted(self.events.items()):
            for key, window in sorted(windows.items()):
                slot(key)[2].append([hour, key, window.state()])
        for hour, traffic in sorted(self.traffic.items()):
            of_group: dict[int, list[int]] = {}
            for owner in self.resources.named(traffic.present()).tolist():
                of_group.setdefault(group_of(entity_key("resource", self.resources.ids[owner])), []).append(
                    owner
                )
            for group, owners in sorted(of_group.items()):
                part = traffic.state(np.array(owners), self.resources.named_as)
                groups.setdefault(group, [STATE_VERSION, [], [], []])[3].append([hour, part])
        return groups

    def load(self, groups: Iterable[list[Any]]) -> None:
        """Take key groups in. Raises ValueError for a state of another version."""
        for version, entities, windows, traffic in groups:
            if version != STATE_VERSION:
                raise ValueError(f"shard state of version {version}; this Redshank reads {STATE_VERSION}")
            for packed in entities:
                state = EntityState.restore(packed)
                if state.kind == "resource":
                    self.resources.put(state)
                else:
                    self.entities[entity_key(state.kind, state.entity)] = state
            for hour, key, packed in windows:
                self.events.setdefault(hour, {})[key] = EventWindow.restore(packed)
            for hour, packed in traffic:
                self.traffic.setdefault(hour, TrafficWindow()).restore(packed, self.resources.number)


def owner_keys(event: Event, owners: int) -> list[str]:
    """The keys of the entities a shard must apply an event to."""
    keys = []
    if owners & PRINCIPAL:
        keys.append(entity_key("principal", event.principal))
    if owners & VAULT:
        keys.append(entity_key("vault", event.vault))
    return keys


def new_state(kind: str, key: str, acts: list[Act]) -> EntityState:
    """An entity at its first hour; its id in the case of its first record."""
    first = acts[0].event
    entity = next(
        id_
        for id_ in (first.principal if kind == "principal" else first.vault, key.split(":", 1)[1])
        if entity_key(kind, id_) == key
    )
    return EntityState(kind, entity, first.at_us, NEVER, region=first.region)
