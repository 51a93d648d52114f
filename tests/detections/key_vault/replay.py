"""Shows detections an entity's hours as the engine does: judge by what was learned before, then learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from detections.declare import Detection, Finding
from detections.view import Act, Flat, Hour
from ingest.records import HOUR_US


class Replay:
    """One entity with its models. `play` gives the findings of an hour that are not in the learning period."""

    def __init__(self, detections: Iterable[Detection], entity: str) -> None:
        self.detections = tuple(detections)
        self.entity = entity
        self.learned = {learned.name: learned for d in self.detections for learned in d.baselines}
        self.models: dict[str, Any] = {name: learned.make() for name, learned in self.learned.items()}
        self.since_us: int | None = None
        self.events = 0
        self.recent: tuple[Act, ...] = ()
        self.parameters: Mapping[str, Any] = {}

    def hour(self, hour: int, acts: Iterable[Act]) -> Hour:
        """The view of an hour."""
        ordered = tuple(sorted(acts, key=lambda act: (act.first_us, act.event.uid)))
        start = hour * HOUR_US
        recent = tuple(act for act in self.recent if start - HOUR_US <= act.last_us < start)
        since = ordered[0].first_us if self.since_us is None else self.since_us
        kind = self.detections[0].owner
        return Hour(
            kind,
            self.entity,
            start,
            since,
            self.events,
            self.models,
            Flat(),
            self.parameters,
            ordered,
            recent,
        )

    def play(self, hour: int, acts: Iterable[Act]) -> dict[str, Finding]:
        """Judge and learn an hour."""
        view = self.hour(hour, acts)
        found = {d.type: one for d in self.detections if (one := d.judge(view)) is not None}
        done = view.operations | view.operations_before
        for d in self.detections:  # the engine asks no others
            assert d.type not in found or not d.only_with or d.only_with & done, d.type
        self._learn(view, found.values())
        self.since_us, self.recent = view.since_us, view.acts
        self.events += sum(act.count for act in view.acts)
        return {d.type: found[d.type] for d in self.detections if d.type in found and self._ripe(d, view)}

    def _ripe(self, detection: Detection, view: Hour) -> bool:
        learning = detection.learning
        return learning is None or (
            view.days_learned >= learning.days and view.events_before >= learning.events
        )

    def _learn(self, view: Hour, found: Iterable[Finding]) -> None:
        held = {pair for one in found for pair in one.held}
        for name, learned in self.learned.items():
            for observation in learned.observe(view):
                slow = (name, observation["key"]) in held or (name, "") in held
                told = {**observation, "hour": view.hour}
                if learned.counts:
                    season = view.season(name)
                    told |= {"profile": season.profile, "dispersion": season.dispersion}
                self.models[name].learn_one(told, w=0.1 if slow else 1.0)
