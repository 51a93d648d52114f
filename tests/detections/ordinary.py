"""Hours as the engine gives them, with acts that tell whether somebody looked at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, overload

from actors.judging import Judge
from actors.messages import Found
from actors.settings import Settings
from baselines import codec
from baselines.tally import Tally
from detections.facts import facts_of
from detections.organisation import Fact
from detections.view import Act, Flat, Hour, grouped
from ingest.records import HOUR_US, Event
from tests.actors.making import acts_of


class Watched(Sequence[Act]):
    """Acts that count how often they are asked for anything."""

    def __init__(self, acts: Sequence[Act]) -> None:
        self.acts = acts
        self.touched = 0

    def __len__(self) -> int:
        self.touched += 1
        return len(self.acts)

    def __iter__(self) -> Iterator[Act]:
        self.touched += 1
        return iter(self.acts)

    @overload
    def __getitem__(self, at: int) -> Act: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Act]: ...

    def __getitem__(self, at: int | slice) -> Act | Sequence[Act]:
        self.touched += 1
        return self.acts[at]


class Life:
    """One entity, judged and taught hour by hour; `watched`: in the way of the engine, else with plain tuples and by all
    detections, whatever was done (`Detection.only_with`)."""

    def __init__(self, kind: str, entity: str, *, watched: bool = False, brief: bool = False) -> None:
        self.kind, self.entity, self.watched, self.brief = kind, entity, watched, brief
        self.judge = Judge(kind, Settings())
        self.models: dict[str, Any] = {}
        self.judge.prepare(self.models)
        self.recent: tuple[Act, ...] = ()
        self.since_us: int | None = None
        self.events = 0
        self.touched = 0  # of the last hour

    def play(self, hour: int, events: Iterable[Event]) -> tuple[list[Found], list[Fact]]:
        """Judge and learn an hour; what was found, and the facts of it."""
        acts = tuple(acts_of(events, self.kind))
        if self.since_us is None:
            self.since_us = acts[0].first_us
        view = self._view(hour, acts, tuple(a for a in self.recent if a.last_us >= (hour - 1) * HOUR_US))
        self.judge.begin()
        asked = self.judge.judge if self.watched else partial(self.judge.ask, self.judge.detections)
        found, faults = asked(view)
        faults += self.judge.learn(view, found, Tally())
        facts = list(facts_of(view)) if self.kind == "principal" else []
        assert not faults, faults
        self.touched = sum(a.touched for a in (view.acts, view.recent) if isinstance(a, Watched))
        self.recent = acts
        self.events += sum(act.count for act in acts)
        return found, facts

    def _view(self, hour: int, acts: tuple[Act, ...], recent: tuple[Act, ...]) -> Hour:
        assert self.since_us is not None
        about = self.kind, self.entity, hour * HOUR_US, self.since_us, self.events, self.models, Flat(), {}
        if not self.watched:
            return Hour(*about, acts, recent, brief=self.brief)
        operations = frozenset(act.event.operation for act in recent)
        return Hour(*about, Watched(acts), Watched(recent), grouped(acts), operations, brief=self.brief)

    def learned(self) -> dict[str, Any]:
        """The state of each model."""
        return {name: codec.pack(model) for name, model in self.models.items()}
