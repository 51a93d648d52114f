"""A shard's resources: what is kept of each as columns, and the close of an hour of traffic over all of them.

What a shard says of an hour is the same as if each resource were judged by itself; a test holds the two
together. Only resources of which a detection has something to say become a `TrafficHour`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.count_tables import CountTables
from actors.entity import EntityState
from actors.judging import MOST_LEARNING, Judge
from actors.keys import entity_key
from actors.marks import Marks, Word, excuse, remembered
from actors.messages import Found, Report
from actors.resource_names import KIND, ResourceNames
from actors.settings import Settings
from actors.shard_checks import ABOUT
from actors.shard_state import ResourceRows, within
from actors.traffic_window import TrafficWindow
from baselines import codec
from baselines.owned_rows import rising
from baselines.tally import Tally
from detections.declare import Detection
from detections.traffic import Traffic
from detections.view import Seasons, TrafficHour
from ingest.records import HOUR_US

Ints = npt.NDArray[np.int64]

DAY_US = 24 * HOUR_US
NEVER = -24  # the last hour of a resource that was not active yet
UNMET = -(1 << 40)  # ... and of one of which only the name is known


class Resources:
    """All resources of a shard."""

    def __init__(self, settings: Settings, marks: Marks | None = None) -> None:
        self.judge = Judge(KIND, settings)
        self._marks = marks or Marks()
        self._words: dict[int, list[Word]] = {}  # what the latest findings of each held back
        self.names = ResourceNames()
        self._about = np.zeros(0, ABOUT)
        self._counts = CountTables(self.judge.baselines)
        self._tables = self._counts.by_name
        self._others: dict[int, dict[str, Any]] = {}  # models that are no columns
        self._keep = settings.checkpoints
        self._changed: list[Ints] = []

    def __len__(self) -> int:
        return int(np.count_nonzero(self._about["last_hour"][: len(self.names.ids)] > UNMET))

    def numbers(self, ids: Sequence[str], since_us: Sequence[int]) -> list[int]:
        """Each resource's number, for ever; it has one before it is met. `since_us`: their starts in the inventory."""
        known = len(self.names.ids)
        numbers = self.names.numbers(ids)
        if (most := len(self.names.ids)) > known:
            if (lacking := most - len(self._about)) > 0:
                more = np.zeros(max(1_024, lacking, len(self._about) // 2), ABOUT)
                self._about = np.concatenate([self._about, more])
            self._about[known:most] = (0, UNMET, 0)
            told, since = np.array(numbers, np.int64), np.array(since_us, np.int64)
            # Backwards, as of one that is there twice the first word counts.
            new = np.flatnonzero(told >= known)[::-1]
            self._about["since_us"][told[new]] = since[new]
        return numbers

    def named_as(self, number: int) -> tuple[str, int]:
        """What `number` was told of a resource that is not met yet: id and start; of others the id tells all."""
        about = self._about[number]
        return self.names.ids[number], int(about["since_us"]) if about["last_hour"] == UNMET else 0

    # The hour's close

    def close(
        self, window: TrafficWindow, hour: int, watched_since_us: int, seasons: Seasons, tally: Tally
    ) -> Report:
        """Judge and learn an hour of traffic."""
        traffic = window.close(hour, self.names.ids)
        owners = traffic.active()
        traffic.tables, traffic.seasons = self._tables, seasons
        self._meet(owners, watched_since_us)
        report = Report(0, hour)
        held = self._find(traffic, report)
        self._counts.learn(traffic, held, tally)
        self._learn_others(traffic, report, tally)
        about = self._about[owners]
        report.entity_days = int(np.count_nonzero(about["last_hour"] // 24 != hour // 24))
        about["last_hour"] = hour
        about["events"] += traffic.connections(owners)
        self._about[owners] = about
        self._note(owners)
        return report

    def _meet(self, owners: Ints, watched_since_us: int) -> None:
        """A resource is watched since its layer is, even if it was quiet: its silence is known."""
        new = owners[self._about["last_hour"][owners] == UNMET]
        self._about["since_us"][new] = np.maximum(self._about["since_us"][new], watched_since_us)
        self._about["last_hour"][new] = NEVER

    # What detections see

    def _find(self, traffic: Traffic, report: Report) -> dict[str, set[int]]:
        """The findings, in the report; and the entities whose count of a baseline is suspicious."""
        self.judge.begin()
        wanted: dict[int, list[Detection]] = {}
        held: dict[str, set[int]] = {}
        for detection in self.judge.detections:
            described, others = self._suspects(detection, traffic, report)
            for entity in described.tolist():
                wanted.setdefault(entity, []).append(detection)
            for name, _ in detection.holds:
                held.setdefault(name, set()).update(others.tolist())
        for entity in sorted(wanted):
            view = self._view(traffic, entity)
            found, faults = self.judge.ask(wanted[entity], view)
            self._excuse(entity, found, traffic.hour)
            own = {peer.own_address for peers in (*view.peers.values(), view.malicious) for peer in peers}
            for one in found:
                one.own_addresses = tuple(sorted(own))
                for name, _ in one.finding.held:
                    held.setdefault(name, set()).add(entity)
            report.found += found
            report.faults += faults
        return held

    def _excuse(self, entity: int, found: list[Found], hour: int) -> None:
        """What was marked benign raises no alert, and is learned as anything else."""
        if not found:
            return
        words = self._words.get(entity, [])
        holding = self._marks.holding(entity_key(KIND, self.names.ids[entity]), hour)
        excuse(found, words, holding)
        if words := remembered(words, found, holding):
            self._words[entity] = words

    def _suspects(self, detection: Detection, traffic: Traffic, report: Report) -> tuple[Ints, Ints]:
        """The entities to be judged, and those of which it is known that a finding would come of it.

        The latter are still learning; only so many findings of those are kept.
        """
        none = np.empty(0, np.int64)
        if detection.suspects is None:
            return traffic.active(), none
        try:
            found: Ints = detection.suspects(traffic)
        except Exception as error:  # any error of a detection is ours: each resource is asked by itself
            report.faults.append(self.judge.fault(detection.type, "", traffic.hour, error))
            return traffic.active(), none
        learning = found[self._learning(detection, traffic, found)]
        if len(learning) <= MOST_LEARNING:
            return found, none
        rest = self.names.in_order(learning)[MOST_LEARNING:]
        report.learning[detection.type] = len(rest)
        return np.setdiff1d(found, rest), rest

    def _learning(self, detection: Detection, traffic: Traffic, entities: Ints) -> npt.NDArray[np.bool_]:
        period = self.judge.settings.learning(detection)
        if period is None:
            return np.zeros(len(entities), bool)
        about = self._about[entities]
        days = np.maximum(0, traffic.hour * HOUR_US - about["since_us"]) / DAY_US
        learning: npt.NDArray[np.bool_] = (days < period.days) | (about["events"] < period.events)
        return learning

    def _view(self, traffic: Traffic, entity: int) -> TrafficHour:
        about = self._about[entity]
        return TrafficHour(
            KIND,
            self.names.ids[entity],
            traffic.hour * HOUR_US,
            int(about["since_us"]),
            int(about["events"]),
            self._models(entity),
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

    def forget(self, before_hour: int) -> None:
        """Forget what is known of resources that were last active before that hour; their names stay."""
        last = self._about["last_hour"][: len(self.names.ids)]
        quiet = np.flatnonzero((last < before_hour) & (last > UNMET))
        if len(quiet):
            self._about["last_hour"][quiet], self._about["events"][quiet] = UNMET, 0
            self._take(quiet)
            self._note(quiet)

    def _take(self, owners: Ints) -> None:
        """Take from some what they have learned."""
        self._counts.forget(owners)
        for number in owners.tolist() if self._others else ():
            self._others.pop(number, None)
        for number in owners.tolist() if self._words else ():
            self._words.pop(number, None)

    def _note(self, owners: Ints) -> None:
        """They have changed."""
        if self._keep:
            self._changed.append(owners)

    def states(self) -> Iterator[EntityState]:
        """Each resource, as an entity."""
        for number, id_ in enumerate(self.names.ids):
            since_us, last_hour, events = self._about[number].item()
            if last_hour != UNMET:
                models = {name: t.model(number) for name, t in self._tables.items() if t.has(number)}
                models.update(self._others.get(number, {}))
                words = self._words.get(number, [])
                yield EntityState(KIND, id_, since_us, last_hour, events, models, words=words)

    def mark(self) -> None:
        """All have changed: they are in a store of other parts."""
        met = np.flatnonzero(self._about["last_hour"][: len(self.names.ids)] > UNMET)
        self._changed = [met]

    def changes(self) -> ResourceRows | None:
        """What changed since the last time."""
        changed = rising(np.concatenate([np.empty(0, np.int64), *self._changed]))
        self._changed = []
        if not len(changed):
            return None
        others = [
            (place, name, codec.pack(model))
            for place, number in enumerate(changed.tolist() if self._others else ())
            for name, model in sorted(self._others.get(number, {}).items())
        ]
        words = [
            (place, self._words[number])
            for place, number in enumerate(changed.tolist() if self._words else ())
            if number in self._words
        ]
        ids = [self.names.ids[number] for number in changed.tolist()]
        groups, about = self.names.groups(changed).tobytes(), self._about[changed].tobytes()
        return ResourceRows(ids, groups, about, self._counts.rows(changed), others, words)

    def load(self, saved: ResourceRows, owned: range) -> None:
        """Take saved resources in, those of the key groups owned. Raises ValueError for another version."""
        groups = np.frombuffer(saved.groups, "<i2")
        mine = within(groups, owned)
        numbers = np.full(len(groups), -1, np.int64)
        ids = [saved.ids[place] for place in np.flatnonzero(mine).tolist()]
        numbers[mine] = self.numbers(ids, [0] * len(ids))
        about = np.frombuffer(saved.about, ABOUT)
        self._about[numbers[mine]] = about[mine]
        self._take(numbers[mine & (about["last_hour"] == UNMET)])
        self._counts.put(numbers, saved.tables)
        for place, name, model in saved.others:
            if numbers[place] >= 0:
                self._others.setdefault(int(numbers[place]), {})[name] = codec.unpack(model)
        for place, words in saved.words:
            if numbers[place] >= 0:
                self._words[int(numbers[place])] = words
