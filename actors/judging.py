"""Score, then learn: the one place where detections are asked and models are taught."""

from __future__ import annotations

from collections.abc import Container, Iterable
from math import log10
from typing import Any

from actors.messages import Fault, Found
from actors.settings import Settings
from baselines.population import Tally
from baselines.seasonal_count import SeasonalCount
from baselines.visit_count import VisitCount
from detections.declare import Detection, Learned
from detections.view import Hour, TrafficHour

HOURS_TO_KNOW = 48  # an entity's model before its surprises say something of the model
# Findings of an hour and type that are kept of entities that are still learning, the first ones by id: while all
# is new, one finding is like the other. All are counted.
MOST_LEARNING = 20
HOURS_TO_HOLD = 24  # before, a count may be unlike what few quiet hours say and yet be quite usual
HELD_WEIGHT = 0.1  # what is suspicious is learned at a tenth of the weight
HELD_COUNT = 0.13  # a count at an eighth: with what fades meanwhile, one that stays is usual in five days

AnyHour = Hour | TrafficHour


class Judge:
    """The enabled detections of one kind of entity, and the baselines that they need."""

    def __init__(self, kind: str, settings: Settings) -> None:
        self.kind = kind
        self.settings = settings
        self.detections = settings.enabled(kind)
        self.baselines = _shared(self.detections)
        self._learning: dict[str, int] = {}  # by type, in this hour: findings of entities still learning
        self.judged: dict[
            str, int
        ] = {}  # by type, in this hour: entities judged, where an alert budget is set
        self._budgeted = frozenset(
            type_ for type_, stated in settings.sharing_budget().items() if not stated.baseline
        )
        self._parameters = {d.type: settings.parameters_of(d.type) for d in self.detections}
        self._visits = [name for name, learned in self.baselines.items() if learned.make is VisitCount]

    def prepare(self, models: dict[str, Any]) -> None:
        """Give an entity the models that it lacks."""
        if not self.baselines.keys() <= models.keys():
            for name, learned in self.baselines.items():
                if name not in models:
                    models[name] = learned.make()
        for name in self._visits:
            if type(models[name]) is SeasonalCount:  # saved by a version that knew no sizes
                models[name] = VisitCount.of(models[name])

    def begin(self) -> None:
        """A new hour: its entities are to be judged in the order of their keys."""
        self._learning, self.judged = {}, {}

    def judge(self, view: AnyHour) -> tuple[list[Found], list[Fault]]:
        """What the detections see in an hour. One that raises is a fault of ours, said and counted."""
        return self.ask(self.detections, view)

    def windowless(self, view: AnyHour) -> tuple[list[Found], list[Fault]]:
        """What the detections that need no window see in a late record."""
        return self.ask(tuple(d for d in self.detections if d.windowless), view, late=True)

    def at_once(self, view: AnyHour, passed: int) -> tuple[list[Found], list[Fault]]:
        """What may be said of an hour that is open, with those before `passed` closed; nothing while it is learned."""
        asked = []
        for detection in self.detections:
            view.parameters = self._parameters[detection.type]
            if _may_be_told(detection, view.hour, passed) and not self._still_learning(detection, view):
                asked.append(detection)
        return self.ask(asked, view, early=True)

    def ask(
        self, detections: Iterable[Detection], view: AnyHour, *, late: bool = False, early: bool = False
    ) -> tuple[list[Found], list[Fault]]:
        """What some detections see in an hour."""
        found: list[Found] = []
        faults: list[Fault] = []
        brief = view.brief
        for detection in detections:
            view.parameters = self._parameters[detection.type]
            learning = self._still_learning(detection, view)
            view.brief = brief or (learning and self._learning.get(detection.type, 0) >= MOST_LEARNING)
            try:
                judge = detection.at_once.judge if early and detection.at_once else detection.judge
                finding = judge(view)
            except Exception as error:  # any error of a detection is ours: it must not stop the others
                faults.append(self.fault(detection.type, view.entity, view.hour, error))
                continue
            if detection.type in self._budgeted and not (learning or late or early):
                self.judged[detection.type] = self.judged.get(detection.type, 0) + 1
            if finding is not None:
                self._learning[detection.type] = self._learning.get(detection.type, 0) + learning
                found.append(
                    Found(
                        detection.type,
                        self.kind,
                        view.entity,
                        view.hour,
                        finding,
                        learning,
                        late,
                        brief=view.brief,
                        early=early,
                    )
                )
        view.brief = brief
        return found, faults

    def _still_learning(self, detection: Detection, view: AnyHour) -> bool:
        learning = self.settings.learning(detection)
        if learning is None:
            return False
        return view.days_learned < learning.days or view.events_before < learning.events

    def learn(
        self, view: AnyHour, found: list[Found], tally: Tally, leave: Container[str] = ()
    ) -> list[Fault]:
        """Teach the models the hour, but those to be left; what a finding holds suspicious is taught slowly."""
        held = {pair for one in found for pair in one.finding.held}
        faults: list[Fault] = []
        for name, learned in self.baselines.items():
            if name in leave:
                continue
            try:
                self._teach(learned, view, held, tally)
            except Exception as error:  # as above: one baseline's fault is not the others'
                faults.append(self.fault(name, view.entity, view.hour, error))
        return faults

    def fault(self, name: str, entity: str, hour: int, error: Exception) -> Fault:
        """A detection's or baseline's error, as it is reported."""
        return Fault(name, entity, hour, f"{type(error).__name__}: {error}"[:300])

    def _teach(self, learned: Learned, view: AnyHour, held: set[tuple[str, str]], tally: Tally) -> None:
        model = view.models[learned.name]
        for observation in learned.observe(view):
            observation["hour"] = view.hour
            suspicious = (learned.name, observation["key"]) in held or (learned.name, "") in held
            if learned.counts:
                suspicious = suspicious and model.hours_learned(view.hour) >= HOURS_TO_HOLD
                season = view.season(learned.name)
                observation["profile"], observation["dispersion"] = season.profile, season.dispersion
                if model.last_hour is not None:
                    observation["skipped"] = view.seasons.skipped(learned.name, model.last_hour, view.hour)
                self._count(learned, model, observation, suspicious, tally)
            elif learned.measured and observation["judged"]:
                tally.surprise(learned.name, model.score_one(observation))
            slowly = HELD_COUNT if learned.counts else HELD_WEIGHT
            model.learn_one(observation, w=slowly if suspicious else 1.0)

    def _count(
        self, learned: Learned, model: Any, seen: dict[str, Any], suspicious: bool, tally: Tally
    ) -> None:
        """Tell the population of a count, and of how surprising it was to a model that knows its entity."""
        name, hour, count, profile = learned.name, seen["hour"], seen["count"], seen["profile"]
        expected = model.mean(hour, profile)
        if not suspicious:
            tally.note(name, count, expected)
        if model.hours_learned(hour) >= HOURS_TO_KNOW:
            # Most hours are quite usual, and the tail costs more than all the rest: it is for the others.
            plain = count <= 2.0 * expected + 2.0
            chance = 1.0 if plain else model.tail(count, hour, profile, seen["dispersion"])
            tally.surprise(name, -log10(chance) + 0.0, count if learned.crowd and not suspicious else None)


def _may_be_told(detection: Detection, hour: int, passed: int) -> bool:
    """Whether so much is closed before an open hour as a detection needs."""
    how = detection.at_once
    return how is not None and (how.after is None or passed > hour - how.after)


def _shared(detections: tuple[Detection, ...]) -> dict[str, Learned]:
    """The baselines of several detections by name; two of one name must be the same."""
    baselines: dict[str, Learned] = {}
    for detection in detections:
        for learned in detection.baselines:
            if baselines.setdefault(learned.name, learned) != learned:
                raise ValueError(
                    f"{detection.type}: baseline {learned.name!r} is declared twice, differently"
                )
    return baselines
