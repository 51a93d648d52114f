"""An entity's days with an hour that its model calls rare: what came on several of them is no surprise any more.

A mean and its scatter know nothing of a job that runs once a night and moves forty files: each night is as improbable
as the one before. So the largest such hour of each day is remembered, for five weeks. What some earlier days had in
that size comes as often as it came, among the entity's active hours; what is larger is held against that size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Self

from baselines.base import rows_of_numbers, whole
from baselines.negative_binomial import upper_tail

RARE = 1e-2  # the chance, by the model alone, below which an hour is remembered
KEPT = 6  # days: those with the largest hours
SPAN_H = 35 * 24
# Days with as much that make it usual, so that who comes again is told for four days; or two weeks' same hours, which
# no attacker keeps to and every timer does.
DAYS, WEEKS = 4, 2
SCATTER = 0.02  # dispersion of a job's size, beside Poisson's: what grows by a third each day is none
# Days that a right model expects to have had as much need no further explanation. What they are is known from a few
# hours, so three times as many are granted: a model that is right is left alone in 49 of 50 cases.
GRANTED = 3.0
FIXED = 1 << 10  # a profile's fixed point: it is at least 0.05
DAY, WEEK = 24, 168
MOST, MOST_PROFILE = (1 << 31) - 1, (1 << 16) - 1  # of what is remembered

Day = tuple[int, int, int]  # hour, count, profile in fixed point
Known = tuple[int, int]  # what a day's hour comes to now, and when it was


class Said(NamedTuple):
    """What earlier days say of a count."""

    chance: float
    days: int  # how many there are, and what each of them comes to in such an hour
    at_least: int


class LargeDays:
    """Such days of one entity.

    >>> seen = LargeDays(0, active=7)
    >>> for day in range(7):
    ...     seen.note(24 * day + 1, 38 + day, 1.0)
    >>> improbable = lambda count: 1e-9
    >>> seen.chance(40, 24 * 7 + 1, 1.0, improbable) > 0.2, seen.chance(400, 24 * 7 + 1, 1.0, improbable) < 1e-8
    (True, True)
    """

    __slots__ = ("active", "days", "since")

    def __init__(self, since: int, active: int = 0) -> None:
        self.since = since  # the first hour that was remembered
        self.active = active  # hours since, and that one, in which something happened
        self.days: list[Day] = []

    def note(self, hour: int, count: int, profile: float) -> None:
        """Remember an hour. Of a day the largest is, of days those with the largest."""
        day = hour, min(count, MOST), min(max(1, round(profile * FIXED)), MOST_PROFILE)
        of_day = [one for one in self.days if one[0] // DAY == hour // DAY]
        kept = [one for one in self.days if one[0] // DAY != hour // DAY and one[0] > hour - SPAN_H]
        kept.append(max([*of_day, day], key=_size))
        self.days = sorted(sorted(kept, key=_size, reverse=True)[:KEPT])

    def chance(self, count: int, hour: int, profile: float, own: Callable[[int], float]) -> float:
        """What these days say at least of that many in an hour; 0 where they say nothing. `own(n)`: the model's P(X >= n)."""
        return self.said(count, hour, profile, own).chance

    def said(self, count: int, hour: int, profile: float, own: Callable[[int], float]) -> Said:
        """The same, with the days that say it."""
        kinds = self._kinds(hour, profile)
        return max((self._share(count, days, hour, own) for days in kinds), default=Said(0.0, 0, 0))

    def _share(self, count: int, days: list[Known], hour: int, own: Callable[[int], float]) -> Said:
        """The share of hours that such days make up, and of those the share with that many."""
        latest = [size for size, _ in sorted(days, key=lambda one: one[1])[-DAYS:]] + [count]
        if len(latest) > DAYS and all(before < after for before, after in pairwise(latest)):
            return Said(
                0.0, 0, 0
            )  # more on each day than on the one before: somebody is trying how far it goes
        level, oldest = min(size for size, _ in days), min(then for _, then in days)
        hours = max(len(days), self.active * (hour - oldest) / max(1, hour - self.since))
        unexplained = len(days) - GRANTED * hours * own(level)
        chance = max(0.0, unexplained) / hours * upper_tail(count, level, SCATTER)
        return Said(chance, len(days), level)

    def _kinds(self, hour: int, profile: float) -> Iterator[list[Known]]:
        """Of earlier days those with most, and those with most in the same hour of the week, if they are enough."""
        days = [one for one in self.days if one[0] // DAY < hour // DAY and one[0] > hour - SPAN_H]
        free = [one for one in days if _near(hour, one[0], DAY) or not _keeps_its_hour(one, days)]
        yield from _most([(_now(one, hour, profile), one[0]) for one in free], DAYS)
        yield from _most([(one[1], one[0]) for one in days if _near(hour, one[0], WEEK)], WEEKS)

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [self.since, self.active, [list(day) for day in self.days]]

    @classmethod
    def restore(cls, state: Any) -> Self:
        """The days with that state. Raises ValueError for one that is none."""
        if not isinstance(state, list | tuple) or len(state) != 3:
            raise ValueError("large days are none")
        since, active, days = state
        large = cls(whole(since, 0, MOST), whole(active, 1, MOST))
        for hour, count, profile in rows_of_numbers(days, 3, KEPT):
            large.days.append((whole(hour, 0, MOST), whole(count, 1, MOST), whole(profile, 1, MOST_PROFILE)))
        return large


def _size(day: Day) -> tuple[int, int]:
    """Orders days: by the count, the later of two that are alike first."""
    return day[1], day[0]


def _most(days: list[Known], needed: int) -> Iterator[list[Known]]:
    """Those with the most that so many had, if so many are there."""
    if len(days) >= needed:
        level = sorted(days, reverse=True)[needed - 1][0]
        yield [one for one in days if one[0] >= level]


def _near(hour: int, then: int, rhythm: int) -> bool:
    """Whether two hours are the same hour of the day or week, or beside it."""
    return (hour - then + 1) % rhythm <= 2


def _keeps_its_hour(day: Day, days: list[Day]) -> bool:
    """Whether so many days were large at this one's time of day that it is a job's: it says nothing of another time."""
    return sum(_near(day[0], other[0], DAY) for other in days) >= DAYS


def _now(day: Day, hour: int, profile: float) -> int:
    """What a day's hour would have been at this hour of the week, and never more than it was.

    At the same time of day it is what it was: a job has its own hours, not the organisation's.
    """
    then, count, its = day
    if _near(hour, then, DAY):
        return count
    return max(1, min(count, int(count * FIXED * profile / its)))
