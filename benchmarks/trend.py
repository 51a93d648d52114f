"""Whether a figure that was looked at many times grows, or only moves about.

Looks that follow one another are alike, so they are not counted as so many: the time is cut into `BLOCKS`, of each the
median is taken, and the slope is the median of the slopes between all pairs of them (Theil 1950, Sen 1968), with
Sen's confidence interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np

BLOCKS = 16
Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope an hour, with the ends of its confidence interval, and the level in the middle."""

    level: float
    slope: float
    low: float
    high: float
    hours: float  # over which it was looked at

    @property
    def growth(self) -> float:
        """From the first look to the last, as the slope has it."""
        return self.slope * self.hours

    def is_growth(self, share: float, least: float) -> bool:
        """Whether it grows for certain, by more than a share of the level and more than `least`."""
        return self.low > 0 and self.growth > max(share * abs(self.level), least)


def trend(at_s: Sequence[float], values: Sequence[float], blocks: int = BLOCKS) -> Trend:
    """Of looks at so many seconds. Raises ValueError for fewer than four of them."""
    if len(at_s) < 4:
        raise ValueError("a trend needs four looks")
    order = np.argsort(at_s, kind="stable")
    times, seen = np.asarray(at_s, float)[order] / 3_600, np.asarray(values, float)[order]
    parts = [part for part in np.array_split(np.arange(len(times)), min(blocks, len(times))) if len(part)]
    x = [float(np.mean(times[part])) for part in parts]
    y = [float(np.median(seen[part])) for part in parts]
    slopes = np.sort(
        [(y[j] - y[i]) / (x[j] - x[i]) for i, j in combinations(range(len(x)), 2) if x[j] > x[i]]
    )
    n, pairs = len(x), len(slopes)
    wide = Z * sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low, high = int((pairs - wide) / 2), int((pairs + wide) / 2)
    return Trend(
        float(np.median(seen)),
        float(np.median(slopes)),
        float(slopes[max(0, low)]),
        float(slopes[min(pairs - 1, high)]),
        float(times[-1] - times[0]),
    )
