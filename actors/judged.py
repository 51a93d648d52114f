"""What each detection judged, by day, and from it the chance below which it may tell: the alert budget's arithmetic.

Where a stated chance is true, so many entity-hours a day at a threshold make `hours * threshold` false alerts; so the
budget, shared among detections, gives each its threshold. Of counts the stated chance is measured already
(docs/decisions/0004). Of the others it is an entity's own model's, and is measured here: as the share of the
entity-hours judged in which a finding was as improbable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from baselines.surprise import ENOUGH, EVEN, PLACES, STEP, Surprises

DAYS = 28  # that are remembered
ENOUGH_DAYS = 7  # before they say how often something is found: a week has its rhythm
MOST = 1 << 62  # entity-hours of a saved state: more were never judged

Day = tuple[int, dict[int, int]]  # entity-hours judged; of findings, place of their score -> how many


class Judged(NamedTuple):
    """What a detection judged in the days before one."""

    a_day: float  # entity-hours
    days: int  # of which that is the mean
    found: int  # findings, in all of them
    seen: Surprises  # how improbable they were, among all entity-hours judged

    def chance(self, score: float) -> float:
        """Share of the entity-hours judged in which something so improbable was found."""
        known = self.seen.chance(score, EVEN)
        return 1.0 if known is None else known

    def most(self, highest: float | None) -> float:
        """The most false alerts that are to be expected in a day: if all findings are told, up to a stated chance."""
        found = self.found / self.days
        return found if highest is None else min(found, self.a_day * highest)


class Limit(NamedTuple):
    """What a detection may tell on a day."""

    threshold: float  # what is more probable raises no alert
    alerts: float  # false ones that are to be expected of it in the day
    judged: Judged  # by which a chance is measured that is not where it is stated


class JudgedDays:
    """Entity-hours that were judged, and how improbable their findings were, by detection and day."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        """Raises ValueError for what is no such state."""
        self._days = {type_: dict(_day(*row) for row in rows) for type_, rows in (state or {}).items()}

    def note(self, type_: str, day: int, judged: int, scores: Iterable[float] = ()) -> None:
        """Of an hour of that day."""
        days = self._days.setdefault(type_, {})
        before, places = days.get(day, (0, {}))
        for score in scores:
            place = min(PLACES - 1, int(score / STEP))
            places[place] = places.get(place, 0) + 1
        days[day] = before + judged, places
        for old in [one for one in days if one < day - DAYS]:
            del days[old]

    def before(self, type_: str, day: int) -> Judged:
        """What the days before that one had."""
        days = {at: one for at, one in self._days.get(type_, {}).items() if day - DAYS <= at < day}
        judged, seen = sum(hours for hours, _ in days.values()), Surprises()
        for _, places in days.values():
            for place, number in places.items():
                seen.note((place + 0.5) * STEP, number)
        found = seen.hours
        seen.note(0.0, max(0, judged - found))
        many = day - min(days, default=day - 1)
        return Judged(judged / many, many, found, seen)

    def state(self) -> dict[str, Any]:
        """As MessagePack values."""
        return {
            type_: [[day, judged, sorted(places.items())] for day, (judged, places) in sorted(days.items())]
            for type_, days in sorted(self._days.items())
        }


def _day(day: Any, judged: Any, places: Any) -> tuple[int, Day]:
    found = dict(places)
    numbers = [day, judged, *found, *found.values()]
    if not all(type(one) is int and 0 <= one <= MOST for one in numbers) or max(found, default=0) >= PLACES:
        raise ValueError("what was judged on a day is none")
    return day, (judged, found)


def limits(
    judged: JudgedDays, day: int, budget: float, sharing: Mapping[str, float | None]
) -> dict[str, Limit]:
    """Each detection's limit on a day; that of which too little was judged yet has none.

    `sharing`: who shares the budget, each with the highest threshold that it may get; None: its chances are not
    measured where they are stated, and it may tell all that it finds.
    """
    known = {type_: judged.before(type_, day) for type_ in sharing}
    known = {t: one for t, one in known.items() if one.seen.hours >= ENOUGH and one.days >= ENOUGH_DAYS}
    most = {type_: one.most(sharing[type_]) for type_, one in known.items()}
    shares = shared(budget, most)
    return {
        type_: Limit(_threshold(shares[type_], most[type_], one, sharing[type_]), shares[type_], one)
        for type_, one in known.items()
    }


def _threshold(share: float, most: float, judged: Judged, highest: float | None) -> float:
    if share >= most:
        return 1.0 if highest is None else highest
    return share / judged.a_day


def shared(budget: float, most: Mapping[str, float]) -> dict[str, float]:
    """The budget in equal shares; what one can't use is the others'.

    >>> shared(4.0, {"a": 0.5, "b": 1.0, "c": 9.0})
    {'a': 0.5, 'b': 1.0, 'c': 2.5}
    """
    shares, left = {}, budget
    for place, type_ in enumerate(sorted(most, key=lambda type_: (most[type_], type_))):
        shares[type_] = min(most[type_], left / (len(most) - place))
        left -= shares[type_]
    return shares
