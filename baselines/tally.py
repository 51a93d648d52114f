"""What one shard counted in one closed hour, for the organisation's view: integers, so that shards add up in any order.

For each counting baseline: how much there was, how much more counts scatter than chance would have it, how large they
were (a histogram), how surprising they were to their entity's model (`baselines.surprise`), and how large those were
that were rare to it (`baselines.sizes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from baselines.negative_binomial import zeros_beside, zeros_beside_many
from baselines.sizes import RARE_SCORE, Sizes, place_of
from baselines.surprise import Surprises, whole

FIXED = 1 << 20  # fixed point: fractions are kept in millionths, about
ZEROS_DISPERSION = 0.1  # taken for how many hours of a zero stand beside the others
LEAST_EXPECTED = 0.2  # below that an hour says too little of scatter

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Sums:
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

    def add(self, other: Sums, *, surprises: bool = True) -> None:
        """Add what another one has; without its surprises where they are not to count."""
        for name in ("hours", "total", "capped", "excess", "squares", "met", "due"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for place, number in other.histogram.items():
            self.histogram[place] = self.histogram.get(place, 0) + number
        if surprises:
            self.surprises.add(other.surprises)
            self.sizes.add(other.sizes)

    def state(self) -> list[Any]:
        """As MessagePack values."""
        numbers = [self.hours, self.total, self.capped, self.excess, self.squares]
        seen = [sorted(self.histogram.items()), self.surprises.state()]
        return [*numbers, *seen, self.met, self.due, self.sizes.state()]

    @classmethod
    def restore(cls, state: Iterable[Any]) -> Self:
        """The sums with that state."""
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
        self._sums: dict[str, Sums] = {}

    def _of(self, baseline: str) -> Sums:
        sums = self._sums.get(baseline)
        if sums is None:
            sums = self._sums[baseline] = Sums()
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
            self._sums.setdefault(name, Sums()).add(sums)

    def items(self) -> Iterable[tuple[str, Sums]]:
        """The sums by baseline."""
        return self._sums.items()

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [[name, *sums.state()] for name, sums in sorted(self._sums.items())]

    @classmethod
    def restore(cls, state: Any) -> Self:
        """The tally with that state."""
        tally = cls()
        tally._sums = {name: Sums.restore(sums) for name, *sums in state}
        return tally
