"""A shard's resources: what is kept of each as columns, and the close of an hour of traffic over all of them.

What a shard says of an hour is the same as if each resource were judged by itself; a test holds the two
together. Only resources of which a detection has something to say become a `TrafficHour`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import log10
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.entity import EntityState
from actors.judging import HELD_WEIGHT, HOURS_TO_KNOW, Judge
from actors.messages import Report
from actors.settings import Settings
from actors.traffic_window import TrafficWindow
from baselines.population import Tally
from baselines.seasonal_table import SeasonalTable
from detections.declare import Detection, Learned
from detections.traffic import Traffic
from detections.view import Seasons, TrafficHour
from ingest.records import HOUR_US

Ints = npt.NDArray[np.int64]

KIND = "resource"
NEVER = -24  # the last hour of a resource that was not active yet
_ABOUT = np.dtype([("since_us", "<i8"), ("last_hour", "<i8"), ("events", "<i8")])


class Resources:
    """All resources of a shard."""

    def __init__(self, settings: Settings) -> None:
        self.judge = Judge(KIND, settings)
        self.ids: list[str] = []
        self._number: dict[str, int] = {}  # id in lower case -> its place in `ids`
        self._about = np.zeros(0, _ABOUT)
        self._counts = {name: b for name, b in self.judge.baselines.items() if b.column is not None}
        self._tables = {name: SeasonalTable() for name in self._counts}
        self._others: dict[int, dict[str, Any]] = {}  # models that are no columns

    def __len__(self) -> int:
        return len(self.ids)

    # The hour's close

    def close(
        self, window: TrafficWindow, hour: int, watched_since_us: int, seasons: Seasons, tally: Tally
    ) -> Report:
        """Judge and learn an hour of traffic."""
        traffic = window.close(hour)
        entities = traffic.active()
        traffic.owners = self._meet(traffic, window.since, watched_since_us)
        traffic.tables, traffic.seasons = self._tables, seasons
        report = Report(0, hour)
        held = self._find(traffic, report)
        for learned in self._counts.values():
            self._learn(learned, traffic, held.get(learned.name, ()), tally)
        self._learn_others(traffic, report, tally)
        mine = self._about[traffic.owners[entities]]
        report.entity_days = int(np.count_nonzero(mine["last_hour"] // 24 != hour // 24))
        mine["last_hour"] = hour
        mine["events"] += traffic.connections()[entities]
        self._about[traffic.owners[entities]] = mine
        return report

    def _meet(self, traffic: Traffic, since: dict[str, int], watched_since_us: int) -> Ints:
        """Each entity's place here. A resource is watched since its layer is: its silence is known."""
        owners = np.empty(len(traffic.names), np.int64)
        for entity, name in enumerate(traffic.names):
            known = self._number.get(name.lower())
            if known is None:
                known = self._add(name)
                self._about[known] = (max(since.get(name, 0), watched_since_us), NEVER, 0)
            owners[entity] = known
        return owners

    def _add(self, name: str) -> int:
        number = self._number[name.lower()] = len(self.ids)
        self.ids.append(name)
        if number >= len(self._about):
            more = np.zeros(max(1_024, len(self._about) // 2), _ABOUT)
            self._about = np.concatenate([self._about, more])
        return number

    # What detections see

    def _find(self, traffic: Traffic, report: Report) -> dict[str, set[int]]:
        """The findings, in the report; and the entities whose count of a baseline is suspicious."""
        wanted: dict[int, list[Detection]] = {}
        for detection in self.judge.detections:
            for entity in self._suspects(detection, traffic, report):
                wanted.setdefault(entity, []).append(detection)
        held: dict[str, set[int]] = {}
        for entity in sorted(wanted):
            view = self._view(traffic, entity)
            found, faults = self.judge.ask(wanted[entity], view)
            own = {peer.own_address for peers in (*view.peers.values(), view.malicious) for peer in peers}
            for one in found:
                one.own_addresses = tuple(sorted(own))
                for name, _ in one.finding.held:
                    held.setdefault(name, set()).add(entity)
            report.found += found
            report.faults += faults
        return held

    def _suspects(self, detection: Detection, traffic: Traffic, report: Report) -> Iterable[int]:
        if detection.suspects is not None:
            try:
                return detection.suspects(traffic)
            except Exception as error:  # any error of a detection is ours: each resource is asked by itself
                report.faults.append(self.judge.fault(detection.type, "", traffic.hour, error))
        everyone: list[int] = traffic.active().tolist()
        return everyone

    def _view(self, traffic: Traffic, entity: int) -> TrafficHour:
        owner = int(traffic.owners[entity])
        about = self._about[owner]
        return TrafficHour(
            KIND,
            self.ids[owner],
            traffic.hour * HOUR_US,
            int(about["since_us"]),
            int(about["events"]),
            self._models(owner),
            traffic.seasons,
            {},
            traffic.peers(entity),
            traffic.malicious(entity),
        )

    def _models(self, owner: int) -> dict[str, Any]:
        models = {name: table.model(owner) for name, table in self._tables.items()}
        others = self.judge.baselines.keys() - models.keys()
        if others:
            kept = self._others.setdefault(owner, {})
            for name in sorted(others - kept.keys()):
                kept[name] = self.judge.baselines[name].make()
            models.update(kept)
        return models

    # What is learned

    def _learn(self, learned: Learned, traffic: Traffic, held: Iterable[int], tally: Tally) -> None:
        assert learned.column is not None
        entities, counts = learned.column(traffic)
        if not len(entities):
            return
        name, hour, table = learned.name, traffic.hour, self._tables[learned.name]
        owners = traffic.owners[entities]
        season = traffic.seasons.season(name, hour)
        suspicious = np.isin(entities, list(held))
        expected = table.mean(owners, hour, season.profile)
        tally.note_many(name, counts[~suspicious], expected[~suspicious])
        known = table.hours_learned(owners, hour) >= HOURS_TO_KNOW
        plain = counts <= 2.0 * expected + 2.0
        tally.plain(name, int(np.count_nonzero(known & plain)))
        for at in np.flatnonzero(known & ~plain).tolist():
            model = table.model(int(owners[at]))
            tally.surprise(name, -log10(model.tail(int(counts[at]), hour, season.profile, season.dispersion)))
        skipped = self._skipped(name, traffic, table.last_hours(owners))
        weight = np.where(suspicious, HELD_WEIGHT, 1.0)
        table.learn(owners, counts, hour, season.profile, season.dispersion, skipped, weight)

    def _skipped(self, name: str, traffic: Traffic, last: Ints) -> npt.NDArray[np.float64]:
        """For each last hour, the sum of the profiles of the hours since."""
        hours, index = np.unique(last, return_inverse=True)
        seasons, hour = traffic.seasons, traffic.hour
        sums = [seasons.skipped(name, one, hour) if one >= 0 else 0.0 for one in hours.tolist()]
        return np.array(sums, np.float64)[index]

    def _learn_others(self, traffic: Traffic, report: Report, tally: Tally) -> None:
        """Baselines that are no columns are taught one resource at a time."""
        if self.judge.baselines.keys() <= self._tables.keys():
            return
        found: dict[str, list[Any]] = {}
        for one in report.found:
            found.setdefault(one.entity, []).append(one)
        for entity in traffic.active().tolist():
            view = self._view(traffic, entity)
            report.faults += self.judge.learn(view, found.get(view.entity, []), tally, leave=self._tables)

    # State

    def active_since(self, hour: int) -> Resources:
        """These resources without those that were last active before that hour."""
        quiet = self._about["last_hour"][: len(self.ids)] < hour
        if not quiet.any():
            return self
        kept = Resources(self.judge.settings)
        for number, state in enumerate(self.states()):
            if not quiet[number]:
                kept.put(state)
        return kept

    def states(self) -> Iterator[EntityState]:
        """Each resource as it is saved."""
        for number, id_ in enumerate(self.ids):
            since_us, last_hour, events = self._about[number].item()
            models = {name: t.model(number) for name, t in self._tables.items() if t.has(number)}
            models.update(self._others.get(number, {}))
            yield EntityState(KIND, id_, since_us, last_hour, events, models)

    def put(self, state: EntityState) -> None:
        """Take a saved resource in."""
        number = self._number.get(state.entity.lower())
        if number is None:
            number = self._add(state.entity)
        self._about[number] = (state.since_us, state.last_hour, state.events)
        for name, model in state.models.items():
            if name in self._tables:
                self._tables[name].put(number, model)
            else:
                self._others.setdefault(number, {})[name] = model
