"""The organisation's view of counts: in integers, so that shards may be added up in any order.

For each counting baseline: how busy each hour of the week is (the profile), how much more counts scatter
than chance would have it (the dispersion), how large counts are (a histogram), how surprising they were to
their entity's model (`baselines.surprise`), and how large those were that were rare to it (`baselines.sizes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import accumulate
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from baselines.negative_binomial import zeros_beside, zeros_beside_many
from baselines.sizes import RARE_SCORE, Sizes, place_of
from baselines.surprise import Surprises, whole

WEEK = 168
FIXED = 1 << 20  # fixed point: fractions are kept in millionths, about
ENOUGH_HOURS = 2 * WEEK  # of telemetry before a profile is believed
SEASONED_HOURS = ENOUGH_HOURS + 48  # from then on hours are judged by it: two days' views are on their way
ENOUGH_COUNTS = 200
ZEROS_DISPERSION = 0.1  # taken for how many hours of a zero stand beside the others
LEAST_EXPECTED = 0.2  # below that an hour says too little of scatter
HIGH = 1.25  # times as much as usual: an hour of which it is not asked how rare its surprises are
PRIOR_DUE = 5.0  # entities as if seen with what is usual: of a few it is not believed that all have risen
DEFAULT_DISPERSION = 0.5

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Season(NamedTuple):
    """An hour's profile (1 = an average hour) and the dispersion over all entities."""

    profile: float = 1.0
    dispersion: float = DEFAULT_DISPERSION


_FLAT = Season()


class _Sums:
    """What is added up for one baseline."""

    __slots__ = (
        "capped",
        "due",
        "excess",
        "histogram",
        "hours",
        "met",
        "sizes",
        "squares",
        "surprises",
        "total",
    )

    def __init__(self) -> None:
        self.hours = 0  # entity-hours that were not zero
        self.total = 0
        self.capped = 0  # counts, none above a few times what its entity lets expect
        self.excess = 0
        self.squares = 0
        # Capped counts of those entities that let expect any, and what they let expect of an hour with any: weighed so
        # that a busy one counts for about as much as a quiet one.
        self.met = 0
        self.due = 0
        self.histogram: dict[int, int] = {}
        self.surprises = Surprises()
        self.sizes = Sizes()

    def add(self, other: _Sums, *, surprises: bool = True) -> None:
        for name in ("hours", "total", "capped", "excess", "squares", "met", "due"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for place, number in other.histogram.items():
            self.histogram[place] = self.histogram.get(place, 0) + number
        if surprises:
            self.surprises.add(other.surprises)
            self.sizes.add(other.sizes)

    def state(self) -> list[Any]:
        numbers = [self.hours, self.total, self.capped, self.excess, self.squares]
        seen = [sorted(self.histogram.items()), self.surprises.state()]
        return [*numbers, *seen, self.met, self.due, self.sizes.state()]

    @classmethod
    def restore(cls, state: Iterable[Any]) -> Self:
        sums = cls()
        sums.hours, sums.total, sums.capped, sums.excess, sums.squares, pairs, surprises, *later = state
        sums.met, sums.due = map(whole, later[:2] or (0, 0))  # older states knew nothing of it
        sums.sizes = Sizes.restore(later[2] if len(later) > 2 else ())
        sums.histogram = {whole(place): whole(number) for place, number in pairs}
        sums.surprises = Surprises.restore(surprises)
        return sums


def places_of(counts: Ints) -> Ints:
    """`place_of` of a column."""
    # The exponent of a count as a floating number is its length in bits: exact below 2**53.
    doublings = np.maximum(np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 5, 0)
    return np.where(counts < 16, counts, 16 + 8 * doublings + ((counts >> (doublings + 1)) & 7))


def _counted(values: Ints) -> tuple[list[int], list[int]]:
    found, times = np.unique(values, return_counts=True)
    return found.tolist(), times.tolist()


class Tally:
    """What one shard saw in one closed hour."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sums] = {}

    def _of(self, baseline: str) -> _Sums:
        sums = self._sums.get(baseline)
        if sums is None:
            sums = self._sums[baseline] = _Sums()
        return sums

    def note(self, baseline: str, count: int, expected: float) -> None:
        """An entity's count in the hour, and what its own history let expect."""
        sums = self._of(baseline)
        if count:
            sums.hours += 1
            sums.total += count
            # One flooded entity must not be the week's rhythm of all.
            sums.capped += min(count, 10 + int(3 * expected))
            place = place_of(count)
            sums.histogram[place] = sums.histogram.get(place, 0) + 1
        if expected >= LEAST_EXPECTED:
            bounded = min(float(count), expected + 12.0 * (1.0 + expected))
            # Weighed so that a busy entity counts for no more than a handful of quiet ones.
            weight = FIXED / (1.0 + expected * expected)
            unseen = zeros_beside(expected, ZEROS_DISPERSION) if count else 0.0
            excess = (bounded - expected) ** 2 - expected + unseen * (expected * expected - expected)
            sums.excess += int(excess * weight)
            sums.squares += int((1.0 + unseen) * expected * expected * weight)
            if count:
                sums.met += int(min(count, 10 + int(3 * expected)) * (FIXED / (1.0 + expected)))
                sums.due += int((1.0 + unseen) * expected * (FIXED / (1.0 + expected)))

    def note_many(self, baseline: str, counts: Ints, expected: Floats) -> None:
        """`note` for many entities' counts (none of them 0) at once."""
        sums = self._of(baseline)
        sums.hours += len(counts)
        sums.total += int(counts.sum())
        capped = np.minimum(counts, 10 + (3 * expected).astype(np.int64))
        sums.capped += int(capped.sum())
        for place, number in zip(*_counted(places_of(counts)), strict=True):
            sums.histogram[place] = sums.histogram.get(place, 0) + number
        said = expected >= LEAST_EXPECTED
        mean, seen = expected[said], counts[said].astype(np.float64)
        bounded = np.minimum(seen, mean + 12.0 * (1.0 + mean))
        weight = FIXED / (1.0 + mean * mean)
        unseen = zeros_beside_many(mean, ZEROS_DISPERSION)
        excess = (bounded - mean) ** 2 - mean + unseen * (mean * mean - mean)
        sums.excess += int((excess * weight).astype(np.int64).sum())
        sums.squares += int(((1.0 + unseen) * mean * mean * weight).astype(np.int64).sum())
        share = FIXED / (1.0 + mean)
        sums.met += int((capped[said] * share).astype(np.int64).sum())
        sums.due += int(((1.0 + unseen) * mean * share).astype(np.int64).sum())

    def surprise(self, baseline: str, score: float, count: int | None = None) -> None:
        """How surprising an entity's hour was to its model: of every hour, flagged or not.

        `count`: of what the same crowd sends to all, and no finding holds suspicious.
        """
        sums = self._of(baseline)
        sums.surprises.note(score)
        if count is not None and score >= RARE_SCORE:
            sums.sizes.note(count)

    def plain(self, baseline: str, hours: int) -> None:
        """So many entities' hours surprised nobody."""
        self._of(baseline).surprises.note(0.0, hours)

    def alike(self, baseline: str, score: float) -> tuple[int, int]:
        """How many entities scored at least so high in this hour, of how many."""
        sums = self._sums.get(baseline)
        return (0, 0) if sums is None else (sums.surprises.at_least(score), sums.surprises.hours)

    def level(self, baseline: str) -> tuple[float, float]:
        """What was counted of the entities that let expect any, and what they let expect: about one for each."""
        sums = self._sums.get(baseline)
        return (0.0, 0.0) if sums is None else (sums.met / FIXED, sums.due / FIXED)

    def merge(self, other: Tally) -> None:
        """Add another shard's tally of the hour."""
        for name, sums in other._sums.items():
            self._sums.setdefault(name, _Sums()).add(sums)

    def items(self) -> Iterable[tuple[str, _Sums]]:
        """The sums by baseline."""
        return self._sums.items()

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [[name, *sums.state()] for name, sums in sorted(self._sums.items())]

    @classmethod
    def restore(cls, state: Any) -> Self:
        """The tally with that state."""
        tally = cls()
        tally._sums = {name: _Sums.restore(sums) for name, *sums in state}
        return tally


class Seasons:
    """Profiles and dispersions of a day, for shards to judge by."""

    def __init__(self, values: Any) -> None:
        hours, rows = values
        self._known = sum(hours) >= ENOUGH_HOURS
        profiles = {name: (self._profile(week, hours), dispersion) for name, week, dispersion in rows}
        self._sums = {name: list(accumulate(profile, initial=0.0)) for name, (profile, _) in profiles.items()}
        self._seasons = {
            name: [Season(one, dispersion) for one in profile]
            for name, (profile, dispersion) in profiles.items()
        }

    @classmethod
    def from_snapshot(cls, values: Any) -> Self:
        """From `Population.snapshot()`."""
        return cls(values)

    def _profile(self, week: list[int], hours: list[int]) -> list[float]:
        if not self._known:
            return [1.0] * WEEK
        mean = max(sum(week) / sum(hours), 1e-9)
        # As if a quarter of an average hour had been seen besides, and as much more as the counts are few.
        prior = 0.25 + 4.0 / mean
        raw = [(w / mean + prior) / (h + prior) for w, h in zip(week, hours, strict=True)]
        scale = WEEK / sum(raw)
        return [min(20.0, max(0.05, value * scale)) for value in raw]

    def season(self, baseline: str, hour: int) -> Season:
        """The season of a baseline at an hour (hours since 1970)."""
        week = self._seasons.get(baseline)
        return _FLAT if week is None else week[hour % WEEK]

    def skipped(self, baseline: str, after: int, before: int) -> float:
        """Sum of the profiles of the hours between two hours, both left out."""
        gap = max(0, before - after - 1)
        sums = self._sums.get(baseline)
        if sums is None or not gap:
            return float(gap)
        weeks, rest = divmod(gap, WEEK)
        first = (after + 1) % WEEK
        last = first + rest
        part = sums[min(last, WEEK)] - sums[first] + (sums[last - WEEK] if last > WEEK else 0.0)
        return weeks * sums[WEEK] + part


class Population:
    """Everything over all entities and closed hours."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last: int | None = None
        self._sums: dict[str, _Sums] = {}
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
            self._sums.setdefault(name, _Sums()).add(sums, surprises=ordinary)
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
            population._sums[name] = _Sums.restore(sums)
        return population
