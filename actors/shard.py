"""A shard owns the state of its entities: windows of the open hours, and what was learned of each.

State changes at an hour's close alone, in the order of hours; what a shard says of an hour does not depend
on the order or the batches in which its records came, nor on which other entities share the shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.closed_hour import ClosedHour
from actors.entities import Entities
from actors.entity import MAX_RECENT, MAX_UNFINISHED, EntityState
from actors.judging import Judge
from actors.keys import group_of
from actors.marks import Mark, Marks, excuse, make_up, remembered
from actors.messages import Batch, Close, Fault, Found, Report
from actors.open_hours import OpenHours
from actors.part_table import ENTITIES, PartTable
from actors.recent import NOT_RECENT, Recent, new_state, owner_keys, packed_recent, unpacked_recent
from actors.resources import Resources
from actors.settings import Settings
from actors.shard_state import ALL, Changes, EntityChange
from actors.sightings import Judged, Place, Sightings
from baselines.negative_binomial import incomplete_beta
from baselines.seasons import Seasons
from baselines.tally import Tally
from detections import sign_ins
from detections.catalogue import catalogue_hash
from detections.facts import facts_of
from detections.view import Act, Flat, Hour
from ingest.records import HOUR_US, Event

FORGET_HOURS = 400 * 24  # an entity that was quiet for so long is forgotten


class Shard:
    """One shard. Plain and single-threaded; the runtime calls it in order."""

    def __init__(self, index: int, settings: Settings) -> None:
        if settings.catalogue != catalogue_hash():
            raise RuntimeError("this shard's catalogue of detections differs from the router's: update both")
        incomplete_beta()  # loaded now, and not while records wait
        self.index = index
        self.settings = settings
        self.entities = Entities()
        self.parts = PartTable()
        # What the hour that an entity was active in last leaves to its next one; acts, to the next hour alone.
        self._recent: dict[str, Recent] = {}
        self.judges = {kind: Judge(kind, settings) for kind in dict.fromkeys(ENTITIES.values())}
        self._unfinished: dict[str, dict[int, set[int]]] = {kind: {} for kind in self.judges}
        self.marks = Marks()
        self.resources = Resources(settings, self.marks)
        detections = {kind: judge.detections for kind, judge in self.judges.items()}
        self.sightings = Sightings(self.parts, detections if settings.streaming else {})
        self.open = OpenHours(settings, self.parts, self.resources, self.sightings)
        self._passed = 0  # no record of an hour before this one comes any more
        self.seasons: Any = Flat()
        self.layers_since: dict[str, int] = {}
        self._day = 0
        self._late: list[Found] = []
        self._faults: list[Fault] = []

    def teach(self, marks: Sequence[Mark]) -> None:
        """All marks that there are, each before an hour is closed that it holds for."""
        self.marks.set(marks)

    # Records in

    def apply(self, batch: Batch) -> list[Found]:
        """Take a batch into the open hours' windows; what is to be told of them, and of late records, at once."""
        self.open.add(batch)
        for routed in batch.late:
            self._check_late(routed.event, routed.owners)
        self._passed = max(self._passed, batch.passed)
        found = self._at_once()
        if self.settings.streaming:
            found, self._late = [*found, *self._late], []
        return found

    def _check_late(self, event: Event, owners: int) -> None:
        """A record of a closed hour is still shown to the detections that need no window."""
        act = Act(event, 1, event.at_us, event.at_us)
        for key in owner_keys(event, owners):
            state = self.entities.get(key)
            kind = key.split(":", 1)[0]
            view = self._hour(key, state or new_state(kind, key, event), event.at_us // HOUR_US, [act])
            found, faults = self.judges[kind].windowless(view)
            self._late += found
            self._faults += faults

    def _at_once(self) -> list[Found]:
        """What is known of open hours that no later record can take back, and was not told yet."""
        closed = min((self._passed, *self.open.hours()))
        found, faults = self.sightings.judge(closed, self._unfinished, self._ask_early)
        self._faults += faults
        return found

    def _ask_early(self, place: Place, acts: Sequence[Act], closed: int) -> Judged:
        key = self.parts.entities[place.entity]
        state = self.entities.get(key) or new_state(place.kind, key, acts[0].event)
        judge = self.judges[place.kind]
        judge.prepare(state.models)
        view = self._hour(key, state, place.hour, acts)
        view.recent, view.recent_operations = (
            (),
            frozenset(),
        )  # they might take back what is found without them
        found, faults = judge.at_once(view, closed)
        excuse(found, state.words, self.marks.holding(key, place.hour))
        for one in found:
            one.region = state.region
        return [one for one in found if not one.excused], faults

    # The hour's close

    def close(self, order: Close) -> Report:
        """Judge every entity that was active in the hour, learn from it, and say what was seen."""
        if order.population is not None:
            self.seasons = Seasons.from_snapshot(order.population)
        self.layers_since = order.layers_since
        report = Report(self.index, order.hour)
        tally = Tally()
        self._close_events(order.hour, report, tally)
        traffic = self.open.traffic.pop(order.hour, None)
        if traffic is not None:
            since = self.layers_since.get("network", order.hour * HOUR_US)
            said = self.resources.close(traffic, order.hour, since, self.seasons, tally)
            report.found += said.found
            report.faults += said.faults
            report.entity_days += said.entity_days
            report.learning.update(said.learning)
        if order.hour // 24 != self._day:
            self._day = order.hour // 24
            self._tidy(order.hour)
        report.tally = tally.state()
        self.sightings.close(order.hour)
        self._passed = max(self._passed, order.hour + 1)
        report.found += self._at_once()
        self._account(report)
        return report

    def _close_events(self, hour: int, report: Report, tally: Tally) -> None:
        recent: dict[str, Recent] = {}
        self._close_sign_ins(hour, report)
        for kind in self.judges:
            window = self.open.take(hour, kind)
            if window is None:
                continue
            closed, open_now = window.close(self._unfinished[kind])
            self.judges[kind].begin()
            for at, (key, number) in enumerate(zip(closed.keys, closed.entities, strict=True)):
                recent[key] = self._close_entity(kind, key, closed, at, hour, report, tally)
                self._unfinished[kind].pop(number, None)
                if number in open_now:
                    self._unfinished[kind][number] = set(sorted(open_now[number])[:MAX_UNFINISHED])
            report.judged.update(self.judges[kind].judged)
        self._recent = recent
        self.open.make_room()

    def _close_sign_ins(self, hour: int, report: Report) -> None:
        """Nobody judges them, and who only signs in is no entity: they are for the organisation's view."""
        window = self.open.take(hour, "sign_in")
        if window is None:
            return
        closed, _ = window.close({})
        for at, key in enumerate(closed.keys):
            principal = key.split(":", 1)[1]
            report.facts += sign_ins.facts_of(principal, closed.acts(at))

    def _close_entity(
        self, kind: str, key: str, closed: ClosedHour, at: int, hour: int, report: Report, tally: Tally
    ) -> Recent:
        groups = closed.groups(at)
        state = self.entities.get(key)
        if state is None:
            state = new_state(kind, key, groups[0].event)
        self.entities.put(key, state, hour)
        acts = groups if closed.each_its_own(at) else closed.acts(at)
        view = self._hour(key, state, hour, acts, groups)
        self._judge_and_learn(key, state, view, report, tally)
        if kind == "principal":
            report.facts += facts_of(view)
        state.last_hour = hour
        state.events += closed.counts[at]
        return Recent(hour, closed.acts(at, MAX_RECENT), view.operations)

    def _judge_and_learn(
        self, key: str, state: EntityState, view: Hour, report: Report, tally: Tally
    ) -> None:
        report.entity_days += state.last_hour // 24 != view.hour // 24
        judge = self.judges[state.kind]
        judge.prepare(state.models)
        holding = self.marks.holding(key, view.hour)
        if holding:
            make_up(state.models, state.words, holding, state.last_hour)
        found, faults = judge.judge(view)
        excuse(found, state.words, holding)
        state.words = remembered(state.words, found, holding)
        for one in found:
            one.region = state.region
        report.faults += faults + judge.learn(view, found, tally)
        for one in found:
            if one.brief:
                report.learning[one.type] = report.learning.get(one.type, 0) + 1
        report.found += [one for one in found if not one.brief]

    def _hour(
        self,
        key: str,
        state: EntityState,
        hour: int,
        acts: Sequence[Act],
        groups: Sequence[Act] | None = None,
    ) -> Hour:
        recent = self._recent.get(key, NOT_RECENT)
        if recent.hour != hour - 1:
            recent = NOT_RECENT
        return Hour(
            state.kind,
            state.entity,
            hour * HOUR_US,
            state.since_us,
            state.events,
            state.models,
            self.seasons,
            {},
            acts,
            recent.acts,
            groups,
            recent.operations,
        )

    def _tidy(self, hour: int) -> None:
        """Once a day: forget who was quiet for very long, pack who was quiet for a day."""
        for key in self.entities.forget(hour - FORGET_HOURS):
            self._unfinished[key.split(":", 1)[0]].pop(self.parts.entity_of(key), None)
        self.entities.pack_quiet(hour)
        self.resources.forget(hour - FORGET_HOURS)

    def _account(self, report: Report) -> None:
        """Hand over what was counted since the last report."""
        report.found += self._late
        report.faults += self._faults
        report.applied, report.filtered = self.open.counted()
        report.entities = len(self.entities) + len(self.resources)
        self._late, self._faults = [], []

    def leftovers(self) -> Report:
        """What was counted since the last hour's close."""
        report = Report(self.index, None)
        self._account(report)
        return report

    # State out and in

    def changes(self) -> Changes:
        """What changed since the last time; all of it, if that was never."""
        traffic, events = self.open.changes()
        return Changes(
            entities=[self._entity_change(key, packed) for key, packed in self.entities.changes()],
            resources=[rows for rows in (self.resources.changes(),) if rows is not None],
            traffic=list(traffic),
            events=list(events),
        )

    def _entity_change(self, key: str, packed: bytes | None) -> EntityChange:
        kind = key.split(":", 1)[0]
        unfinished = sorted(self._unfinished[kind].get(self.parts.entity_of(key), ()))
        recent = self._recent.get(key, NOT_RECENT)
        left = packed_recent(recent)
        return EntityChange(group_of(key), key, packed, unfinished, recent.hour if left else 0, left)

    def load(self, saved: Changes, owned: range = ALL, closed_until: int = 0) -> None:
        """Take in what was saved of some key groups; hours before the given one are closed."""
        for entity in saved.entities:
            if owned.start <= entity.group < owned.stop:
                self._load(entity, closed_until)
        for rows in saved.resources:
            self.resources.load(rows, owned)
        self.open.load(saved, owned, closed_until)

    def _load(self, entity: EntityChange, closed_until: int) -> None:
        key = entity.key
        self.entities.load(key, entity.packed)
        unfinished = self._unfinished[key.split(":", 1)[0]]
        unfinished.pop(self.parts.entity_of(key), None)
        if entity.unfinished:
            unfinished[self.parts.entity_of(key)] = set(entity.unfinished)
        self._recent.pop(key, None)
        if entity.recent and entity.recent_hour >= closed_until - 1:
            self._recent[key] = unpacked_recent(entity.recent_hour, entity.recent)

    def mark(self) -> None:
        """All of it is to be among the next changes: what was loaded is of other shards' parts."""
        self.entities.mark()
        self.resources.mark()
        self.open.mark()

    def begin(self, population: Any) -> None:
        """Go on after a checkpoint: judge by the population that was told last."""
        if population is not None:
            self.seasons = Seasons.from_snapshot(population)
        self.open.begin()
