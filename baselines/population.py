"""The organisation's view of counts: all that shards have counted, added up over all entities and closed hours.

For each counting baseline: the week's rhythm and the dispersion (`baselines.seasons`), and the sums of
`baselines.tally`, by which it is told how rare a count, or a surprise, is anywhere.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from baselines.seasons import DEFAULT_DISPERSION, ENOUGH_HOURS, WEEK, Season, Seasons
from baselines.sizes import place_of
from baselines.tally import FIXED, Sums, Tally

SEASONED_HOURS = ENOUGH_HOURS + 48  # from then on hours are judged by it: two days' views are on their way
ENOUGH_COUNTS = 200
HIGH = 1.25  # times as much as usual: an hour of which it is not asked how rare its surprises are
PRIOR_DUE = 5.0  # entities as if seen with what is usual: of a few it is not believed that all have risen


class Population:
    """Everything over all entities and closed hours."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last: int | None = None
        self._sums: dict[str, Sums] = {}
        self._weeks: dict[str, list[int]] = {}

    def close(self, hour: int, tally: Tally, common: Collection[str] = ()) -> None:
        """Take an hour's tally in; hours come in order, empty ones may be left out.

        `common`: baselines of which an hour is judged by how much more all see in it. How rare surprises are is then
        known from the hours that are not high: what a high one adds would be counted twice.
        """
        self._first = hour if self._first is None else self._first
        if self._age(self._last) < SEASONED_HOURS <= self._age(hour):
            # Without a profile the week's rhythm passed for scatter: it would widen every tail for months.
            for sums in self._sums.values():
                sums.excess = sums.squares = 0
        self._last = hour
        for name, sums in tally.items():
            ordinary = name not in common or self.risen(name, tally) <= HIGH
            self._sums.setdefault(name, Sums()).add(sums, surprises=ordinary)
            self._weeks.setdefault(name, [0] * WEEK)[hour % WEEK] += sums.capped

    def _age(self, hour: int | None) -> int:
        return 0 if hour is None or self._first is None else hour - self._first + 1

    def _hours(self) -> list[int]:
        """How often each hour of the week has been."""
        if self._first is None or self._last is None:
            return [0] * WEEK
        weeks, rest = divmod(self._last - self._first + 1, WEEK)
        hours = [weeks] * WEEK
        for number in range(rest):
            hours[(self._first + number) % WEEK] += 1
        return hours

    def dispersion(self, baseline: str) -> float:
        """Over all entities; 0.5 until enough is known."""
        sums = self._sums.get(baseline)
        if sums is None or sums.squares < 20 * FIXED:
            return DEFAULT_DISPERSION
        return min(10.0, max(0.02, sums.excess / sums.squares))

    def snapshot(self) -> Any:
        """What shards judge by, as MessagePack values."""
        rows = [[name, list(week), self.dispersion(name)] for name, week in sorted(self._weeks.items())]
        return [self._hours(), rows]

    def season(self, baseline: str, hour: int) -> Season:
        """The season as of now."""
        return Seasons(self.snapshot()).season(baseline, hour)

    def share_at_least(self, baseline: str, count: int) -> float | None:
        """Share of the entity-hours that were not zero with about so large a count; None: too few known."""
        sums = self._sums.get(baseline)
        if sums is None or sums.hours < ENOUGH_COUNTS:
            return None
        place = place_of(count)
        return sum(number for at, number in sums.histogram.items() if at >= place) / sums.hours

    def chance(self, baseline: str, score: float, count: int | None = None) -> float | None:
        """Share of the entity-hours that scored at least so high; None: too few known.

        `count`: of what the same crowd sends to all; never less than the share of hours that were rare with as much.
        """
        sums = self._sums.get(baseline)
        known = None if sums is None else sums.surprises.chance(score)
        if sums is None or known is None or count is None:
            return known
        return max(known, sums.sizes.chance(count, sums.surprises.hours))

    def risen(self, baseline: str, now: Tally) -> float:
        """How many times as much as usual all entities together count in an hour: what one of them did is not in it.

        What entities let expect is held against what came of it before: where a model expects too little of all, its
        error is in both. Counts of one entity are capped, and findings are left out, so one that is attacked moves it
        little.
        """
        met, due = now.level(baseline)
        sums = self._sums.get(baseline)
        if sums is None or sums.due < ENOUGH_COUNTS * FIXED:
            return 1.0
        usual = due * sums.met / sums.due
        return (met + PRIOR_DUE) / (usual + PRIOR_DUE)

    def typical(self, baseline: str) -> float | None:
        """Mean count of entity-hours that were not zero."""
        sums = self._sums.get(baseline)
        return sums.total / sums.hours if sums is not None and sums.hours else None

    def state(self) -> list[Any]:
        """As MessagePack values."""
        rows = [[name, self._weeks[name], *sums.state()] for name, sums in sorted(self._sums.items())]
        return [self._first, self._last, rows]

    @classmethod
    def restore(cls, state: Any) -> Self:
        """The population with that state."""
        population = cls()
        population._first, population._last, rows = state
        for name, week, *sums in rows:
            population._weeks[name] = list(week)
            population._sums[name] = Sums.restore(sums)
        return population
