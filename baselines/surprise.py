"""How rare a score is among all entities' hours: the check of a model's improbability against what happened.

A model says how improbable a count is for its entity; where the world has heavier tails than the model (one
scanner in a thousand knocks forty times) it says so too often. So the scores of all entities' hours are kept,
in integers, and a finding's chance is the share of hours that scored as high. Beyond what is frequent enough
to be counted the tail goes on exponentially (the peaks-over-threshold method: Pickands, 1975). Scores far out
are taken as 'at least so high' (a censored fit), so that an attack's own hours hardly move it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log
from typing import Any, Self

STEP = 0.25  # width of a histogram's place, in powers of ten
PLACES = 80
ENOUGH = 500  # hours before the tail is believed
TAIL_SHARE = 0.01  # the tail begins where at most so many hours lie ...
# ... and at least so many: an attack's own hours must not make a tail of their own, far out, that excuses it.
TAIL_HOURS = 30
CENSORED = 16  # places above the tail's begin from which on a score is 'at least so high'
LEAST_SCALE = 1.0 / log(10.0)  # a model that is right: an exponential tail of one power of ten in ten
# So many hours count as if they had been seen in a tail of that scale, in powers of ten.
PRIOR = 5.0
# Of an alert: what is rare enough has not been seen yet, and no tail is thin until many hours say so.
CAUTIOUS = 1.5
EVEN = LEAST_SCALE  # of a rate, which may be neither too low nor too high: a right model's


def whole(value: Any) -> int:
    """A number of a saved histogram. Raises ValueError for one that could not be saved again."""
    number = int(value)
    if abs(number) >> 62:
        raise ValueError("a histogram's number is out of range")
    return number


class Surprises:
    """A histogram of scores (-log10 of the model's chance), and the tail that it has.

    >>> seen = Surprises()
    >>> for number in range(1, 10_001):
    ...     seen.note(log(10_000 / number) / log(10.0))
    >>> 0.5e-4 < seen.chance(4.0) < 3e-4, seen.chance(8.0) < 1e-6
    (True, True)
    """

    __slots__ = ("_places", "hours")

    def __init__(self) -> None:
        self.hours = 0
        self._places: dict[int, int] = {}

    def note(self, score: float, hours: int = 1) -> None:
        """Count an hour, or several that scored alike."""
        place = min(PLACES - 1, int(max(0.0, score) / STEP))
        self.hours += hours
        self._places[place] = self._places.get(place, 0) + hours

    def add(self, other: Surprises) -> None:
        """Count another's hours too."""
        self.hours += other.hours
        for place, number in other._places.items():
            self._places[place] = self._places.get(place, 0) + number

    def chance(self, score: float, prior: float = CAUTIOUS) -> float | None:
        """Share of hours that scored at least so high; None: too few are known.

        A tail may be a mixture: thin where it begins, and heavy farther out. So it is continued from each
        place where it may begin, and the greatest chance counts.
        """
        if self.hours < ENOUGH:
            return None
        begins = [(begin, above) for begin, above in self._tails() if begin * STEP <= score]
        if not begins:
            return self.at_least(score) / self.hours
        return max(
            (above + 0.5) / (self.hours + 1.0) * exp(-(score - begin * STEP) / self._scale(begin, prior))
            for begin, above in begins
        )

    def at_least(self, score: float) -> int:
        """Hours that scored about so high, or higher."""
        place = int(max(0.0, score) / STEP)
        return sum(number for at, number in self._places.items() if at >= place)

    def _tails(self) -> list[tuple[int, int]]:
        """The places where the tail may begin, each with the hours that are in it."""
        begins: list[tuple[int, int]] = []
        above = self.hours
        for place in range(PLACES):
            if place and above <= TAIL_SHARE * self.hours and (above >= TAIL_HOURS or not begins):
                begins.append((place, above))
            above -= self._places.get(place, 0)
        return begins

    def _scale(self, begin: int, prior: float) -> float:
        """Mean of the tail beyond its begin: excesses over hours that ended below the censoring."""
        halves = whole = 0  # in integers: the order in which shards were added up must leave no trace
        for at, number in self._places.items():
            if at >= begin:
                halves += number * min(2 * (at - begin) + 1, 2 * CENSORED)
                whole += number if at - begin < CENSORED else 0
        return max(LEAST_SCALE, (PRIOR * prior + halves * STEP / 2) / (PRIOR + whole))

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [self.hours, sorted(self._places.items())]

    @classmethod
    def restore(cls, state: Iterable[Any]) -> Self:
        """The histogram with that state."""
        seen = cls()
        hours, pairs = state
        seen.hours = whole(hours)
        seen._places = {whole(place): whole(number) for place, number in pairs}
        return seen
