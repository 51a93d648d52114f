"""Score, then learn: the one place where detections are asked and models are taught."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Set
from math import log10
from typing import Any, NamedTuple, cast

from actors.messages import Fault, Found
from actors.settings import Settings
from baselines.base import own, stand_in
from baselines.seasonal_count import SeasonalCount
from baselines.tally import Tally
from baselines.visit_count import VisitCount
from detections.declare import Detection, Learned, Learning
from detections.view import Hour, TrafficHour

HOURS_TO_KNOW = 48  # an entity's model before its surprises say something of the model
# Findings of an hour and type that are kept of entities that are still learning, the first ones by id: while all
# is new, one finding is like the other. All are counted.
MOST_LEARNING = 20
HOURS_TO_HOLD = 24  # before, a count may be unlike what few quiet hours say and yet be quite usual
HELD_WEIGHT = 0.1  # what is suspicious is learned at a tenth of the weight
HELD_COUNT = 0.13  # a count at an eighth: with what fades meanwhile, one that stays is usual in five days

MOST_SHORTENED = 4096  # sets of operations of which it is remembered who need not be asked

NOTHING_HELD: frozenset[tuple[str, str]] = frozenset()

AnyHour = Hour | TrafficHour
Operations = frozenset[str]


class Asked(NamedTuple):
    """A detection with what the configuration says of it."""

    detection: Detection
    parameters: Mapping[str, Any]
    learning: Learning | None

    def still_learns(self, days: float, events: int) -> bool:
        """Whether it has not seen enough of an entity that is known for so long."""
        rule = self.learning
        return rule is not None and (days < rule.days or events < rule.events)


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
        self._asked = {
            d.type: Asked(d, settings.parameters_of(d.type), settings.learning(d)) for d in self.detections
        }
        self._all = tuple(self._asked.values())
        # By the operations of an hour and of the one before: the detections that may find something.
        self._shortened: dict[tuple[Operations, Operations], tuple[Asked, ...]] = {}
        self._unlearned = {name: stand_in(learned.make) for name, learned in self.baselines.items()}
        self._visits = [name for name, learned in self.baselines.items() if learned.make is VisitCount]

    def prepare(self, models: dict[str, Any]) -> None:
        """Give an entity the models that it lacks."""
        if not self.baselines.keys() <= models.keys():
            for name, model in self._unlearned.items():
                models.setdefault(name, model)
        for name in self._visits:
            if type(models[name]) is SeasonalCount:  # saved by a version that knew no sizes
                models[name] = VisitCount.of(models[name])

    def begin(self) -> None:
        """A new hour: its entities are to be judged in the order of their keys."""
        self._learning, self.judged = {}, {}

    def judge(self, view: AnyHour) -> tuple[list[Found], list[Fault]]:
        """What the detections see in an hour. One that raises is a fault of ours, said and counted."""
        return self._ask(self._in_question(view), view)

    def _in_question(self, view: AnyHour) -> tuple[Asked, ...]:
        """All but those whose operations nobody did lately. Where an alert budget is set, all are to be counted."""
        if self._budgeted or not isinstance(view, Hour):
            return self._all
        done = view.operations, view.operations_before
        asked = self._shortened.get(done)
        if asked is None:
            if len(self._shortened) >= MOST_SHORTENED:
                self._shortened.clear()
            asked = self._shortened[done] = tuple(
                one for one in self._all if _may_find(one.detection, done[0] | done[1])
            )
        return asked

    def windowless(self, view: AnyHour) -> tuple[list[Found], list[Fault]]:
        """What the detections that need no window see in a late record."""
        return self.ask(tuple(d for d in self.detections if d.windowless), view, late=True)

    def at_once(self, view: AnyHour, passed: int) -> tuple[list[Found], list[Fault]]:
        """What may be said of an hour that is open, with those before `passed` closed; nothing while it is learned."""
        days, events = view.days_learned, view.events_before
        asked = [
            one
            for one in self._all
            if _may_be_told(one.detection, view.hour, passed) and not one.still_learns(days, events)
        ]
        return self._ask(asked, view, early=True)

    def ask(
        self, detections: Iterable[Detection], view: AnyHour, *, late: bool = False
    ) -> tuple[list[Found], list[Fault]]:
        """What some detections see in an hour."""
        return self._ask([self._asked[one.type] for one in detections], view, late=late)

    def _ask(
        self, asked: Iterable[Asked], view: AnyHour, *, late: bool = False, early: bool = False
    ) -> tuple[list[Found], list[Fault]]:
        found: list[Found] = []
        faults: list[Fault] = []
        brief, days, events = view.brief, view.days_learned, view.events_before
        for one in asked:
            detection = one.detection
            view.parameters = one.parameters
            learning = one.still_learns(days, events)
            view.brief = brief or (learning and self._learning.get(detection.type, 0) >= MOST_LEARNING)
            try:
                judge = detection.at_once.judge if early and detection.at_once else detection.judge
                finding = judge(view)
            except Exception as error:  # any error of a detection is ours: it must not stop the others
                faults.append(self.fault(detection.type, view.entity, view.hour, error))
                continue
            if self._budgeted and detection.type in self._budgeted and not (learning or late or early):
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

    def learn(
        self, view: AnyHour, found: list[Found], tally: Tally, leave: Container[str] = ()
    ) -> list[Fault]:
        """Teach the models the hour, but those to be left; what a finding holds suspicious is taught slowly."""
        held = {pair for one in found for pair in one.finding.held} if found else NOTHING_HELD
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

    def _teach(self, learned: Learned, view: AnyHour, held: Set[tuple[str, str]], tally: Tally) -> None:
        name = learned.name
        model = view.models[name]
        for observation in learned.observe(view):
            if model.stands_in_for is not None:
                model = own(cast("dict[str, Any]", view.models), name)  # which detections only read
            observation["hour"] = view.hour
            suspicious = bool(held) and ((name, observation["key"]) in held or (name, "") in held)
            if learned.counts:
                suspicious = suspicious and model.hours_learned(view.hour) >= HOURS_TO_HOLD
                season = view.season(name)
                observation["profile"], observation["dispersion"] = season.profile, season.dispersion
                if model.last_hour is not None:
                    observation["skipped"] = view.seasons.skipped(name, model.last_hour, view.hour)
                self._count(learned, model, observation, suspicious, tally)
            elif learned.measured and observation["judged"]:
                tally.surprise(name, model.score_one(observation))
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


def _may_find(detection: Detection, done: Set[str]) -> bool:
    """Whether a detection can find something where these operations were done lately."""
    return not detection.only_with or not detection.only_with.isdisjoint(done)


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
