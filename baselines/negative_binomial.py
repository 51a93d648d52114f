"""The upper tail of the negative binomial."""

from __future__ import annotations

from functools import cache
from math import exp, log1p
from typing import Any

import numpy as np
import numpy.typing as npt

TINY = 1e-300  # what is rarer than this is said to be as rare as this
Floats = npt.NDArray[np.float64]


def upper_tail(count: int, mean: float, dispersion: float) -> float:
    """P(X >= count) where X has that mean and the variance mean + dispersion * mean**2.

    It is the regularised incomplete beta function (Johnson, Kemp and Kotz, 2005). Near the Poisson limit
    (dispersion -> 0) it is the Poisson tail. Result within [1e-300, 1].

    >>> round(upper_tail(1, 0.5, 1.0), 6), round(upper_tail(3, 1.0, 1e-9), 6)
    (0.333333, 0.080301)
    >>> upper_tail(0, 3.0, 0.2), upper_tail(10**9, 1.0, 0.1)
    (1.0, 1e-300)
    """
    return float(upper_tails(count, mean, dispersion)) if count > 0 else 1.0


@cache
def incomplete_beta() -> Any:
    """SciPy's regularised incomplete beta function.

    Its import takes a quarter of a second. Who only reads the catalogue needs none of it; who judges hours asks for
    it at the start, since at the first hour's close records wait.
    """
    from scipy.special import betainc

    return betainc


def upper_tails(count: Any, mean: Any, dispersion: Any) -> Any:
    """`upper_tail` of columns; the counts are above 0."""
    size, mean = 1.0 / np.maximum(dispersion, 1e-7), np.maximum(mean, 1e-12)
    return np.clip(incomplete_beta()(count, size, mean / (size + mean)), TINY, 1.0)


def upper_tails_of_active(count: Any, mean: Any, dispersion: Any) -> Any:
    """P(X >= count | X >= 1): a baseline is asked of hours in which something happened, and of no others.

    For somebody who acts in one hour of a hundred any act is rare, and yet usual for the hours in which it acts.

    >>> round(float(upper_tails_of_active(1, 0.01, 0.5)), 6), round(float(upper_tails_of_active(3, 1.0, 1e-9)), 6)
    (1.0, 0.127035)
    """
    tails = upper_tails(count, mean, dispersion) / upper_tails(1, mean, dispersion)
    return np.clip(tails, TINY, 1.0)


def zeros_beside(mean: float, dispersion: float) -> float:
    """Hours of a zero that there are, by expectation, for each hour that is not one: P(0) / P(X > 0).

    An hour without an event is no observation; whoever judges scatter by the others alone sees too much of it.

    >>> round(zeros_beside(0.5, 1e-9), 3), round(zeros_beside(0.5, 1.0), 3), zeros_beside(1e-9, 1.0)
    (1.541, 2.0, 100.0)
    """
    nothing = exp(-log1p(dispersion * mean) / dispersion)
    return min(100.0, nothing / max(1.0 - nothing, 1e-9))


def zeros_beside_many(mean: Floats, dispersion: Floats | float) -> Floats:
    """`zeros_beside` of columns."""
    nothing = np.exp(-np.log1p(dispersion * mean) / dispersion)
    beside: Floats = np.minimum(100.0, nothing / np.maximum(1.0 - nothing, 1e-9))
    return beside
