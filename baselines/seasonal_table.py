"""Many entities' `SeasonalCount` models as columns: one call settles, judges or teaches all of them.

A table and the models hold the same numbers and follow the same formulas; a test holds the two together.
What is rare (a tail's exact chance, saving, moving) is asked of the model that `model` gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from baselines.large_days import KEPT, RARE, LargeDays
from baselines.negative_binomial import upper_tails_of_active, zeros_beside_many
from baselines.owned_rows import Ints, Mask, OwnedRows
from baselines.seasonal_count import (
    CAP,
    FADE,
    FORGET,
    HOURS_TO_KNOW,
    LEAST_DISPERSION,
    MORE,
    MOST_SPREAD,
    PRIOR_COUNT,
    PRIOR_HOURS,
    SHRINK,
    TIMES,
    SeasonalCount,
)

Floats = npt.NDArray[np.float64]

NEVER = np.int64(-(1 << 62))  # first and last hour of a model that has learned nothing
LONGEST = 12_000  # silent hours that are told apart: after them next to nothing is left of what was known
# By plain Python, so that what is kept over a gap does not hang on how many rows are settled together.
_KEPT = np.array([(1.0 - FORGET) ** gap for gap in range(LONGEST + 1)])
# A count is far where it lies so many deviations above the mean. What does not has a chance of more than one in
# a thousand, however the counts scatter: no detection wants the tail of it.
FAR = 2.5

_FLOATS = ("counts", "exposure", "excess", "squares")
ROW = np.dtype([*((name, "<f8") for name in _FLOATS), ("first", "<i8"), ("last", "<i8"), ("seasoned", "?")])

VERSION = 2  # of saved rows, of both kinds
DAYS = " days"  # after a table's name: its large days, as they are saved

_NOTHING = np.array((0.0, 0.0, 0.0, 0.0, NEVER, NEVER, False), ROW)

# Large days, of those who have any; a day of no hour (-1) is none.
DAYS_ROW = np.dtype(
    [
        ("since", "<i4"),
        ("active", "<i4"),
        ("hours", "<i4", (KEPT,)),
        ("counts", "<i4", (KEPT,)),
        ("profiles", "<u2", (KEPT,)),
    ]
)
_NO_DAYS = np.zeros((), DAYS_ROW)
_NO_DAYS["hours"] = -1


class SeasonalTable:
    """Rows of models by the number of their owner; an owner without a row has learned nothing."""

    def __init__(self) -> None:
        self._models = OwnedRows(_NOTHING)
        self._days = OwnedRows(_NO_DAYS)

    def __len__(self) -> int:
        return len(self._models)

    def forget(self, owners: Ints) -> None:
        """Forget what some owners have learned."""
        self._models.forget(owners)
        self._days.forget(owners)

    def _of(self, owners: Ints) -> Any:
        """Copies of the owners' rows."""
        places = self._models.reach(owners)
        return self._models.rows[places]

    def last_hours(self, owners: Ints) -> Ints:
        """Hour of each owner's last observation, NEVER for none."""
        at = self._models.reach(owners)
        last: Ints = self._models.rows["last"][at]
        return last

    def hours_learned(self, owners: Ints, hour: int) -> Ints:
        """Hours between each owner's first observation and the given hour."""
        at = self._models.reach(owners)  # first: it may make the table longer
        first = self._models.rows["first"][at]
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
        tails = self._own_tails(owners, numbers, hour, profile, dispersion)
        rare = np.flatnonzero(tails < RARE)
        for at in rare[self._days.having(owners[rare])].tolist():
            model = self.model(int(owners[at]))  # it is asked of few
            tails[at] = max(tails[at], model.tail(int(numbers[at]), hour, profile, dispersion))
        return tails

    def _own_tails(self, owners: Ints, numbers: Ints, hour: int, profile: float, dispersion: float) -> Floats:
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
        self._remember(owners, numbers, hour, profile, dispersion)
        at = self._models.reach(owners)
        rows = self._models.rows[at]
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
        if len(known := np.flatnonzero(exposure > 24.0)):
            mean = expected[known]
            unseen = np.where(numbers[known] > 0, zeros_beside_many(mean, scatter[known]), 0.0)
            excess = (taught[known] - mean) ** 2 - mean + unseen * (mean * mean - mean)
            rows["excess"][known] = rows["excess"][known] * kept + excess
            rows["squares"][known] = rows["squares"][known] * kept + (1.0 + unseen) * mean * mean
        rows["counts"], rows["exposure"] = counts * kept + taught, exposure * kept + profile
        rows["first"] = np.where(rows["first"] == NEVER, hour, rows["first"])
        rows["last"] = hour
        self._models.rows[at] = rows

    def _remember(self, owners: Ints, numbers: Ints, hour: int, profile: float, dispersion: float) -> None:
        """`SeasonalCount._remember` of each."""
        having = owners[self._days.having(owners)]
        self._days.rows["active"][self._days.reach(having)] += 1
        known = self.hours_learned(owners, hour) >= HOURS_TO_KNOW
        owners, numbers = owners[known], numbers[known]
        wild = numbers > TIMES * self.mean(owners, hour, profile) + MORE
        owners, numbers = owners[wild], numbers[wild]
        rare = self._own_tails(owners, numbers, hour, profile, dispersion) < RARE
        for owner, number in zip(owners[rare].tolist(), numbers[rare].tolist(), strict=True):
            large = self._large(owner) or LargeDays(hour, 1)
            large.note(hour, number, profile)
            self._put_large(owner, large)

    # One owner's model

    def model(self, owner: int) -> SeasonalCount:
        """The owner's model, as it is now: a copy."""
        if not self._models.has(owner):
            return SeasonalCount()
        *sums, first, last, seasoned = self._models.row(owner).item()
        hours = [None if hour == NEVER else hour for hour in (first, last)]
        model = SeasonalCount.restore([*sums, *hours, seasoned, None], SeasonalCount.VERSION)
        model.large = self._large(owner)
        return model

    def has(self, owner: int) -> bool:
        """Whether the owner has learned anything."""
        return self._models.has(owner)

    def put(self, owner: int, model: SeasonalCount) -> None:
        """Set the owner's model."""
        *sums, first, last, seasoned, _ = model.state()
        hours = [NEVER if hour is None else hour for hour in (first, last)]
        at = self._models.reach(np.array([owner]))[0]
        self._models.rows[at] = (*sums, *hours, seasoned)
        self._days.forget(np.array([owner]))
        if model.large is not None:
            self._put_large(owner, model.large)

    def _large(self, owner: int) -> LargeDays | None:
        if not self._days.has(owner):
            return None
        row = self._days.row(owner)
        large = LargeDays(int(row["since"]), int(row["active"]))
        days = zip(row["hours"].tolist(), row["counts"].tolist(), row["profiles"].tolist(), strict=True)
        large.days = [day for day in days if day[0] >= 0]
        return large

    def _put_large(self, owner: int, large: LargeDays) -> None:
        row = _NO_DAYS.copy()
        row["since"], row["active"] = large.since, large.active
        for at, (hour, count, profile) in enumerate(large.days):
            row["hours"][at], row["counts"][at], row["profiles"][at] = hour, count, profile
        self._days.put(np.array([owner]), row)

    # Many owners' rows, to be saved

    def rows(self, owners: Ints) -> tuple[Mask, Any]:
        """Which of the owners have learned anything, and the rows (`ROW`) of those."""
        return self._models.saved(owners)

    def put_rows(self, owners: Ints, rows: Any) -> None:
        """Set the owners' rows."""
        self._models.put(owners, rows)
        self._days.forget(owners)

    def days(self, owners: Ints) -> tuple[Mask, Any]:
        """Which of the owners have large days, and the rows (`DAYS_ROW`) of those."""
        return self._days.saved(owners)

    def put_days(self, owners: Ints, rows: Any) -> None:
        """Set the owners' large days, after their rows."""
        self._days.put(owners, rows)


def _dispersion(rows: Any, organisation: float) -> Floats:
    squares = rows["squares"]
    weight = squares / (squares + SHRINK)
    own = np.where(squares > 0.0, rows["excess"] / np.where(squares > 0.0, squares, 1.0), 0.0)
    result: Floats = np.maximum(LEAST_DISPERSION, weight * own + (1.0 - weight) * organisation)
    return result
