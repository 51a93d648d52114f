"""How large hours are that are rare for whom they belong to, where the same crowd comes to all.

Of what the internet sends every machine has its share: now and then one scanner knocks forty times, where three are
usual. How improbable a machine's own model calls such an hour hangs on what little it has seen of them: one in a
million here, one in 10**30 there, and a tail of such numbers (`baselines.surprise`) says little. So beside them
the counts are kept of all entities' hours that are rare for their own, and a count's chance is at least

    share of the hours that are rare * share of these with as large a count.

Beyond what is frequent enough to be counted the tail goes on exponentially. It is fitted to the lower half, the
other hours are 'at least so large' (a censored fit): an attack's own hours hardly move it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp
from typing import Any, Self

from baselines.surprise import ENOUGH, TAIL_HOURS, whole

RARE_SCORE = 2.5  # -log10 of the chance by the own model from which on an hour is rare
CENSORED = 0.5  # of the hours of a tail: so many may be an attack's, and do not stretch it
# So many hours count as if they had been seen with so much beyond a tail's begin: the noisy scanners of a honeypot.
PRIOR_HOURS, PRIOR_MORE = 5.0, 10.0
PLACES = 16 + 8 * 60  # of the histogram: more than any count has


class Sizes:
    """Counts of rare hours.

    >>> seen = Sizes()
    >>> for number in range(40):
    ...     seen.note(8 + number % 20)
    >>> 5e-4 < seen.chance(20, 20_000) < 2e-3, seen.chance(300, 20_000) < 1e-8
    (True, True)
    """

    __slots__ = ("_hours", "_places")

    def __init__(self) -> None:
        self._hours = 0
        self._places: dict[int, int] = {}  # place of a count (`place_of`) -> hours

    def note(self, count: int) -> None:
        """A rare hour's count."""
        self._hours += 1
        place = place_of(count)
        self._places[place] = self._places.get(place, 0) + 1

    def add(self, other: Sizes) -> None:
        """Another's too."""
        self._hours += other._hours
        for place, hours in other._places.items():
            self._places[place] = self._places.get(place, 0) + hours

    def chance(self, count: int, of: int) -> float:
        """Share of so many hours, rare or not, that are rare and have at least that count; 0: too few are known."""
        if of < ENOUGH or not self._hours:
            return 0.0
        known = [(least_of(place), hours) for place, hours in sorted(self._places.items())]
        count, above, most = max(count, known[0][0]), self._hours, 0.0
        for at, (begin, hours) in enumerate(known):
            if begin > count or (at and above < TAIL_HOURS):
                break
            beyond = exp(-(count - begin) / _scale(known[at:], above))
            most = max(most, (above + 0.5) / (of + 1.0) * beyond)
            above -= hours
        return min(1.0, most)

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [list(pair) for pair in sorted(self._places.items())]

    @classmethod
    def restore(cls, state: Iterable[Any]) -> Self:
        """The counts with that state."""
        seen = cls()
        seen._places = {whole(place): whole(hours) for place, hours in state}
        if any(not 0 <= place < PLACES for place in seen._places):
            raise ValueError("a size is out of range")
        seen._hours = sum(seen._places.values())
        return seen


def _scale(tail: list[tuple[int, int]], hours: int) -> float:
    """Mean of what lies beyond a tail's begin: the sum, over the hours that end below the censoring."""
    begin, known, most = tail[0][0], 0, tail[-1][0]
    for least, number in tail:
        known += number
        if known >= CENSORED * hours:
            most = least
            break
    beyond = sum(hours * (min(least, most) - begin) for least, hours in tail)
    uncensored = sum(hours for least, hours in tail if least < most)
    return (PRIOR_HOURS * PRIOR_MORE + beyond) / (PRIOR_HOURS + uncensored)


def place_of(count: int) -> int:
    """The histogram's place of a count: exact below 16, then eight places to a doubling.

    >>> [place_of(count) for count in (1, 15, 16, 17, 18, 32)]
    [1, 15, 16, 16, 17, 24]
    """
    if count < 16:
        return count
    doublings = count.bit_length() - 5
    return 16 + 8 * doublings + ((count >> (doublings + 1)) & 7)


def least_of(place: int) -> int:
    """The least count of a place.

    >>> [least_of(place_of(count)) for count in (1, 15, 16, 17, 33, 300)]
    [1, 15, 16, 16, 32, 288]
    """
    if place < 16:
        return place
    doublings, eighth = divmod(place - 16, 8)
    return (8 + eighth) << (doublings + 1)
