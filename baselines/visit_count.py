"""Counts an hour of who comes seldom: how much it does when it comes is a habit of its own."""

from __future__ import annotations

from math import exp
from typing import Any, Self

from baselines.base import number
from baselines.negative_binomial import upper_tail
from baselines.seasonal_count import FADE, FORGET, SeasonalCount

# An entity that was never active is taken for one that does one thing in an hour, now and then two.
PRIOR_HOURS_ACTIVE = 1.0
PRIOR_MORE = 0.25
SIZES_SCATTER = 0.25  # dispersion of what comes beyond the first, beside the doubt about its mean
LARGE = 0.1  # what is more probable than that needs no second opinion


class VisitCount(SeasonalCount):
    """A `SeasonalCount` that also knows how large hours are in which something happens at all.

    Who reads six secrets once a week has a mean of 0.04 an hour. Of that mean six in an hour are one in ten million, and
    of the hours in which it came at all they are what is usual. So counts are taken for a mixture (Mullahy's hurdle, 1986):
    in so many hours as are empty by the mean, `exp(-mean)`, what happens is a visit, whose size is one and a negative
    binomial of the mean that visits had beyond the first; in the others it is as busy an entity has it. Whoever is
    active in most hours is judged as before. What one hour may teach of sizes is capped as what it may teach of the mean.

    >>> weekly = VisitCount()
    >>> for week in range(3):
    ...     weekly.learn_one({"hour": 168 * week, "count": 6})
    >>> weekly.score_one({"hour": 504, "count": 6}) < 1.5 < 5 < weekly.score_one({"hour": 504, "count": 60})
    True
    """

    VERSION = 1

    def __init__(self) -> None:
        super().__init__()
        self._active = 0.0  # decayed hours in which something happened

    @classmethod
    def of(cls, earlier: SeasonalCount) -> Self:
        """A model that goes on from what a `SeasonalCount` learned; of sizes it knows nothing yet."""
        model = cls()
        vars(model).update(vars(earlier))
        model._active = model._counts
        return model

    def own_tail(self, count: int, hour: int, profile: float = 1.0, dispersion: float = 0.5) -> float:
        """P(X >= count), given that it is no hour of a zero, by mean and scatter, or as a visit."""
        busy = super().own_tail(count, hour, profile, dispersion)
        if busy >= LARGE:
            return busy
        return max(busy, exp(-self.mean(hour)) * self._visit_tail(int(count), hour))

    def _visit_tail(self, count: int, hour: int) -> float:
        """P(X >= count) of a visit."""
        kept = 1.0 if self._last is None else (1.0 - FORGET) ** max(0, hour - self._last - 1)
        more = max(0.0, self._counts - self._active) * kept + PRIOR_MORE
        mean = more / (self._active * kept + PRIOR_HOURS_ACTIVE)
        return upper_tail(count - 1, mean, SIZES_SCATTER + 1.0 / (more + 1.0))

    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn an hour's count, as a `SeasonalCount` does, and that the entity was active in it."""
        before = self._last
        super().learn_one(x, w)
        hour = int(x.get("hour", 0))
        if before is not None and hour > before:
            self._active *= (1.0 - FORGET) ** (hour - before) * (1.0 - FADE if w < 1.0 else 1.0)
        if x.get("count", 0) > 0:
            self._active += 1.0

    def state(self) -> list[Any]:
        """What a `SeasonalCount` has, and the active hours."""
        return [*super().state(), self._active]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version != cls.VERSION or len(state) != 9:
            raise ValueError(f"a VisitCount of version {version} can't be read")
        *sums, active = state
        model = cls.of(SeasonalCount.restore(sums, SeasonalCount.VERSION))
        model._active = number(active, 0.0)
        return model
