"""Many entities' `SeasonalCount` models as columns: one call settles, judges or teaches all of them.

A table and the models hold the same numbers and follow the same formulas; a test holds the two together.
What is rare (a tail's exact chance, saving, moving) is asked of the model that `model` gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from baselines.negative_binomial import upper_tails_of_active, zeros_beside_many
from baselines.seasonal_count import (
    CAP,
    FADE,
    FORGET,
    LEAST_DISPERSION,
    MOST_SPREAD,
    PRIOR_COUNT,
    PRIOR_HOURS,
    SHRINK,
    SeasonalCount,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NEVER = np.int64(-(1 << 62))  # first and last hour of a model that has learned nothing
LONGEST = 12_000  # silent hours that are told apart: after them next to nothing is left of what was known
# By plain Python, so that what is kept over a gap does not hang on how many rows are settled together.
_KEPT = np.array([(1.0 - FORGET) ** gap for gap in range(LONGEST + 1)])
# A count is far where it lies so many deviations above the mean. What does not has a chance of more than one in
# a thousand, however the counts scatter: no detection wants the tail of it.
FAR = 2.5

_FLOATS = ("counts", "exposure", "excess", "squares")
ROW = np.dtype([*((name, "<f8") for name in _FLOATS), ("first", "<i8"), ("last", "<i8"), ("seasoned", "?")])

_NOTHING = np.array((0.0, 0.0, 0.0, 0.0, NEVER, NEVER, False), ROW)


class SeasonalTable:
    """Rows of models by the number of their owner; an owner without a row has learned nothing."""

    def __init__(self) -> None:
        self._rows = np.zeros(0, ROW)
        self._used = 0
        self._free = np.empty(0, np.int64)  # rows of owners that were forgotten
        self._row_of = np.full(0, -1, np.int32)  # owner -> row

    def __len__(self) -> int:
        return self._used - len(self._free)

    def _reach(self, owners: Ints) -> Ints:
        """The owners' rows, made where they were not."""
        most = int(owners.max(initial=-1)) + 1
        if most > len(self._row_of):
            self._row_of = _grown(self._row_of, most, -1)
        fresh = owners[self._row_of[owners] < 0]
        if len(fresh):
            self._row_of[fresh] = self._new(len(fresh))
        return self._row_of[owners].astype(np.int64)

    def _new(self, number: int) -> Ints:
        """So many rows that nobody has."""
        again, self._free = self._free[:number], self._free[number:]
        end = self._used + number - len(again)
        if end > len(self._rows):
            self._rows = _grown(self._rows, end, _NOTHING)
        rows = np.concatenate([again, np.arange(self._used, end)])
        self._used = end
        self._rows[rows] = _NOTHING
        return rows

    def forget(self, owners: Ints) -> None:
        """Forget what some owners have learned."""
        known = owners[owners < len(self._row_of)]
        known = known[self._row_of[known] >= 0]
        self._free = np.concatenate([self._free, self._row_of[known].astype(np.int64)])
        self._row_of[known] = -1

    def _of(self, owners: Ints) -> Any:
        """Copies of the owners' rows."""
        places = self._reach(owners)
        return self._rows[places]

    def last_hours(self, owners: Ints) -> Ints:
        """Hour of each owner's last observation, NEVER for none."""
        last: Ints = self._of(owners)["last"]
        return last

    def hours_learned(self, owners: Ints, hour: int) -> Ints:
        """Hours between each owner's first observation and the given hour."""
        first = self._of(owners)["first"]
        return np.where(first == NEVER, 0, np.maximum(0, hour - first))

    def _settled(self, rows: Any, hour: int, skipped: Floats | None = None) -> tuple[Floats, Floats]:
        gap = np.where(rows["last"] == NEVER, 0, np.maximum(0, hour - rows["last"] - 1))
        kept = _KEPT[np.minimum(gap, LONGEST)]
        mean_profile = 1.0 if skipped is None else np.where(gap > 0, skipped / np.maximum(gap, 1), 1.0)
        return rows["counts"] * kept, rows["exposure"] * kept + mean_profile * (1.0 - kept) / FORGET

    def mean(self, owners: Ints, hour: int, profile: float) -> Floats:
        """The counts to expect in an hour of that profile."""
        counts, exposure = self._settled(self._of(owners), hour)
        return (counts + PRIOR_COUNT) / (exposure + PRIOR_HOURS) * profile

    def far(self, owners: Ints, numbers: Ints, hour: int, profile: float, dispersion: float) -> Mask:
        """Which counts lie so far above what is usual that their exact chance is worth working out."""
        mean, scatter = self._expected(owners, hour, profile, dispersion)
        result: Mask = numbers > mean + FAR * np.sqrt(mean + scatter * mean * mean)
        return result

    def tails(self, owners: Ints, numbers: Ints, hour: int, profile: float, dispersion: float) -> Floats:
        """P(X >= number) in that hour, given that it is none of a zero, for each owner; the numbers are above 0."""
        tails: Floats = upper_tails_of_active(numbers, *self._expected(owners, hour, profile, dispersion))
        return tails

    def _expected(self, owners: Ints, hour: int, profile: float, dispersion: float) -> tuple[Floats, Floats]:
        """Mean and dispersion of each owner's count, the doubt about the mean included."""
        rows = self._of(owners)
        counts, exposure = self._settled(rows, hour)
        mean = (counts + PRIOR_COUNT) / (exposure + PRIOR_HOURS) * profile
        return mean, _dispersion(rows, dispersion) + 1.0 / (counts + PRIOR_COUNT + 1.0)

    def learn(
        self,
        owners: Ints,
        numbers: Ints,
        hour: int,
        profile: float,
        dispersion: float,
        skipped: Floats,
        weight: Floats,
    ) -> None:
        """Teach each owner its count of an hour that comes after all that it has learned."""
        at = self._reach(owners)
        rows = self._rows[at]
        held = np.where(weight < 1.0, 1.0 - FADE, 1.0)
        counts, exposure = (held * sums for sums in self._settled(rows, hour, skipped))
        expected = (counts + PRIOR_COUNT) / (exposure + PRIOR_HOURS) * profile
        scatter = _dispersion(rows, dispersion)
        spread = np.sqrt(expected + np.minimum(scatter, MOST_SPREAD) * expected * expected)
        capped = np.minimum(numbers.astype(np.float64), expected + CAP * (1.0 + spread))
        taught = expected + weight * (capped - expected)
        if profile != 1.0:
            rows["excess"] = np.where(rows["seasoned"], rows["excess"], 0.0)
            rows["squares"] = np.where(rows["seasoned"], rows["squares"], 0.0)
            rows["seasoned"] = True
        kept = 1.0 - FORGET
        known = exposure > 24.0
        unseen = np.where(numbers > 0, zeros_beside_many(expected, scatter), 0.0)
        excess = (taught - expected) ** 2 - expected + unseen * (expected * expected - expected)
        squares = (1.0 + unseen) * expected * expected
        rows["excess"] = np.where(known, rows["excess"] * kept + excess, rows["excess"])
        rows["squares"] = np.where(known, rows["squares"] * kept + squares, rows["squares"])
        rows["counts"], rows["exposure"] = counts * kept + taught, exposure * kept + profile
        rows["first"] = np.where(rows["first"] == NEVER, hour, rows["first"])
        rows["last"] = hour
        self._rows[at] = rows

    # One owner's model

    def model(self, owner: int) -> SeasonalCount:
        """The owner's model, as it is now: a copy."""
        at = int(self._row_of[owner]) if owner < len(self._row_of) else -1
        if at < 0:
            return SeasonalCount()
        *sums, first, last, seasoned = self._rows[at].item()
        hours = [None if hour == NEVER else hour for hour in (first, last)]
        return SeasonalCount.restore([*sums, *hours, seasoned], SeasonalCount.VERSION)

    def has(self, owner: int) -> bool:
        """Whether the owner has learned anything."""
        return owner < len(self._row_of) and self._row_of[owner] >= 0

    def put(self, owner: int, model: SeasonalCount) -> None:
        """Set the owner's model."""
        at = self._reach(np.array([owner]))[0]
        *sums, first, last, seasoned = model.state()
        hours = [NEVER if hour is None else hour for hour in (first, last)]
        self._rows[at] = (*sums, *hours, seasoned)

    # Many owners' rows, to be saved

    def rows(self, owners: Ints) -> tuple[Mask, Any]:
        """Which of the owners have learned anything, and the rows (`ROW`) of those."""
        has = np.zeros(len(owners), bool)
        met = owners < len(self._row_of)
        has[met] = self._row_of[owners[met]] >= 0
        return has, self._rows[self._row_of[owners[has]]]

    def put_rows(self, owners: Ints, rows: Any) -> None:
        """Set the owners' rows."""
        if len(owners):
            at = self._reach(owners)  # first: it may make the table longer
            self._rows[at] = rows


def _dispersion(rows: Any, organisation: float) -> Floats:
    squares = rows["squares"]
    weight = squares / (squares + SHRINK)
    own = np.where(squares > 0.0, rows["excess"] / np.where(squares > 0.0, squares, 1.0), 0.0)
    result: Floats = np.maximum(LEAST_DISPERSION, weight * own + (1.0 - weight) * organisation)
    return result


def _grown(column: Any, least: int, fill: Any) -> Any:
    """A longer copy: half as long again, so that growing costs the same for each owner."""
    out = np.full(max(least, 1_024, len(column) * 3 // 2), fill, column.dtype)
    out[: len(column)] = column
    return out
